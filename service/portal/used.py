"""Who used my pictures: the models that organisations say they trained with them."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from consent.reads.used import Run, used_by
from service import words
from service.portal.contributor import contributor

ON_A_PAGE: Final = 24


@require_safe
@contributor
def used(request: HttpRequest, person: UUID) -> HttpResponse:
    """`/used`"""
    runs = used_by(person).runs
    page = Paginator(runs, ON_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "portal/used.html", {"page": page, "runs": said(page)})


def said(runs: Iterable[Run]) -> list[tuple[Run, str, str]]:
    """Each with who used what for it, and what became of that."""
    return [(run, words.used(run), words.answered(run)) for run in runs]
