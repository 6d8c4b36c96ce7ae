"""The contributor's pages."""

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, re_path
from django.views.generic import RedirectView

from service.portal import (
    access,
    adding,
    allowing,
    correcting,
    gallery,
    others,
    receipts,
    requesting,
    signing_in,
    start,
    stopping,
    used,
)


def nothing_here(_request: HttpRequest) -> HttpResponse:
    """allauth's pages of passwords and addresses: there are no passwords, and an address is an account."""
    raise Http404


one_way_in = RedirectView.as_view(pattern_name="account_request_login_code", query_string=True)

urlpatterns = [
    path("", start.start, name="start"),
    path("pictures", gallery.gallery, name="pictures"),
    path("pictures/add", adding.add, name="add"),
    path("pictures/added", adding.added, name="added"),
    path("pictures/others", others.others, name="others"),
    path("pictures/<uuid:image>", gallery.one, name="picture"),
    path("pictures/<uuid:image>/correct", correcting.correct, name="correct"),
    path("pictures/<uuid:image>/preview", gallery.preview, name="preview"),
    path("used", used.used, name="used"),
    path("access", access.access, name="access"),
    path("access/sessions/end", access.end_signed_in, name="access-end-session"),
    path("access/tokens/end", access.end_tokens, name="access-end-token"),
    path("access/tokens/add", access.add_token, name="access-add-token"),
    path("allow", allowing.begin, name="allow"),
    path("allow/<uuid:flow>/notice", allowing.notice, name="allow-notice"),
    path("allow/<uuid:flow>/purposes", allowing.purposes, name="allow-purposes"),
    path("allow/<uuid:flow>/audience", allowing.audience, name="allow-audience"),
    path("allow/<uuid:flow>/until", allowing.until, name="allow-until"),
    path("allow/<uuid:flow>/check", allowing.check, name="allow-check"),
    path("allow/done", allowing.done, name="allow-done"),
    path("stop", stopping.stop, name="stop"),
    path("stop/done", stopping.done, name="stop-done"),
    path("receipts/<int:index>", receipts.receipt, name="receipt"),
    path("requests/new", requesting.request, name="request"),
    path("requests/proof", requesting.proof, name="request-proof"),
    # Before allauth's own: one page is the way in, whether somebody was here before or not.
    path("accounts/login/", one_way_in),
    path("accounts/login/code/", signing_in.Address.as_view()),
    path("accounts/login/code/confirm/", signing_in.Code.as_view()),
    path("accounts/signup/", one_way_in),
    re_path("^accounts/(?:email|password|reauthenticate|confirm-email)(?:/|$)", nothing_here),
]
