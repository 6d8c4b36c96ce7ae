"""A case where two people say different things about one picture: both are heard, and a steward says which is false."""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from consent.acts.judge import judge
from consent.reads.cases import Docket, case
from consent.reads.statements import Stated, statements
from registry.errors import NotFound, Refusal
from service import words
from service.desk.clock import clock
from service.desk.steward import steward
from service.problems import SLUGS

REASON: int = 2_000  # characters


@dataclass(frozen=True)
class Line:
    """One person's statement on the page, under a letter: no name stands at the desk."""

    letter: str
    statement: Stated
    subjects: str
    ticked: bool


def _lines(docket: Docket, ticked: set[str]) -> list[Line]:
    return [
        Line(chr(ord("A") + place % 26), each, words.subjects(each.subjects), str(each.person) in ticked)
        for place, each in enumerate(statements(UUID(docket.asked)))
    ]


@require_http_methods(["GET", "HEAD", "POST"])
@steward
def hear(request: HttpRequest, steward: UUID, number: UUID) -> HttpResponse:
    """`/desk/cases/<number>/statements`. Raises NotFound for a case of another kind."""
    docket = case(number)
    if docket.kind != "statements":
        raise NotFound("There is no such case.")
    ground, ticked = request.POST.get("ground", "").strip(), set(request.POST.getlist("false"))
    lines, faults, status = _lines(docket, ticked), dict[str, str](), 200
    if request.method == "POST":
        faults, status = _faults(ground), 422
        if not faults:
            false = frozenset(line.statement.person for line in lines if line.ticked)
            try:
                judge(number, false=false, ground=ground, steward=steward, at=timezone.now())
                return redirect("desk-statements", number)
            except Refusal as refused:  # another steward was first
                faults, status = {"ground": refused.detail}, SLUGS[refused.slug][0]
    shown = {
        "case": docket,
        "clock": clock(docket, at=timezone.now()),
        "state": words.CASE_STATE[docket.state],
        "lines": lines,
        "ground": ground,
        "longest": REASON,
        "faults": faults,
    }
    return render(request, "desk/statements.html", shown, status=status)


def _faults(ground: str) -> dict[str, str]:
    if not ground:
        return {"ground": _("Give the reason. It stands in the log.")}
    if len(ground) > REASON:
        return {"ground": _("Give the reason in at most %(most)d characters.") % {"most": REASON}}
    return {}
