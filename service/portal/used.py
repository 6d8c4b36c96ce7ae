"""Who used my pictures: who asked whether it may, and the models that organisations say they trained with them."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from consent.reads.used import Informed, Run, used_by
from service import words
from service.portal.contributor import contributor

ON_A_PAGE: Final = 24


@require_safe
@contributor
def used(request: HttpRequest, person: UUID) -> HttpResponse:
    """`/used`"""
    found = used_by(person, at=timezone.now())
    page = Paginator(found.runs, ON_A_PAGE).get_page(request.GET.get("page"))
    shown = {"page": page, "runs": said(page), "informed": informed(found.informed), "public": found.public}
    return render(request, "portal/used.html", shown)


def said(runs: Iterable[Run]) -> list[tuple[Run, str, str]]:
    """Each with who used what for it, and what became of that."""
    return [(run, words.used(run), words.answered(run)) for run in runs]


def informed(found: Iterable[Informed], *, about_one: bool = False) -> list[tuple[str, str, list[str]]]:
    """Each with its name, what it may ask about, and what it did: asked, takes the list, or both."""
    return [
        (
            of.organisation,
            words.may_ask(of),
            [line for line in (words.asked(of, about_one=about_one), words.listed(of)) if line],
        )
        for of in found
    ]
