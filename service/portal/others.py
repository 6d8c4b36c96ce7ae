"""Two accounts that were joined: one sign-in, two sets of pictures. Here a person goes from one to the other."""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from consent.reads.pictures import pictures
from service import words
from service.portal.contributor import CHOSEN, contributor, everybody


@dataclass(frozen=True)
class Group:
    """The pictures of one pseudonym: how many, and whether they are those that the pages show now."""

    number: UUID
    count: str
    shown: bool


@require_http_methods(["GET", "HEAD", "POST"])
@contributor
def others(request: HttpRequest, person: UUID) -> HttpResponse:
    """`/pictures/others`. POST shows another group from now on, until the session ends."""
    theirs = everybody(request)
    if request.method == "POST":
        asked = request.POST.get("group", "")
        if asked in map(str, theirs):  # else it is nobody's, or somebody else's: nothing changes
            request.session[CHOSEN] = asked
        return redirect("pictures")
    at = timezone.now()
    groups = [Group(each, words.pictures(len(pictures(each, at=at))), each == person) for each in theirs]
    return render(request, "portal/others.html", {"groups": groups})
