"""Every refusal, rendered: RFC 9457 problems for programs, a page in plain words for people.

The core refuses and knows no HTTP; here each leaf of its tree has one status and one title. A test holds this table
against the tree, so that no refusal is without words.
"""

import errno
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent, TooManyFilesSent
from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.views.defaults import page_not_found, server_error
from psycopg.errors import DiskFull, IdleInTransactionSessionTimeout, ReadOnlySqlTransaction
from psycopg_pool import PoolTimeout
from rest_framework import exceptions as drf

from consent.errors import FingerprintMalformed
from registry.errors import Refusal
from service.explanations import EXPLANATIONS

API: Final = ("/api/", "/log/")
RETRY_SECONDS: Final = "5"
log = logging.getLogger(__name__)

SLUGS: Final[Mapping[str, tuple[int, str]]] = {
    # the core's refusals
    "address-taken": (409, "Somebody else has this address"),
    "account-not-joined": (409, "These accounts cannot be joined"),
    "address-invalid": (422, "Not an e-mail address"),
    "not-found": (404, "No such thing"),
    "collection-unclear": (422, "Which collection?"),
    "collection-not-public": (409, "The collection is not public"),
    "collection-has-images": (409, "The collection has images already"),
    "log-in-doubt": (503, "The registry is in doubt about its log"),
    "fingerprints-in-doubt": (503, "The registry is in doubt about its fingerprints"),
    "notice-not-current": (409, "The notice has changed"),
    "no-notice": (409, "No notice was published yet"),
    "image-revoked": (409, "The image was revoked"),
    "image-rejected": (409, "The picture could not be read"),
    "not-depicted": (409, "Only the person shown can grant"),
    "shown-differs": (409, "Not what you were shown"),
    "statement-dismissed": (409, "Your statement was found false"),
    "statement-looser": (409, "You said something else before"),
    "derivation-circle": (409, "A picture is not made from itself"),
    "subjects-unclear": (422, "Who is shown?"),
    "nothing-to-grant": (409, "There is nothing to grant"),
    "idempotency-mismatch": (422, "This Idempotency-Key was used for something else"),
    "time-invalid": (422, "This end is not possible"),
    "scope-not-offered": (422, "The notice does not offer this"),
    "collections-mixed": (422, "One collection at a time"),
    "case-closed": (409, "The case was already decided"),
    "case-grew": (409, "More copies were found meanwhile"),
    "case-not-searched": (409, "Copies are still looked for"),
    "move-refused": (409, "This has already ended"),
    "version-unknown": (422, "Not a version that we search"),
    "fingerprint-malformed": (422, "Not a fingerprint"),
    "version-in-use": (409, "The version is in use"),
    "outcome-unknown": (422, "No such outcome"),
    "already-answered": (409, "The notification was already answered"),
    "statement-malformed": (422, "Not a statement that we read"),
    "statement-unsigned": (422, "The signature does not hold"),
    "size-ahead": (422, "A size that the log has not reached"),
    "size-too-old": (422, "Filtered too long ago"),
    "keys-differ": (422, "Other keys than were signed"),
    "keys-not-ours": (422, "None of these keys is known"),
    "purpose-unknown": (422, "No such purpose"),
    "scope-missing": (403, "The key does not open this"),
    "endpoint-refused": (422, "No webhook goes there"),
    "name-taken": (409, "Another pipeline has this name"),
    "label-taken": (409, "Something else is called so"),
    "label-invalid": (422, "Not a label"),
    "last-secret": (409, "It is the last one"),
    "cursor-altered": (400, "The cursor is not one of ours"),
    "resync-required": (409, "Take a new snapshot"),
    # the edge's own
    "note-malformed": (422, "Not a note that we read"),
    "note-unsigned": (422, "Not signed by this log"),
    "credentials-invalid": (401, "No valid key or token"),
    "credentials-in-url": (400, "A key does not belong into an address"),
    "csrf-failed": (403, "The form came from elsewhere"),
    "method-not-allowed": (405, "Not this method"),
    "media-type-unsupported": (415, "Not this media type"),
    "not-acceptable": (406, "Not in this form"),
    "json-malformed": (400, "The body is not JSON"),
    "json-not-object": (400, "The body is not a JSON object"),
    "json-too-deep": (400, "The body is nested too deeply"),
    "json-duplicate-key": (400, "A key stands twice"),
    "arrow-malformed": (400, "The body is not an Arrow stream"),
    "text-invalid": (422, "A text has characters that no text has"),
    "number-range": (422, "A number is out of range"),
    "field-required": (422, "A field is missing"),
    "unknown-field": (422, "A field is not known"),
    "field-invalid": (422, "A field has no meaning"),
    "list-too-long": (413, "The list is too long"),
    "body-too-large": (413, "The body is too large"),
    "upload-too-large": (413, "The file is too large"),
    "multipart-malformed": (400, "The form cannot be read"),
    "too-many-files": (400, "Too many parts"),
    "too-many-fields": (400, "Too many fields"),
    "request-ambiguous": (400, "The request says two things"),
    "request-malformed": (400, "The request cannot be read"),
    "idempotency-malformed": (400, "Not an Idempotency-Key"),
    "bulk-empty": (422, "Nothing is asked about"),
    "bulk-too-large": (413, "Too much at once"),
    "digest-malformed": (422, "A key is not in its one form"),
    "page-size-invalid": (422, "Not a page size"),
    "range-not-satisfiable": (416, "No such range"),
    "mail-refused": (422, "No mail for this address"),
    "mail-unavailable": (503, "No mail can be sent right now"),
    "length-required": (411, "How long is the body?"),
    "request-timeout": (408, "The request took too long to arrive"),
    "storage-full": (507, "There is no room for more"),
    "rate-limited": (429, "Too many requests"),
    "unavailable": (503, "Not available right now"),
    "server-error": (500, "A fault of ours"),
    # what a picture can be refused for at the door; the sentences are consentkit.formats'
    "image-empty": (422, "The file is empty"),
    "image-unrecognised": (422, "Not a picture we know"),
    "image-animated": (422, "More than one picture"),
    "image-too-large": (422, "Too many pixels"),
    "image-too-small": (422, "Too few pixels"),
    "image-aspect": (422, "Too long and narrow"),
    "image-truncated": (422, "The end of the file is missing"),
    "image-corrupt": (422, "The file is damaged"),
    "format-not-allowed": (415, "Not a kind of picture we take"),
}


class Problem(Exception):
    """An edge refuses before any act: the request has no single meaning."""

    def __init__(self, slug: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.slug, self.detail, self.headers, self.members = slug, detail, headers or {}, members


def problem(slug: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any) -> JsonResponse:
    """One RFC 9457 body. `type` leads to a page that explains it."""
    status, title = SLUGS[slug]
    body = {"type": f"/problems/{slug}", "title": title, "status": status, "detail": detail, **members}
    extra = dict(headers or {})
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        extra.setdefault("Retry-After", RETRY_SECONDS)
    if status == HTTPStatus.UNAUTHORIZED:
        extra.setdefault("WWW-Authenticate", "Bearer")
    return JsonResponse(body, status=status, headers=extra, content_type="application/problem+json")


def meaning(error: Exception) -> tuple[str, str, dict[str, Any]] | None:
    """The slug, detail and members of an error that is a refusal; None for a fault of ours."""
    match error:
        case Problem():
            return error.slug, error.detail, error.members
        case Refusal():
            position = {"position": error.position} if isinstance(error, FingerprintMalformed) else {}
            return error.slug, error.detail, position
        case TooManyFilesSent():
            return "too-many-files", "Send one file and few fields.", {}
        case TooManyFieldsSent():
            return "too-many-fields", "Send one file and few fields.", {}
        case RequestDataTooBig():
            return "body-too-large", "Send less at once.", {}
        case MultiPartParserError():
            return "multipart-malformed", "Send multipart/form-data with a boundary.", {}
        case SuspiciousOperation():
            return "request-malformed", "The request cannot be read.", {}
        case UnreadablePostError():
            return "request-timeout", "The body did not come in time. Send it again.", {}
        case Http404() | drf.NotFound():
            return "not-found", "There is nothing here for you.", {}
    return _database(error) or _framework(error)


def _database(error: Exception) -> tuple[str, str, dict[str, Any]] | None:
    match error:
        case OperationalError(__cause__=DiskFull()) | OSError(errno=errno.ENOSPC | errno.EDQUOT):
            log.error("no room is left on the disk", exc_info=error)
            return "storage-full", "There is no room for more just now. Try again later.", {}
        case OperationalError() | InterfaceError() | PoolTimeout():
            log.error("the database does not answer", exc_info=error)
            return "unavailable", "The database does not answer. Try again in a moment.", {}
        case InternalError(__cause__=IdleInTransactionSessionTimeout()):  # this process stood still, and was given up
            log.error("the database gave a transaction up", exc_info=error)
            return "unavailable", "This took too long, and nothing was done. Try again in a moment.", {}
        case InternalError(__cause__=ReadOnlySqlTransaction()):  # a replica, or a primary that was told so
            log.error("the database takes no changes", exc_info=error)
            return "unavailable", "The database takes no changes just now. Try again in a moment.", {}
    return None


def _framework(error: Exception) -> tuple[str, str, dict[str, Any]] | None:
    match error:
        case drf.MethodNotAllowed():
            return "method-not-allowed", f"{error.detail}", {}
        case drf.UnsupportedMediaType():
            return "media-type-unsupported", f"{error.detail}", {}
        case drf.NotAcceptable():
            return "not-acceptable", f"{error.detail}", {}
        case drf.ParseError():
            return "request-malformed", f"{error.detail}", {}
        case drf.NotAuthenticated() | drf.AuthenticationFailed():
            return "credentials-invalid", "Send a valid key as `Authorization: Bearer <key>`.", {}
        case drf.PermissionDenied():
            return "scope-missing", "This key or token does not open this.", {}
    return None


def exception_handler(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """DRF's hook. None hands the error on to ProblemMiddleware."""
    found = meaning(error)
    if found is None:
        return None
    slug, detail, members = found
    headers = dict(error.headers) if isinstance(error, Problem) else {}
    if isinstance(error, drf.MethodNotAllowed):
        headers["Allow"] = ", ".join(context["view"].allowed_methods)
    return problem(slug, detail, headers=headers, **members)


class ProblemMiddleware:
    """Nothing that leaves is unmapped: programs get problems, people get pages."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not request.path.startswith(API) or response.status_code < HTTPStatus.BAD_REQUEST:
            return response
        if "problem+json" in response.headers.get("Content-Type", ""):
            return response
        return _replaced(response)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        found = meaning(error)
        if found is None or isinstance(error, Http404):
            return None
        slug, detail, members = found
        return refused(request, slug, detail, **members)


def refused(request: HttpRequest, slug: str, detail: str, **members: Any) -> HttpResponse:
    """A refusal in the form of its door."""
    if request.path.startswith(API):
        return problem(slug, detail, **members)
    return page(request, slug, detail)


def _replaced(response: HttpResponse) -> HttpResponse:
    """The framework answered by itself (an unknown path, a wrong method, a fault): same status, our form."""
    by_status = {404: "not-found", 405: "method-not-allowed", 413: "body-too-large", 403: "csrf-failed"}
    fallback = "server-error" if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR else "request-malformed"
    slug = by_status.get(response.status_code, fallback)
    allow = {"Allow": response.headers["Allow"]} if "Allow" in response.headers else {}
    return problem(slug, "See the documentation at /api/v1/docs.", headers=allow)


def page(request: HttpRequest, slug: str, detail: str) -> HttpResponse:
    """The same refusal for people."""
    status, title = SLUGS[slug]
    return render(request, "problem.html", {"title": title, "detail": detail, "slug": slug}, status=status)


def explain(request: HttpRequest, slug: str) -> HttpResponse:
    """`/problems/<slug>`: what a problem means and what to do."""
    if slug not in SLUGS:
        raise Http404
    status, title = SLUGS[slug]
    means, remedy = EXPLANATIONS[slug]
    words = {"slug": slug, "status": status, "title": title, "means": means, "remedy": remedy}
    return render(request, "problem_type.html", words)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's hook (`handler404`)."""
    if request.path.startswith(API):
        return problem("not-found", "There is no such address. See /api/v1/docs.")
    return page_not_found(request, exception)


def server_error_page(request: HttpRequest) -> HttpResponse:
    """Django's hook (`handler500`)."""
    if request.path.startswith(API):
        return problem("server-error", "A fault of ours; it was noted.")
    return server_error(request)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 - Django's signature
    """Django's hook."""
    return page(request, "csrf-failed", "Go back, reload the page and send it again.")
