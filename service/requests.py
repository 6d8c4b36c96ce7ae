"""Requests of people without an account: "a picture of me is in here".

What is asked by file, digest or number becomes one case, once the code that went to the asker's address was typed in:
until then nothing is looked up, so that hit and miss are answered in the same words, size and time. Whoever is signed
in with that address has proven it; and where no mail can go out, a request counts at once. An exact hit is restricted
in the act that opens the case, altered copies are looked for afterwards, by a worker.
"""

import math
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from consent.acts import lodge as lodging
from consent.acts import prove as proving
from consent.acts.open_case import Matter
from consent.reads.requests import Progress, progress
from registry import originals
from registry.errors import AddressInvalid
from registry.rules import addresses
from service.codes import send_code
from service.nudge import nudger
from service.problems import Problem
from service.uploads import DigestedFile

BEAT: Final = 0.25  # seconds; answers leave at its multiples, so their time tells nothing
SHA256: Final = re.compile(r"[0-9a-f]{64}")
NUMBER: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Asking:
    """One request, understood: which picture is meant, and the address to answer to, in its one form."""

    matter: Matter
    contact: str
    file: DigestedFile | None


def asking(*, file: DigestedFile | None, sha256: str | None, image: str | None, contact: str) -> Asking:
    """Raises Problem unless exactly one of file, sha256 and image is given, in its one form, and an address.

    A file that is no picture, or plainly one that nobody could read, is refused for what it is, before anything is
    looked up: whoever asks can send another.
    """
    named = [each for each in (file, sha256, image) if each is not None]
    if not named:
        raise Problem("field-required", "Send one of 'file', 'sha256' and 'image'.", field="file")
    if len(named) > 1:
        raise Problem("request-ambiguous", "Send one of 'file', 'sha256' and 'image', not several.", field="file")
    try:
        address = addresses.canonical(contact)
    except AddressInvalid as fault:
        raise Problem("field-invalid", f"'contact' is an e-mail address. {fault.detail}", field="contact") from fault
    return Asking(_matter(file, sha256, image), address, file)


def lodge(asked: Asking, *, page: str, signed_in: str | None, at: datetime) -> str:
    """Keep the picture and the request, and send the code; the request's reference.

    `page`: where the code is typed in. `signed_in`: an address that this session has proven. A crash before the request
    is kept leaves a picture without one, which the sweep removes; after it, the request ends by itself.
    """
    if asked.file is not None:
        asked.file.keep(originals.asked(asked.matter.case))
    lodged = lodging.lodge(asked.matter, contact=asked.contact, at=at)
    sent = send_code(lodged, contact=asked.contact, page=page)
    proven = signed_in is not None and addresses.canonical(signed_in) == asked.contact
    if proven or not sent:
        proving.count(lodged.request, proven=proven, at=at)
        _nudge(lodged.request)
    return lodged.reference


def prove(reference: str, *, code: str, at: datetime) -> Progress:
    """From now on the request counts. Raises NotFound, in the same words whatever is wrong."""
    request = proving.prove(reference, code=code, at=at)
    _nudge(request)
    return progress(request)


def read(reference: str, *, code: str, at: datetime) -> Progress:
    """How far it is. Raises NotFound, in the same words whatever is wrong."""
    return progress(proving.known(reference, code=code, at=at))


def _nudge(request: UUID) -> None:
    """The workers, whatever was hit."""
    nudger.protect()
    if originals.asked(request).exists():
        nudger.search(request)


def _matter(file: DigestedFile | None, sha256: str | None, image: str | None) -> Matter:
    if file is not None:
        file.require_readable()
        return Matter("request", asked=file.sha256.hex(), sha256=file.sha256, search=True)
    if sha256 is not None:
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
