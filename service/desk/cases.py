"""The desk: what waits for a steward, each case, and its decision."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent.acts.resolve_case import resolve_case
from consent.reads.cases import Docket, case, closed_cases, open_cases
from consent.rules.lifecycle import CaseMove
from registry import originals
from registry.errors import Refusal
from service import previews, words
from service.desk.clock import clock
from service.desk.steward import steward
from service.problems import SLUGS

CLOSED: Final = 100
REASON: Final = 2_000  # characters


def _row(docket: Docket, at: datetime) -> dict[str, Any]:
    return {
        "case": docket,
        "clock": clock(docket, at=at),
        "kind": words.CASE_KIND[docket.kind],
        "state": words.CASE_STATE[docket.state],
        "images": [
            {"image": held.image, "hold": words.HOLD[held.hold], "preview": originals.preview(held.image).exists()}
            for held in docket.images
        ],
    }


@require_safe
@steward
def queue(request: HttpRequest, _steward: UUID) -> HttpResponse:
    """`/desk/`: open cases, the earliest due first."""
    at = timezone.now()
    rows = [_row(docket, at) for docket in open_cases()]
    overdue = sum(row["clock"].tone == "overdue" for row in rows)
    return render(request, "desk/queue.html", {"rows": rows, "overdue": overdue})


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
    """`/desk/cases/<number>`"""
    return _page(request, case(number))


def _page(request: HttpRequest, docket: Docket, *, status: int = 200, **said: Any) -> HttpResponse:
    shown = {**_row(docket, timezone.now()), "longest": REASON, **said}
    return render(request, "desk/case.html", shown, status=status)


@require_POST
@steward
def check(request: HttpRequest, _steward: UUID, number: UUID) -> HttpResponse:
    """`/desk/cases/<number>/check`: what the decision will do, before it is done."""
    docket = case(number)
    move, ground = request.POST.get("move", ""), request.POST.get("ground", "").strip()
    faults = _faults(move, ground)
    if faults:
        return _page(request, docket, faults=faults, move=move, ground=ground, status=422)
    shown = {**_row(docket, timezone.now()), "move": move, "ground": ground, "accepts": move == CaseMove.ACCEPT}
    return render(request, "desk/check.html", shown)


def _faults(move: str, ground: str) -> dict[str, str]:
    faults = {}
    if move not in set(CaseMove):
        faults["move"] = _("Choose a decision.")
    if not ground:
        faults["ground"] = _("Give the reason. It stands in the log.")
    elif len(ground) > REASON:
        faults["ground"] = _("Give the reason in at most %(most)d characters.") % {"most": REASON}
    return faults


@require_POST
@steward
def decide(request: HttpRequest, steward: UUID, number: UUID) -> HttpResponse:
    """`/desk/cases/<number>/decide`: the act. Another steward may have been first; the page says so."""
    move, ground = request.POST.get("move", ""), request.POST.get("ground", "").strip()
    if faults := _faults(move, ground):
        return _page(request, case(number), faults=faults, move=move, ground=ground, status=422)
    try:
        resolve_case(number, move=CaseMove(move), ground=ground, steward=steward, at=timezone.now())
    except Refusal as refusal:  # decided before, or no such case
        status, _title = SLUGS[refusal.slug]
        return _page(request, case(number), faults={"move": refusal.detail}, status=status)
    return redirect("desk-case", number=number)


@require_http_methods(["GET", "HEAD"])
@steward
def preview(_request: HttpRequest, _steward: UUID, number: UUID, image: UUID) -> FileResponse:
    """`/desk/cases/<number>/images/<image>`: pictures of a case, and no others."""
    if image not in {held.image for held in case(number).images}:
        raise Http404
    return previews.preview(image)
