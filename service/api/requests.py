"""POST requests: somebody without an account says "that is me". A hit and a miss cannot be told apart."""

import math
import time
from dataclasses import dataclass, field
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpResponse
from rest_framework.request import Request

from consent.acts.open_case import Matter, open_case
from service.api import described as d
from service.api import forms
from service.api.doors import Door, answer
from service.api.images import fields_of, the_file
from service.api.parsers import FormParser
from service.limits import require_rate
from service.problems import Problem

EMAIL: Final = {"type": "string", "format": "email"}
BEAT: Final = 0.25  # seconds; whatever was found, the answer comes on the next one


def contact(name: str, value: object) -> str:
    """An e-mail address, in small letters: how we answer, and whose quota it is."""
    address = forms.text(name, value)
    try:
        validate_email(address)
    except ValidationError as error:  # not an address that mail could reach
        raise forms.invalid(name, "is an e-mail address") from error
    return address.lower()


def digest(name: str, value: object) -> bytes:
    forms.require_form([forms.text(name, value)], forms.SHA256)
    return bytes.fromhex(forms.text(name, value))


def image(name: str, value: object) -> str:
    forms.require_form([forms.text(name, value)], forms.IMAGE)
    return forms.text(name, value)


@dataclass(frozen=True)
class Said:
    """The text fields. A file stands for its digest and is not kept."""

    contact: str = field(metadata=forms.by(contact))
    sha256: bytes | None = field(default=None, metadata=forms.by(digest))
    image: str | None = field(default=None, metadata=forms.by(image))


class Requests(Door):
    """Ask us to look at a picture of you."""

    parser_classes = (FormParser,)

    @d.described(
        "request",
        "Somebody without an account asks about a picture of them. The answer never tells what was found.",
        body={"multipart/form-data": d.thing({"contact": EMAIL}, file=d.FILE, sha256=d.DIGEST, image=d.NUMBER)},
        answers={202: d.thing({"reference": d.TEXT})},
        problems=(413, 415),
        public=True,
    )
    def post(self, request: Request) -> HttpResponse:
        began = time.monotonic()
        file = the_file(request)
        digested = file.sha256 if file is not None else None
        if file is not None:
            file.close()
        said = forms.read(Said, fields_of(request))
        matter = _matter(said, digested)
        require_rate(request, contact=said.contact)
        opened = open_case(matter, claimant=said.contact, at=self.at)
        _wait_for_the_beat(began)
        return answer({"reference": opened.reference}, status=202)


def _matter(said: Said, digested: bytes | None) -> Matter:
    named = [each for each in (digested, said.sha256, said.image) if each is not None]
    if not named:
        raise Problem("field-required", "Send one of 'file', 'sha256' and 'image'.", field="file")
    if len(named) > 1:
        raise Problem("request-ambiguous", "Send one of 'file', 'sha256' and 'image', not several.")
    if said.image is not None:
        return Matter("request", asked=said.image, image=forms.number("image", said.image))
    sha256 = digested or said.sha256 or b""
    return Matter("request", asked=sha256.hex(), sha256=sha256)


def _wait_for_the_beat(began: float) -> None:
    elapsed = time.monotonic() - began
    time.sleep(math.ceil(elapsed / BEAT) * BEAT - elapsed)
