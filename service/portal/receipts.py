"""Receipts: what was decided and when, as a file that anyone can check without asking us."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from registry.log import receipts
from service.portal.contributor import contributor

WAIT = 2  # seconds; a checkpoint comes every second


@require_safe
@contributor
def receipt(request: HttpRequest, person: UUID, index: int) -> HttpResponse:
    """`/receipts/<index>`: the file, or a page that comes back by itself until a checkpoint covers the act."""
    found = receipts.receipt(index, person=person)
    if found is None:
        page = render(request, "portal/receipt_wait.html", {"index": index}, status=202)
        page["Refresh"] = page["Retry-After"] = str(WAIT)
        return page
    return HttpResponse(
        found,
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="receipt-{index}.txt"'},
    )
