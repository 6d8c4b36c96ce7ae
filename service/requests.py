"""Requests of people without an account: "a picture of me is in here".

What is asked by file, digest or number becomes one case. Hit and miss are answered in the same words, size and time.
"""

import math
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from consent.acts.open_case import Matter
from service.problems import Problem
from service.uploads import DigestedFile

BEAT: Final = 0.25  # seconds; answers leave at its multiples, so their time tells nothing
LONGEST_ADDRESS: Final = 254  # characters; RFC 5321, section 4.5.3.1.3, less its brackets
SHA256: Final = re.compile(r"[0-9a-f]{64}")
NUMBER: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Asking:
    """One request, understood: which picture is meant, and the address to answer to, in small letters."""

    matter: Matter
    contact: str


def asking(*, file: DigestedFile | None, sha256: str | None, image: str | None, contact: str) -> Asking:
    """Raises Problem unless exactly one of file, sha256 and image is given, in its one form, and an address."""
    named = [each for each in (file, sha256, image) if each]
    if not named:
        raise Problem("field-required", "Send one of 'file', 'sha256' and 'image'.", field="file")
    if len(named) > 1:
        raise Problem("request-ambiguous", "Send one of 'file', 'sha256' and 'image', not several.", field="file")
    try:
        validate_email(contact if len(contact) <= LONGEST_ADDRESS else "")
    except ValidationError:  # not an address that mail could reach
        raise Problem("field-invalid", "'contact' is an e-mail address.", field="contact") from None
    return Asking(_matter(file, sha256, image), contact.lower())


def _matter(file: DigestedFile | None, sha256: str | None, image: str | None) -> Matter:
    if file is not None:
        return Matter("request", asked=file.sha256.hex(), sha256=file.sha256)
    if sha256:
        _require_form(SHA256, sha256, field="sha256")
        return Matter("request", asked=sha256, sha256=bytes.fromhex(sha256))
    number = image or ""
    _require_form(NUMBER, number, field="image")
    return Matter("request", asked=number, image=UUID(number))


def _require_form(form: re.Pattern[str], key: str, *, field: str) -> None:
    if not form.fullmatch(key):
        raise Problem("digest-malformed", f"{field!r} is not in its one form.", field=field)


@contextmanager
def evenly() -> Iterator[None]:
    """Leave at the next multiple of BEAT after entering, also by an exception."""
    began = time.monotonic()
    try:
        yield
    finally:
        took = time.monotonic() - began
        time.sleep(math.ceil(took / BEAT) * BEAT - took)
