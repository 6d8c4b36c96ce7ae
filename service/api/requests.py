"""Requests: somebody without an account says "that is me", and proves the address. A hit and a miss cannot be told
apart."""

from dataclasses import dataclass, field
from typing import Any, Final

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from consent.reads.requests import Progress
from service import limits
from service.api import described as d
from service.api import examples, forms
from service.api.doors import Door, answer, written
from service.api.images import fields_of, the_file
from service.api.parsers import FormParser
from service.requests import asking, evenly, lodge, prove, read

EMAIL: Final = {"type": "string", "format": "email"}
WAYS: Final = {"file": d.FILE, "sha256": d.DIGEST, "image": d.NUMBER}
ASKED: Final = d.shown(
    d.either(*(d.thing({"contact": EMAIL, name: of}) for name, of in WAYS.items())),
    {"contact": "me@example.org", "sha256": examples.SHA256},
)
TAKEN: Final = d.shown(d.thing({"reference": d.TEXT}), {"reference": "7K3M-9QXT-HW4C"})

PROGRESS: Final = d.shown(
    d.thing(
        {
            "reference": d.TEXT,
            "state": {"type": "string", "enum": ["unproven", "open", "decided"]},
            "outcome": d.maybe({"type": "string", "enum": ["accepted", "rejected", None]}),
            "asked_at": d.TIME,
            "due_at": d.maybe(d.TIME),
        }
    ),
    {
        "reference": "7K3M-9QXT-HW4C",
        "state": "open",
        "outcome": None,
        "asked_at": "2027-01-31T12:00:00Z",
        "due_at": "2027-02-28T12:00:00Z",
    },
)


@dataclass(frozen=True)
class Said:
    """The text fields. A file is kept until the request is decided."""

    contact: str = field(metadata=forms.by(forms.text))
    sha256: str | None = field(default=None, metadata=forms.by(forms.text))
    image: str | None = field(default=None, metadata=forms.by(forms.text))


class Requests(Door):
    """Ask us to look at a picture of you."""

    parser_classes = (FormParser,)

    @d.described(
        "request",
        "Somebody without an account asks about a picture of them; copies of a file sent are looked for, too. The "
        "answer never tells what was found. A code goes to `contact`; the request counts once it was entered, and at "
        "once where no mail can go out.",
        body={"multipart/form-data": ASKED},
        answers={202: TAKEN},
        problems=(413, 415),
        public=True,
    )
    def post(self, request: Request) -> HttpResponse:
        with evenly():
            file = the_file(request)
            said = forms.read(Said, fields_of(request))
            asked = asking(file=file, **vars(said))
            limits.require_rate(request, limits.REQUESTS)
            page = request.build_absolute_uri("/requests/proof")
            reference = lodge(asked, page=page, signed_in=None, at=timezone.now())
        return answer({"reference": reference}, status=202)


@dataclass(frozen=True)
class Typed:
    """The code that came by mail."""

    code: str = field(metadata=forms.by(forms.text))


class Proof(Door):
    """The code was typed in."""

    @d.described(
        "proveRequest",
        "Enter the code that went to the request's address. From then on the request counts: what it hits is stopped, "
        "copies are looked for, and a person decides within one month.",
        body={"application/json": d.shown(d.thing({"code": d.TEXT}), {"code": "8PXN4T2K"})},
        answers={200: PROGRESS},
        problems=(404,),
        public=True,
    )
    def post(self, request: Request, reference: str) -> HttpResponse:  # noqa: ARG002 - DRF's signature
        typed = self.form(Typed)
        return answer(_told(prove(reference, code=typed.code, at=self.at)))


class One(Door):
    """How far a request is, for whoever has its code."""

    @d.described(
        "readRequest",
        "How far a request is and what came of it. Send its code as `Authorization: Bearer <code>`.",
        answers={200: PROGRESS},
        problems=(404,),
        headers={"Authorization": d.TEXT},
        public=True,
    )
    def get(self, request: Request, reference: str) -> HttpResponse:
        code = request.headers.get("Authorization", "").removeprefix("Bearer").strip()
        return answer(_told(read(reference, code=code, at=self.at)))


def _told(found: Progress) -> dict[str, Any]:
    return {
        "reference": found.reference,
        "state": found.state,
        "outcome": found.outcome,
        "asked_at": written(found.asked_at),
        "due_at": written(found.due_at) if found.due_at else None,
    }
