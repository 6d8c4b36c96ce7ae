"""Who used my pictures: the models that organisations say they trained with them."""

from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from consent.reads.used import used_by
from service import words
from service.portal.contributor import contributor

ON_A_PAGE = 24


@require_safe
@contributor
def used(request: HttpRequest, person: UUID) -> HttpResponse:
    """`/used`"""
    runs = used_by(person).runs
    page = Paginator(runs, ON_A_PAGE).get_page(request.GET.get("page"))
    told = [(run, words.used(run), words.answered(run)) for run in page]
    return render(request, "portal/used.html", {"page": page, "runs": told})
