"""All open cases of one claimant, decided in one act; and a decision that is taken back."""

from dataclasses import dataclass
from typing import Self
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from consent.acts.reopen_case import reopen_case
from consent.acts.resolve_case import Ruling
from consent.acts.resolve_claims import resolve_claims
from consent.reads.cases import case
from consent.reads.claims import Claims, of_claimant
from consent.rules.lifecycle import DECISIONS, CaseMove
from registry import originals
from registry.errors import Refusal
from service.desk.cases import REASON
from service.desk.steward import steward
from service.nudge import nudger
from service.problems import SLUGS


@dataclass(frozen=True)
class Said:
    """A steward's form, with the numbers that their page showed."""

    move: str
    ground: str
    sure: bool
    cases: frozenset[str]
    images: int

    @classmethod
    def read(cls, request: HttpRequest) -> Self:
        form, images = request.POST, request.POST.get("images", "")
        return cls(
            form.get("move", ""),
            form.get("ground", "").strip(),
            "sure" in form,
            frozenset(form.getlist("case")),
            int(images) if images.isdecimal() else 0,
        )

    def faults(self) -> dict[str, str]:
        faults = {}
        if self.move not in DECISIONS:
            faults["move"] = _("Choose a decision.")
        faults.update(ground_faults(self.ground))
        return faults


def ground_faults(ground: str) -> dict[str, str]:
    """A steward's reason is given, and not a book."""
    if not ground:
        return {"ground": _("Give the reason. It stands in the log.")}
    if len(ground) > REASON:
        return {"ground": _("Give the reason in at most %(most)d characters.") % {"most": REASON}}
    return {}


@require_http_methods(["GET", "HEAD", "POST"])
@steward
def claimant(request: HttpRequest, steward: UUID, number: UUID) -> HttpResponse:
    """`/desk/cases/<number>/claimant`: all that whoever opened it has open; a second page asks if it is meant."""
    found = of_claimant(number)
    if found is None:
        return redirect("desk-case", number=number)
    if request.method != "POST":
        return _page(request, number, found)
    said = Said.read(request)
    if faults := said.faults():
        return _page(request, number, found, said=said, faults=faults, status=422)
    if not said.sure:
        shown = {"number": number, "found": found, "said": said, "accepts": said.move == CaseMove.ACCEPT}
        return render(request, "desk/claimant_check.html", shown)
    return _decided(request, steward, number, found, said)


def _decided(request: HttpRequest, steward: UUID, number: UUID, found: Claims, said: Said) -> HttpResponse:
    cases = frozenset(each for each in found.cases if str(each) in said.cases)
    try:
        ruling = Ruling(CaseMove(said.move), said.ground, steward)
        resolve_claims(cases, images=said.images, ruling=ruling, at=timezone.now())
    except Refusal as refusal:  # decided before, or more was found
        status, _title = SLUGS[refusal.slug]
        return _page(request, number, found, said=said, faults={"move": refusal.detail}, status=status)
    for each in cases:  # after the commit; what a crash leaves here, the sweep deletes
        if not case(each).open:
            originals.discard_asked(each)
    nudger.protect()
    return redirect("desk")


def _page(
    request: HttpRequest,
    number: UUID,
    found: Claims,
    *,
    said: Said | None = None,
    faults: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    shown = {"number": number, "found": found, "said": said, "faults": faults, "longest": REASON}
    return render(request, "desk/claimant.html", shown, status=status)


@require_POST
@steward
def reopen(request: HttpRequest, steward: UUID, number: UUID) -> HttpResponse:
    """`/desk/cases/<number>/reopen`: take the decision back. Without a reason nothing happens; the page asks for it."""
    ground = request.POST.get("ground", "").strip()
    if faults := ground_faults(ground):
        shown = {"case": case(number), "faults": faults, "ground": ground, "longest": REASON}
        return render(request, "desk/reopen.html", shown, status=422)
    try:
        reopen_case(number, ground=ground, steward=steward, at=timezone.now())
    except Refusal:  # another steward was first: the case shows what it is now
        return redirect("desk-case", number=number)
    nudger.protect()
    return redirect("desk-case", number=number)
