"""Letting pictures be used: read the notice, say what for, by whom, until when, check, and allow.

Each flow has a number in its address, so two open pages never mix their answers; what was said is kept in the session
under it, and nowhere else until the last step. That one posts the digest of exactly what it showed, and the act
compares. Each step sends back to the first that has not been answered.
"""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any, Final, Self
from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from consent.acts.grant import Permission, grant
from consent.errors import NothingToGrant
from consent.reads.notices import Published, current_notice
from consent.reads.pictures import Picture, pictures
from consent.rules.offers import Offer
from registry.errors import Refusal
from registry.rules.lifecycle import ImageState
from service import words
from service.portal.chosen import selection
from service.portal.contributor import contributor
from service.portal.gallery import cards
from service.problems import SLUGS

KEPT: Final = "allowing"
DONE: Final = "allowed"
LONGEST, CHOSEN = "longest", "chosen"
STEPS: Final = 5
FEW: Final = 6  # pictures shown small
FLOWS: Final = 8  # kept in a session; the oldest is forgotten


@dataclass(frozen=True)
class Answers:
    """What was said so far in one flow. `pictures`: those that were listed, by number; `every`: as "all my pictures".

    `until`: `longest`, or a day as YYYY-MM-DD; `ends`: the second that this means, fixed when it was said.
    """

    pictures: list[str]
    every: bool
    left_out: int
    notice: str = ""
    purposes: tuple[str, ...] = ()
    audience: str = ""
    until: str = ""
    ends: int = 0

    @classmethod
    def kept(cls, request: HttpRequest, flow: UUID) -> Self | None:
        found = request.session.get(KEPT, {}).get(str(flow))
        return cls(**{**found, "purposes": tuple(found["purposes"])}) if found else None

    def keep(self, request: HttpRequest, flow: UUID) -> None:
        flows = {**request.session.get(KEPT, {}), str(flow): asdict(self)}
        request.session[KEPT] = dict(list(flows.items())[-FLOWS:])

    @property
    def end(self) -> datetime:
        return datetime.fromtimestamp(self.ends, UTC)


@dataclass(frozen=True)
class Asked:
    """A step's ground: which flow, who, what was said, about which pictures, under which notice."""

    flow: UUID
    person: UUID
    answers: Answers
    pictures: list[Picture]
    notice: Published

    @property
    def longest(self) -> datetime:
        return timezone.now() + self.notice.term

    @property
    def offer(self) -> Offer:
        """What the last page shows."""
        return Offer(
            images=tuple(each.image for each in self.pictures),
            purposes=self.answers.purposes,
            audience=self.answers.audience,
            until=self.answers.end,
            notice=self.notice.sha256,
        )


def midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)


def grantable(picture: Picture) -> bool:
    """Only who is shown can allow, and only what could be read."""
    return picture.shown and picture.state != ImageState.REJECTED


@require_safe
@contributor
def begin(request: HttpRequest, person: UUID) -> HttpResponse:
    """`/allow?pictures=…`: remember which pictures, and go to the notice. Without any: choose them first.

    All means the pictures that are listed now: one that comes later, in another window, is not among them.
    """
    chosen = selection(request.GET.getlist("pictures"), theirs=pictures(person, at=timezone.now()))
    if chosen is None:
        return redirect("pictures")
    kept = [str(each.image) for each in chosen.pictures if grantable(each)]
    if not kept:
        raise NothingToGrant("There is no image that you could grant. Add a picture of yourself first.")
    flow = uuid4()
    Answers(kept, every=chosen.every, left_out=len(chosen.pictures) - len(kept)).keep(request, flow)
    return redirect("allow-notice", flow)


def _asked(request: HttpRequest, person: UUID, flow: UUID) -> Asked | None:
    """None where this flow is not known: it is over, or of another session. Raises what reading the notice raises."""
    answers = Answers.kept(request, flow)
    if answers is None:
        return None
    chosen = selection(answers.pictures, theirs=pictures(person, at=timezone.now()))
    if chosen is None:
        return None
    return Asked(flow, person, answers, chosen.pictures, current_notice(chosen.pictures[0].collection))


def _step(request: HttpRequest, name: str, asked: Asked, number: int, **shown: Any) -> HttpResponse:
    faults = shown.get("faults")
    status = shown.pop("status", 422 if faults else 200)
    common = {
        "asked": asked,
        "answers": asked.answers,
        "flow": asked.flow,
        "notice": asked.notice,
        "number": number,
        "steps": STEPS,
    }
    return render(request, f"portal/allow_{name}.html", {**common, **shown}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@contributor
def notice(request: HttpRequest, person: UUID, flow: UUID) -> HttpResponse:
    """`/allow/<flow>/notice`: the whole text, and who stands behind it."""
    asked = _asked(request, person, flow)
    if asked is None:
        return redirect("pictures")
    if request.method == "POST":
        replace(asked.answers, notice=request.POST.get("notice", "")).keep(request, flow)
        return redirect("allow-purposes", flow)
    few = asked.pictures[:FEW]
    shown = {"sections": sections(asked.notice.text), "cards": cards(few), "more": len(asked.pictures) - len(few)}
    return _step(request, "notice", asked, 1, **shown)


def sections(text: str) -> list[tuple[str, str]]:
    """The notice's paragraphs; one whose first line is no sentence has that line as its heading."""
    found = []
    for paragraph in text.replace("\r\n", "\n").split("\n\n"):
        first, _newline, rest = paragraph.strip().partition("\n")
        headed = rest and not first.endswith((".", ":", ";", ","))
        found.append((first, rest) if headed else ("", paragraph.strip()))
    return found


@require_http_methods(["GET", "HEAD", "POST"])
@contributor
def purposes(request: HttpRequest, person: UUID, flow: UUID) -> HttpResponse:
    """`/allow/<flow>/purposes`: nothing is ticked before; making new pictures stands apart."""
    asked = _asked(request, person, flow)
    if asked is None or not asked.answers.notice:
        return redirect("allow-notice", flow) if asked else redirect("pictures")
    faults = {}
    if request.method == "POST":
        ticked = tuple(each for each in request.POST.getlist("purposes") if each in asked.notice.purposes)
        if ticked:
            replace(asked.answers, purposes=ticked).keep(request, flow)
            return redirect(_next(asked.answers, "allow-audience"), flow)
        faults = {"purposes": _("Tick at least one, or leave without allowing anything.")}
    offered = [(each, words.PURPOSE[each]) for each in asked.notice.purposes]
    apart = [pair for pair in offered if pair[0] == words.GENERATIVE]
    others = [pair for pair in offered if pair[0] != words.GENERATIVE]
    return _step(request, "purposes", asked, 2, others=others, apart=apart, faults=faults)


def _next(before: Answers, step: str) -> str:
    """Whoever came back from the last page to change one answer returns there."""
    return "allow-check" if before.until else step


@require_http_methods(["GET", "HEAD", "POST"])
@contributor
def audience(request: HttpRequest, person: UUID, flow: UUID) -> HttpResponse:
    """`/allow/<flow>/audience`"""
    asked = _asked(request, person, flow)
    if asked is None or not asked.answers.purposes:
        return redirect("allow-purposes", flow) if asked else redirect("pictures")
    faults = {}
    if request.method == "POST":
        if (said := request.POST.get("audience", "")) in asked.notice.audiences:
            replace(asked.answers, audience=said).keep(request, flow)
            return redirect(_next(asked.answers, "allow-until"), flow)
        faults = {"audience": _("Choose who may use them.")}
    offered = [(each, words.AUDIENCE[each]) for each in asked.notice.audiences]
    return _step(request, "audience", asked, 3, offered=offered, faults=faults)


@require_http_methods(["GET", "HEAD", "POST"])
@contributor
def until(request: HttpRequest, person: UUID, flow: UUID) -> HttpResponse:
    """`/allow/<flow>/until`"""
    asked = _asked(request, person, flow)
    if asked is None or not asked.answers.audience:
        return redirect("allow-audience", flow) if asked else redirect("pictures")
    said, day, faults = "", "", dict[str, str]()
    if request.method == "POST":
        said, day = request.POST.get("until", ""), request.POST.get("day", "")
        faults = _faulty_end(said, day, asked)
        if not faults:
            end = asked.longest if said == LONGEST else midnight(date.fromisoformat(day))
            until_ = LONGEST if said == LONGEST else day
            replace(asked.answers, until=until_, ends=int(end.timestamp())).keep(request, flow)
            return redirect("allow-check", flow)
    elif asked.answers.until:
        said, day = (LONGEST, "") if asked.answers.until == LONGEST else (CHOSEN, asked.answers.until)
    return _step(request, "until", asked, 4, said=said, day=day, longest=words.day(asked.longest), faults=faults)


def _faulty_end(said: str, day: str, asked: Asked) -> dict[str, str]:
    if said == LONGEST:
        return {}
    if said != CHOSEN:
        return {"until": _("Choose until when they may be used.")}
    try:
        end = midnight(date.fromisoformat(day))
    except ValueError:  # not a day of any calendar
        return {"day": _("Enter a day, for example 2027-03-03.")}
    if end <= timezone.now():
        return {"day": _("Enter a day in the future.")}
    if end > asked.longest:
        longest = words.day(asked.longest)
        return {"day": _("The notice allows no longer than until %(day)s.") % {"day": longest}}
    return {}


@require_http_methods(["GET", "HEAD", "POST"])
@contributor
def check(request: HttpRequest, person: UUID, flow: UUID) -> HttpResponse:
    """`/allow/<flow>/check`: everything said, each with a way to change it. A refusal has the API's words."""
    asked = _asked(request, person, flow)
    if asked is None or not asked.answers.until:
        return redirect("allow-until", flow) if asked else redirect("pictures")
    refused: Refusal | None = None
    if request.method == "POST":
        try:
            return _allow(request, asked)
        except Refusal as refusal:  # the act was not performed; the page says why
            refused = refusal
    answers = asked.answers
    shown = {
        "purposes": [words.PURPOSE[each] for each in asked.notice.purposes if each in answers.purposes],
        "audience": words.AUDIENCE[answers.audience],
        "ends": words.day(answers.end),
        "generative": words.GENERATIVE in answers.purposes,
        "cards": cards(asked.pictures[:FEW]),
        "more": max(0, len(asked.pictures) - FEW),
        "checking": sum(card.summary.tone == "checking" for card in cards(asked.pictures)),
        "shown": asked.offer.digest().hex(),
        "faults": {"check": refused.detail} if refused else {},
        "slug": refused.slug if refused else "",
        "status": SLUGS[refused.slug][0] if refused else 200,
    }
    return _step(request, "check", asked, 5, **shown)


def _number(notice: str) -> UUID:
    """The notice that was read; anything else is not the current one."""
    try:
        return UUID(notice)
    except ValueError:  # the form was altered
        return UUID(int=0)


def _shown(request: HttpRequest) -> bytes:
    """The digest that the page carried; of an altered form, one that nothing has."""
    try:
        return bytes.fromhex(request.POST.get("shown", ""))
    except ValueError:
        return b""


def _allow(request: HttpRequest, asked: Asked) -> HttpResponse:
    answers = asked.answers
    permission = Permission(
        images=[each.image for each in asked.pictures],
        purposes=answers.purposes,
        audience=answers.audience,
        until=answers.end,
        notice=_number(answers.notice),
        shown=_shown(request),
    )
    # The flow's own number: a double click is one act.
    granted = grant(asked.person, permission=permission, at=timezone.now(), idempotency_key=str(asked.flow))
    request.session[KEPT] = {flow: kept for flow, kept in request.session[KEPT].items() if flow != str(asked.flow)}
    request.session[DONE] = {
        "index": granted.index,
        "pictures": len(asked.pictures),
        "purposes": list(answers.purposes),
        "audience": answers.audience,
        "until": words.day(answers.end),
    }
    return redirect("allow-done")


@require_safe
@contributor
def done(request: HttpRequest, _person: UUID) -> HttpResponse:
    """`/allow/done`"""
    found = request.session.get(DONE)
    if found is None:
        return redirect("pictures")
    shown = {
        **found,
        "purposes": words.purposes(found["purposes"]),
        "audience": words.AUDIENCE[found["audience"]].name,
    }
    return render(request, "portal/allow_done.html", shown)
