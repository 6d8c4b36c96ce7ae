"""My pictures: all of them, and each by itself. A preview is served to nobody but its owner; an original to nobody."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from consent.reads.pictures import Event, Picture, Use, history, picture, pictures
from consent.reads.pipelines import reach
from consent.reads.used import used_by
from consentkit.entries import Kind
from consentkit.scopes import AUDIENCES, PURPOSES
from registry.rules.lifecycle import ImageState
from service import previews, words
from service.portal.contributor import contributor, everybody
from service.portal.used import informed, said

ON_A_PAGE: Final = 24


@dataclass(frozen=True)
class Card:
    """A picture with what its page says of it."""

    picture: Picture
    summary: words.Summary
    place: int

    @property
    def label(self) -> str:
        """What a picture is called where it cannot be seen; there is no better name than its place and day."""
        day = words.day(self.picture.submitted_at)
        return _("Picture %(place)d, added %(day)s") % {"place": self.place, "day": day}

    @property
    def has_preview(self) -> bool:
        return self.picture.state == ImageState.REGISTERED


def cards(shown: list[Picture], *, after: int = 0) -> list[Card]:
    """Cards in this order, counted from `after` + 1."""
    return [Card(each, words.summary(each), place) for place, each in enumerate(shown, start=after + 1)]


@require_safe
@contributor
def gallery(request: HttpRequest, person: UUID) -> HttpResponse:
    """`/pictures`. The form's two buttons send what is ticked on: `to=allow`, `to=stop`."""
    ticked = request.GET.getlist("pictures")
    if request.GET.get("to") in ("allow", "stop") and ticked:
        query = "&".join(f"pictures={each}" for each in ticked if each.replace("-", "").isalnum())
        return redirect(f"{reverse(request.GET['to'])}?{query}")
    theirs = pictures(person, at=timezone.now())
    page = Paginator(theirs, ON_A_PAGE).get_page(request.GET.get("page"))
    nothing_ticked = "to" in request.GET
    shown = {
        "page": page,
        "cards": cards(list(page), after=page.start_index() - 1 if theirs else 0),
        "count": len(theirs),
        "others": len(everybody(request)) > 1,
        "allowed": sum(bool(each.allowed) for each in theirs),
        "faults": {"pictures": _("Tick the pictures that you mean, or “All my pictures”.")} if nothing_ticked else {},
    }
    return render(request, "portal/gallery.html", shown, status=422 if nothing_ticked else 200)


@require_safe
@contributor
def one(request: HttpRequest, person: UUID, image: UUID) -> HttpResponse:
    """`/pictures/<number>`"""
    found = picture(person, image=image, at=timezone.now())
    uses = {(use.purpose, use.audience): use for use in found.uses}
    rows = [_row(purpose, [uses[purpose, audience] for audience in AUDIENCES]) for purpose in PURPOSES]
    told, users = history(person, image=image), used_by(person, image=image, at=timezone.now())
    shown = {
        "card": cards([found])[0],
        "picture": found,
        "rows": rows,
        "file_says": words.file_says(found.signal) if found.signal else [],
        "depicts": words.depicts(found.depicts),
        "events": [(event, words.event(event)) for event in reversed(told)],
        "runs": said(users.runs),
        "informed": informed(users.informed, about_one=True),
        "public": users.public,
        **_spread(found, told),
    }
    return render(request, "portal/picture.html", shown)


def _spread(shown: Picture, told: Sequence[Event]) -> dict[str, Any]:
    """How far word of the newest stop has come, where nothing was allowed since."""
    decided = [event for event in told if event.kind in (Kind.GRANTED, Kind.WITHDRAWN)]
    if not decided or decided[-1].kind != Kind.WITHDRAWN:
        return {}
    found = reach(shown.collection, index=decided[-1].index)
    return {"reach": found, "updated": words.updated(found.synced, found.pipelines)}


def _row(purpose: str, uses: list[Use]) -> dict[str, Any]:
    """One purpose; audiences that are answered alike are one line."""
    lines = [(words.AUDIENCE[use.audience].name, words.use(use), use.until is not None) for use in uses]
    alike = len({said for _audience, said, _yes in lines}) == 1
    return {
        "purpose": purpose,
        "named": words.PURPOSE[purpose],
        "lines": [("", *lines[0][1:])] if alike else lines,
        "allowed": any(yes for _audience, _said, yes in lines),
    }


@require_safe
@contributor
def preview(_request: HttpRequest, person: UUID, image: UUID) -> FileResponse:
    """`/pictures/<number>/preview`: the re-encoded JPEG. Raises NotFound for a picture that is not theirs."""
    found = picture(person, image=image, at=timezone.now())
    if found.state != ImageState.REGISTERED:
        raise Http404
    return previews.preview(found.image)
