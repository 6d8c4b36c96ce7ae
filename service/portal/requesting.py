"""A picture of me is in here, and I have no account: a public page to ask, and one for the code that proves it."""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from registry.errors import NotFound
from service import limits
from service.problems import SLUGS, Problem
from service.requests import NUMBER, Asking, asking, evenly, lodge, prove
from service.uploads import DigestedFile

PLACES: Final = {"sha256": "number", "image": "number", "contact": "contact"}


@csrf_exempt  # the check comes in `_lodged`: reading the token reads the form, and a file may be refused half-way
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def request(asked: HttpRequest) -> HttpResponse:
    """`/requests/new`. The answer to a hit and to a miss is one page, and takes one time."""
    if asked.method != "POST":
        return render(asked, "portal/request.html", {"contact": _address(asked)})
    with evenly():
        try:
            return _lodged(asked)
        except Problem as problem:  # not understood, or too often; the page says why
            return _again(asked, problem)


@csrf_protect
def _lodged(asked: HttpRequest) -> HttpResponse:
    understood = _read(asked)
    limits.require_rate(asked, limits.REQUESTS)
    reference = lodge(
        understood,
        page=asked.build_absolute_uri(reverse("request-proof")),
        signed_in=_address(asked) or None,
        at=timezone.now(),
    )
    return render(asked, "portal/request_done.html", {"reference": reference}, status=202)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def proof(asked: HttpRequest) -> HttpResponse:
    """`/requests/proof`: the code from our e-mail makes a request count, and shows later what came of it."""
    reference, code = (asked.POST.get(name, "").strip() for name in ("reference", "code"))
    if asked.method != "POST":
        return render(asked, "portal/request_proof.html", {"reference": asked.GET.get("reference", "")})
    try:
        found = prove(reference, code=code, at=timezone.now())
    except NotFound:
        wrong = _("There is no request with this number and this code, or it has ended. Compare both with our e-mail.")
        shown = {"faults": {"code": wrong}, "reference": reference}
        return render(asked, "portal/request_proof.html", shown, status=SLUGS[NotFound.slug][0])
    return render(asked, "portal/request_progress.html", {"found": found})


def _read(asked: HttpRequest) -> Asking:
    """The page has one field for both kinds of number."""
    file = asked.FILES.get("file")
    number = asked.POST.get("number", "").strip().lower()
    is_image = NUMBER.fullmatch(number) is not None
    return asking(
        file=file if isinstance(file, DigestedFile) else None,
        sha256=None if is_image else number or None,
        image=number if is_image else None,
        contact=asked.POST.get("contact", "").strip(),
    )


def _again(asked: HttpRequest, problem: Problem) -> HttpResponse:
    """The page with its own words for what is wrong, and the API's status."""
    words = {
        "field-required": _("Choose a picture, or enter its number."),
        "request-ambiguous": _("Choose a picture or enter a number, not both."),
        "field-invalid": _("Enter an e-mail address like name@example.com."),
        "digest-malformed": _("Enter the number of a picture (36 signs) or its SHA-256 (64 signs, 0–9 and a–f)."),
        "rate-limited": _("There have been many requests from here. Try again in an hour."),
    }
    place = PLACES.get(f"{problem.members.get('field')}", "file")
    shown = {
        "faults": {place: words.get(problem.slug, problem.detail)},
        "contact": asked.POST.get("contact", ""),
        "number": asked.POST.get("number", ""),
    }
    return render(asked, "portal/request.html", shown, status=SLUGS[problem.slug][0])


def _address(asked: HttpRequest) -> str:
    return asked.user.email if asked.user.is_authenticated else ""
