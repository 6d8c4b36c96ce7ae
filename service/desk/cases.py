"""The desk: what waits for a steward, each case with its pictures side by side, and its decision."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent.acts.resolve_case import Ruling, resolve_case
from consent.reads.cases import Docket, case, closed_cases, open_cases
from consent.reads.claims import alarms, of_claimant
from consent.rules.lifecycle import DECISIONS, CaseMove, Search
from registry import originals
from registry.errors import Refusal
from service import previews, words
from service.desk.clock import clock
from service.desk.pairs import pairs, seen_in
from service.desk.steward import steward
from service.nudge import nudger
from service.problems import SLUGS

CLOSED: Final = 100
REASON: Final = 2_000  # characters
STILL_LOOKING: Final = 204  # htmx leaves the page as it is


@dataclass(frozen=True)
class Said:
    """A steward's form. `same`: the pictures that were ticked; `seen`: those that the page showed."""

    move: str
    ground: str
    same: frozenset[UUID]
    seen: frozenset[UUID]

    @classmethod
    def read(cls, request: HttpRequest) -> Self:
        """What is no number names no picture."""
        form = request.POST
        same, seen = (frozenset(_numbers(form.getlist(name))) for name in ("same", "seen"))
        return cls(form.get("move", ""), form.get("ground", "").strip(), same & seen, seen)

    @property
    def ticks(self) -> dict[UUID, bool]:
        """Of each picture that was shown, whether it was ticked."""
        return {image: image in self.same for image in self.seen}

    def faults(self, docket: Docket) -> dict[str, str]:
        faults = {}
        listed = frozenset(held.image for held in docket.images)
        if self.move not in DECISIONS:
            faults["move"] = _("Choose a decision.")
        elif _looking(docket):
            faults["pictures"] = _("We still look for copies. Decide when that is done.")
        elif docket.open and self.seen != listed:
            faults["pictures"] = _("More copies were found meanwhile. Look at them too.")
        elif self.move == CaseMove.ACCEPT and listed and not self.same:
            faults["pictures"] = _("Tick the pictures that are the same, or reject.")
        if not self.ground:
            faults["ground"] = _("Give the reason. It stands in the log.")
        elif len(self.ground) > REASON:
            faults["ground"] = _("Give the reason in at most %(most)d characters.") % {"most": REASON}
        return faults


def _numbers(said: list[str]) -> list[UUID]:
    try:
        return [UUID(each) for each in said]
    except ValueError:  # the form was altered
        return []


def _row(docket: Docket, at: datetime) -> dict[str, Any]:
    return {
        "case": docket,
        "clock": clock(docket, at=at),
        "kind": words.CASE_KIND[docket.kind],
        "state": words.CASE_STATE[docket.state],
        "count": len(docket.images),
    }


@require_safe
@steward
def queue(request: HttpRequest, _steward: UUID) -> HttpResponse:
    """`/desk/`: open cases, the earliest due first."""
    at = timezone.now()
    rows = [_row(docket, at) for docket in open_cases()]
    overdue = sum(row["clock"].tone == "overdue" for row in rows)
    return render(request, "desk/queue.html", {"rows": rows, "overdue": overdue, "alarms": alarms(at)})


@require_safe
@steward
def closed(request: HttpRequest, _steward: UUID) -> HttpResponse:
    """`/desk/closed`: decided cases, the newest first."""
    at = timezone.now()
    rows = [_row(docket, at) for docket in closed_cases(limit=CLOSED)]
    return render(request, "desk/closed.html", {"rows": rows})


@require_safe
@steward
def one(request: HttpRequest, _steward: UUID, number: UUID) -> HttpResponse:
    """`/desk/cases/<number>`. While copies are looked for, the page asks again by itself."""
    docket = case(number)
    if docket.kind == "statements":
        return redirect("desk-statements", number)
    if request.headers.get("HX-Request") and _looking(docket):
        return HttpResponse(status=STILL_LOOKING)
    return _page(request, docket)


def _looking(docket: Docket) -> bool:
    return docket.open and docket.search == "waiting"


def _page(
    request: HttpRequest,
    docket: Docket,
    *,
    said: Said | None = None,
    faults: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    compared = pairs(docket, ticks=said.ticks if said else {})
    shown = {
        **_row(docket, timezone.now()),
        "pairs": compared,
        "measured": any(pair.distance is not None for pair in compared),
        "looking": _looking(docket),
        "unread": docket.open and originals.asked(docket.id).exists(),
        "claims": of_claimant(docket.id) if docket.open else None,
        "accept": words.ACCEPT[docket.kind],
        "reject": words.REJECT[docket.kind],
        "longest": REASON,
        "said": said,
        "faults": faults,
    }
    return render(request, "desk/case.html", shown, status=status)


@require_POST
@steward
def check(request: HttpRequest, _steward: UUID, number: UUID) -> HttpResponse:
    """`/desk/cases/<number>/check`: what the decision will do to each picture, before it is done."""
    docket, said = case(number), Said.read(request)
    if faults := said.faults(docket):
        return _page(request, docket, said=said, faults=faults, status=422)
    accepts = said.move == CaseMove.ACCEPT
    shown = {
        **_row(docket, timezone.now()),
        "pairs": pairs(docket, ticks=said.ticks),
        "said": said,
        "accepts": accepts,
        "decision": (words.ACCEPT if accepts else words.REJECT)[docket.kind],
    }
    return render(request, "desk/check.html", shown)


@require_POST
@steward
def decide(request: HttpRequest, steward: UUID, number: UUID) -> HttpResponse:
    """`/desk/cases/<number>/decide`: the act. Another steward may have been first; the page says so."""
    said = Said.read(request)
    if faults := said.faults(case(number)):
        return _page(request, case(number), said=said, faults=faults, status=422)
    try:
        resolve_case(
            number,
            ruling=Ruling(CaseMove(said.move), said.ground, steward),
            at=timezone.now(),
            seen=said.seen,
            same=said.same,
        )
    except Refusal as refusal:  # decided before, more was found, or no such case
        status, _title = SLUGS[refusal.slug]
        return _page(request, case(number), faults={"move": refusal.detail}, status=status)
    originals.discard_asked(number)  # after the commit; what a crash leaves here, the sweep deletes
    nudger.protect()
    return redirect("desk-case", number=number)


@require_http_methods(["GET", "HEAD"])
@steward
def preview(_request: HttpRequest, _steward: UUID, number: UUID, image: UUID) -> FileResponse:
    """`/desk/cases/<number>/images/<image>`: pictures of a case, and no others."""
    if image not in seen_in(case(number)):
        raise Http404
    return previews.preview(image)


@require_http_methods(["GET", "HEAD"])
@steward
def asked(_request: HttpRequest, _steward: UUID, number: UUID) -> FileResponse:
    """`/desk/cases/<number>/asked`: the picture that came with a request, until that is decided."""
    if not case(number).open:
        raise Http404
    return previews.asked_preview(number)


@require_http_methods(["GET", "HEAD"])
@steward
def file(_request: HttpRequest, _steward: UUID, number: UUID) -> FileResponse:
    """`/desk/cases/<number>/file`: what came with a request and could not be read, until that is decided."""
    docket = case(number)
    if not docket.open or docket.search != Search.UNREADABLE:
        raise Http404
    return previews.asked_file(number)
