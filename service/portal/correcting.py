"""Correcting what was said about a picture. The earlier statement stays in the log."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from consent.reads.pictures import picture
from registry.acts.correct import correct as act
from registry.acts.statements import Statement
from registry.rules.subjects import Subjects
from service.portal import stating
from service.portal.contributor import contributor
from service.portal.gallery import cards


@require_http_methods(["GET", "HEAD", "POST"])
@contributor
def correct(request: HttpRequest, person: UUID, image: UUID) -> HttpResponse:
    """`/pictures/<number>/correct`. Raises NotFound for a picture that is not theirs."""
    mine = picture(person, image=image, at=timezone.now())
    faults = dict[str, str]()
    form = stating.stated(Subjects.read(mine.depicts))
    if request.method == "POST":
        stated, form = stating.read(request), stating.typed(request)
        if not isinstance(stated, str):
            act(person, image, statement=Statement(stated), at=timezone.now())
            return redirect("picture", image)
        faults = {"depicts": stated}
    shown = {"faults": faults, **form, "picture": mine, "cards": cards([mine])}
    return render(request, "portal/correct.html", shown, status=422 if faults else 200)
