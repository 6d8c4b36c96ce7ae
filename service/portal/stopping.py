"""Stopping: one page that names what stops, one button. Fewer steps than allowing took, and nothing to explain."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from consent.acts.withdraw import Withdrawing, withdraw
from consent.reads.claims import copies
from consent.reads.pictures import last_withdrawal, pictures
from consent.reads.pipelines import Reach, reach
from consentkit.scopes import PURPOSES
from service import words
from service.nudge import nudger
from service.portal.chosen import Selection, selection
from service.portal.contributor import contributor, everybody
from service.portal.gallery import cards

DONE: Final = "stopped"
FEW: Final = 6  # pictures shown small


@require_http_methods(["GET", "HEAD", "POST"])
@contributor
def stop(request: HttpRequest, person: UUID) -> HttpResponse:
    """`/stop?pictures=all`, `/stop?pictures=<number>&purposes=<purpose>`: what will stop; POST stops it."""
    said = request.POST if request.method == "POST" else request.GET
    chosen = selection(said.getlist("pictures"), theirs=pictures(person, at=timezone.now()))
    if chosen is None:
        return redirect("pictures")
    named = [purpose for purpose in PURPOSES if purpose in said.getlist("purposes")]
    if request.method == "POST":
        return _stopped(request, person, chosen, named or list(PURPOSES))
    shown = {
        "chosen": chosen,
        "count": words.pictures(len(chosen.pictures)),
        "named": named,
        "said": words.purposes(named),
        "offered": [(purpose, words.PURPOSE[purpose]) for purpose in PURPOSES],
        "cards": cards(chosen.pictures[:FEW]),
    }
    return render(request, "portal/stop.html", shown)


def _stopped(request: HttpRequest, person: UUID, chosen: Selection, purposes: list[str]) -> HttpResponse:
    at = timezone.now()
    withdrawn = withdraw(person, withdrawing=Withdrawing(chosen.numbers, tuple(purposes)), at=at)
    if chosen.every:  # of accounts that were joined, too; a crash between two is mended by pressing again
        for other in everybody(request):
            if other != person and pictures(other, at=at):
                withdraw(other, withdrawing=Withdrawing("all", tuple(purposes)), at=at)
    nudger.protect()
    request.session[DONE] = {
        "index": withdrawn.index,
        "at": None if withdrawn.repeated else at.isoformat(),
        "pictures": len(chosen.pictures),
        "every": chosen.every,
        "purposes": purposes,
        "collections": sorted({str(picture.collection) for picture in chosen.pictures}),
    }
    return redirect("stop-done")


@require_safe
@contributor
def done(request: HttpRequest, person: UUID) -> HttpResponse:
    """`/stop/done`: when it stopped, the reference, and how many organisations have word of it."""
    found = request.session.get(DONE)
    if found is None:
        return redirect("pictures")
    spread = _reach(found["collections"], index=found["index"])
    shown = {
        "index": found["index"],
        "at": _when(person, found["index"], found["at"]),
        "every": found["every"],
        "count": words.pictures(found["pictures"]),
        "said": words.purposes(found["purposes"]),
        "everything": len(found["purposes"]) == len(PURPOSES),
        "updated": words.updated(spread.synced, spread.pipelines),
        "reach": spread,
        "waiting": spread.synced < spread.pipelines,
        "copies": copies(person),
    }
    return render(request, "portal/stop_done.html", shown)


def _when(person: UUID, index: int, at: str | None) -> datetime | None:
    """The moment of this stop. A repeat's first time is known when it was the newest; else None."""
    if at is not None:
        return datetime.fromisoformat(at)
    newest = last_withdrawal(person)
    return newest.recorded_at if newest is not None and newest.index == index else None


def _reach(collections: Iterable[str], *, index: int) -> Reach:
    """Over all the collections that the pictures belong to."""
    each = [reach(UUID(number), index=index) for number in collections]
    return Reach(sum(one.synced for one in each), sum(one.pipelines for one in each))
