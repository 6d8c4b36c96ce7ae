"""Bodies, read strictly: limits before work, and nothing that two readers could understand in two ways.

Programs write JSON, so what is not exactly that is refused with its own slug (bad-inputs, rows 65 to 83).
"""

import json
import re
from collections.abc import Mapping
from email.message import Message
from typing import IO, Any, Final, NoReturn, cast

from django.http.multipartparser import MultiPartParser, MultiPartParserError
from rest_framework.parsers import BaseParser, DataAndFiles

from consentkit.formats import FILE_BYTES, REJECTIONS
from service.problems import Problem

FORM_BYTES: Final = FILE_BYTES + 2 * 2**20  # the file, the fields, and what holds them together
BODY_BYTES: Final = 2**20
DEPTH: Final = 32
LONGEST_NUMBER: Final = 1_000  # digits; past these it is not a number that anybody means
INTEGERS: Final = range(-(2**63), 2**63)
_TAIL: Final = 8  # bytes: the last two dashes, a line's end, and a little that some clients add
_STRINGS: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_BRACKETS: Final = re.compile(rb"[\[\]{}]")
_SURROGATE: Final = re.compile("[\ud800-\udfff\0]")


class FormParser(BaseParser):
    """Multipart: text fields, and files that the upload handler streams to the disc."""

    media_type = "multipart/form-data"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,  # noqa: ARG002 - DRF's signature; the headers say it too
        parser_context: Mapping[str, Any] | None = None,
    ) -> "DataAndFiles[Any, Any]":
        request = (parser_context or {})["request"]
        length = int(request.META["CONTENT_LENGTH"])
        if length > FORM_BYTES:
            raise Problem("upload-too-large", REJECTIONS["upload-too-large"])
        watched = _Watched(stream)
        parser = MultiPartParser(request.META, cast("Any", watched), request.upload_handlers, "utf-8")
        found = DataAndFiles(*parser.parse())
        if watched.length < length or not watched.tail.rstrip().endswith(b"--"):
            for file in cast("Any", found.files).values():
                file.close()
            raise MultiPartParserError("The form ends too early.")  # else half a picture would look like one
        return found


class _Watched:
    """Counts what is read and keeps the end of it, which must be that of a form."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.length, self.tail = stream, 0, b""

    def read(self, size: int = -1) -> bytes:
        read = self._stream.read(size)
        self.length += len(read)
        self.tail = (self.tail + read[-_TAIL:])[-_TAIL:]
        return read


class StrictJSONParser(BaseParser):
    """DRF's way in; a view may allow more bytes with `body_bytes`."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        _require_utf8(media_type or "")
        limit = getattr((parser_context or {}).get("view"), "body_bytes", BODY_BYTES)
        return read_object(read_within(stream, limit))


def read_within(stream: IO[bytes], limit: int) -> bytes:
    """The whole body; 413 as soon as it is longer."""
    body = stream.read(limit + 1)
    if len(body) > limit:
        raise Problem("body-too-large", f"Send at most {limit:,} bytes at once.")
    return body


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object from its bytes."""
    text = _text(body)
    _require_shallow(body)
    try:
        value = json.loads(
            text,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_refuse_constant,
            object_pairs_hook=_without_duplicates,
        )
    except json.JSONDecodeError as error:  # not JSON at all; the parser says where it stopped
        raise Problem("json-malformed", f"{error.msg} at character {error.pos}.") from error
    if not isinstance(value, dict):
        raise Problem("json-not-object", "Send one JSON object: {…}.")
    if b"\\u" in body:  # only an escape can write what UTF-8 cannot
        _require_text(value)
    return value


def _require_utf8(media_type: str) -> None:
    header = Message()
    header["Content-Type"] = media_type
    charset = header.get_param("charset")
    if charset is not None and str(charset).lower() != "utf-8":
        raise Problem("media-type-unsupported", "Send application/json in UTF-8.")


def _text(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:  # another encoding, or damaged
        raise Problem("json-malformed", "The body is not UTF-8.") from error
    if not text or text.startswith("\ufeff"):
        raise Problem("json-malformed", "The body is empty." if not text else "Leave out the byte order mark.")
    return text


def _require_shallow(body: bytes) -> None:
    """Brackets are counted before parsing, because the parser is recursive."""
    if body.count(b"[") + body.count(b"{") <= DEPTH:
        return
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        if depth > DEPTH:
            raise Problem("json-too-deep", f"Nest at most {DEPTH} deep.")


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise Problem("json-malformed", f"A number has {len(digits):,} digits.")
    value = int(digits)
    if value not in INTEGERS:
        raise Problem("number-range", "Whole numbers have at most 64 bits.")
    return value


def _float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise Problem("json-malformed", "A number is too large.")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise Problem("json-malformed", f"{name} is not JSON.")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Problem("json-duplicate-key", "Each key of an object stands once.")
    return found


def _require_text(value: Any) -> None:
    """The depth is bounded by now."""
    match value:
        case str():
            if _SURROGATE.search(value):
                raise Problem("text-invalid", "A text has NUL or half of a surrogate pair.")
        case list():
            for each in value:
                _require_text(each)
        case dict():
            for key, each in value.items():
                _require_text(key)
                _require_text(each)
