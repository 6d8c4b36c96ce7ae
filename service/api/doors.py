"""What every address of the API has in common: one meaning a request, one way to ask, one form of answer."""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Final, TypeVar, cast
from uuid import UUID

from django.http import HttpResponse, JsonResponse
from django.utils import timezone
from rest_framework import exceptions as drf
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from consent.reads.pipelines import Asker
from registry.acts.note_use import note_token
from service.api import authentication, forms
from service.problems import Problem

Form = TypeVar("Form")
OVERRIDES: Final = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
KEY_ENDS: Final = "Key-Expires-At"
PAGE: Final = 5_000
PAGE_SIZE: Final = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)


class OneForm(BaseContentNegotiation):
    """Each address answers in one form, whatever is asked for; it reads what its parsers name and nothing else."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        kind = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == kind), None)

    def select_renderer(
        self,
        request: Request,  # noqa: ARG002 - DRF's signature
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,  # noqa: ARG002 - DRF's signature
    ) -> tuple[BaseRenderer, str]:
        only = next(iter(renderers))
        return only, only.media_type


class Door(APIView):
    """An address that anybody may use. `query`: the names that may stand behind the question mark."""

    content_negotiation_class = OneForm
    http_method_names = ["get", "head", "post", "patch", "delete"]
    query: ClassVar[Collection[str]] = ()
    at: datetime

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.at = timezone.now()
        if f"{request.method}" not in self.allowed_methods or any(name in request.headers for name in OVERRIDES):
            raise drf.MethodNotAllowed(f"{request.method}")
        authentication.refuse_keys_in_url(request)
        self._require_known_query(request)
        self.identify()

    def _require_known_query(self, request: Request) -> None:
        for name, values in request.GET.lists():
            if name not in self.query:
                raise Problem("unknown-field", f"There is no parameter {name[:80]!r}.", field=name[:80])
            if len(values) > 1:
                raise Problem("request-ambiguous", f"The parameter {name!r} stands more than once.")

    def form(self, form: type[Form]) -> Form:
        """The body, as this form."""
        if self.request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Problem("media-type-unsupported", "Send the body as it is, without a Content-Encoding.")
        if self.request.META.get("CONTENT_LENGTH") in (None, "", "0"):
            raise Problem("json-malformed", "The body is empty.")
        read = forms.read(form, cast("Mapping[str, object]", self.request.data))
        self.arrived()
        return read

    def identify(self) -> None:
        """Who asks at `self.at`. Anybody may."""

    def arrived(self) -> None:
        """All of a body is here, which may have taken long. What it asks is asked now, by whoever may ask now: a key
        that was revoked meanwhile opens nothing.
        """
        self.at = timezone.now()
        self.identify()

    def idempotency_key(self) -> str | None:
        key = self.request.headers.get("Idempotency-Key")
        if key is not None and IDEMPOTENCY_KEY.fullmatch(key) is None:
            raise Problem("idempotency-malformed", "Send 1 to 255 visible ASCII characters.")
        return key

    def page_size(self) -> int:
        asked = self.request.GET.get("limit", f"{PAGE}")
        if PAGE_SIZE.fullmatch(asked) is None or int(asked) > PAGE:
            raise Problem("page-size-invalid", f"'limit' is a whole number from 1 to {PAGE:,}.")
        return int(asked)


class PipelineDoor(Door):
    """For a pipeline's key. Each answer says when the key ends, so that nobody is surprised."""

    asker: Asker

    def identify(self) -> None:
        self.asker = authentication.pipeline(self.request, at=self.at)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        answered = super().finalize_response(request, response, *args, **kwargs)
        if hasattr(self, "asker"):
            answered[KEY_ENDS] = written(self.asker.key_expires_at)
        return answered


class PersonDoor(Door):
    """For a token that is scoped to one person."""

    person: UUID
    token: UUID

    def identify(self) -> None:
        found = authentication.person(self.request, at=self.at)
        self.person, self.token = found.person, found.token
        note_token(found.token, at=self.at)


def answer(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    """JSON about one asker: nobody between may keep it."""
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store", **(headers or {})})


def written(moment: datetime | int) -> str:
    """RFC 3339 with `Z`, in whole seconds."""
    if isinstance(moment, int):
        moment = datetime.fromtimestamp(moment, UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
