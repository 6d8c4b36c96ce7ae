"""Bodies without a length. Django takes a body in chunks for an empty one, so it is refused before anybody reads it."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from service.problems import refused


class LengthMiddleware:
    """Answers 411 (RFC 9110, section 15.5.12) where a body comes in chunks, at every door."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "Transfer-Encoding" in request.headers:
            words = "Send the body with a Content-Length, not in chunks. Nothing was done."
            return refused(request, "length-required", words)
        return self.get_response(request)
