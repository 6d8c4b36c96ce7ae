"""POST matches: which of these pictures are copies of a protected image? The asker's fingerprints come in, ours never
go out.

JSON for up to 1,000 pictures, an Arrow stream with the columns `key` and `views` for up to 10,000; the answer is JSON.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import IO, Any, Final

from django.http import HttpResponse
from rest_framework.request import Request

from consent.acts.deposit import deposit
from consent.acts.disclose import Telling, disclose_images
from consent.reads.matches import Found, Matched, PictureMatches, match
from consent.rules.disclosures import How
from consentkit.fingerprints import views
from consentkit.fingerprints.asking import VIEW_BYTES
from registry.log.readiness import stopped
from service.api import described as d
from service.api import forms, streams
from service.api.checks import require_covered
from service.api.doors import PipelineDoor, answer
from service.problems import Problem

MOST: Final = 1_000
MOST_STREAMED: Final = 10_000
BODY_BYTES: Final = 4 * 2**20  # a thousand pictures, their keys written in the longest way
STREAM_BYTES: Final = 16 * 2**20
COLUMNS: Final[dict[str, streams.Kind]] = {"key": streams.TEXTS, "views": streams.BYTES}
KEY: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,200}")
HEX: Final = re.compile(r"(?:[0-9a-f]{2})*")

VIEW: Final = 2 * VIEW_BYTES  # hex digits
PICTURE: Final = d.thing(
    {
        "key": {
            "type": "string",
            "pattern": r"^[^\u0000-\u001f\u007f-\u009f]{1,200}$",
            "description": "Your own name for the picture.",
        },
        "views": {
            "type": "string",
            "pattern": f"^([0-9a-f]{{{VIEW}}}){{0,{views.ASKED}}}$",
            "description": "Its asking views in lower-case hex, as `consentkit match` computes them.",
        },
    }
)
VERSION: Final = {"type": "integer", "enum": [views.VERSION], "description": f"Of the views: {views.ALGORITHM}'s."}
QUESTION: Final = d.shown(
    d.thing(
        {
            "purpose": d.PURPOSE,
            "version": {
                "type": "integer",
                "enum": [views.VERSION],
                "description": f"Of the views: {views.ALGORITHM}'s.",
            },
            "pictures": d.many(PICTURE, minItems=1, maxItems=MOST),
        },
        deposit={
            "type": "boolean",
            "default": False,
            "description": "Keep these views: each later withdrawal is matched against them, and you are notified.",
        },
    ),
    {
        "purpose": "ai_training",
        "version": views.VERSION,
        "pictures": [{"key": "train/00017.jpg", "views": "5a" * VIEW_BYTES}],
        "deposit": True,
    },
)
STREAM: Final = {
    **d.FILE,
    "description": "Columns `key` (text) and `views` (bytes). `purpose`, `version` and `deposit` stand in the schema's "
    "metadata, or behind the question mark.",
}
TOLD: Final = d.maybe({"type": "string", "enum": ["remove", "wait", None]})
DECISION: Final = {"type": "string", "enum": ["excluded", "unknown"]}
ALTERATION: Final = {
    "type": "string",
    "description": "`none`, `mirrored`, `turned`, `cropped`, `framed`, or two of them.",
}
FOUND: Final = d.thing({"image": d.NUMBER, "distance": d.WHOLE, "alteration": ALTERATION})
ANSWER: Final = d.shown(
    d.thing(
        {
            "size": d.WHOLE,
            "purpose": d.PURPOSE,
            "complete": {
                "type": "boolean",
                "description": "False: an image that was protected just now could not be looked at yet. Ask again.",
            },
            "compared": {**d.WHOLE, "description": "With how many protected images each picture was compared …"},
            "protected": {**d.WHOLE, "description": "… of how many in the key's collection."},
            "pictures": d.many(
                d.thing({"key": d.TEXT, "decision": DECISION, "reason": TOLD, "matches": d.many(FOUND)})
            ),
        }
    ),
    {
        "size": 1042,
        "purpose": "ai_training",
        "complete": True,
        "compared": 318,
        "protected": 318,
        "pictures": [
            {
                "key": "train/00017.jpg",
                "decision": "excluded",
                "reason": "remove",
                "matches": [
                    {"image": "0f8fad5b-d9cb-469f-a165-70867728950e", "distance": 14, "alteration": "mirrored"}
                ],
            }
        ],
    },
)


def _key(name: str, value: object) -> str:
    if KEY.fullmatch(forms.text(name, value)) is None:
        raise forms.invalid(name, "has 1 to 200 characters, none of them a control character")
    return f"{value}"


def _views(name: str, value: object) -> bytes:
    """Whether these bytes are views of the version named, the read says."""
    digits = forms.text(name, value)
    if HEX.fullmatch(digits) is None:
        raise Problem("fingerprint-malformed", f"{name!r} is not lower-case hex, two digits a byte.")
    return bytes.fromhex(digits)


@dataclass(frozen=True)
class Picture:
    """One picture as it is asked about: the asker's own name for it, and its packed views."""

    key: str = field(metadata=forms.by(_key))
    views: bytes = field(metadata=forms.by(_views))


def _pictures(name: str, value: object) -> list[Picture]:
    if not isinstance(value, list):
        raise forms.invalid(name, "is a list of pictures")
    _require_some(len(value), most=MOST)
    return [_picture(name, each, position) for position, each in enumerate(value)]


def _picture(name: str, value: object, position: int) -> Picture:
    if not isinstance(value, dict):
        raise _at(position, forms.invalid(name, "is a list of objects with 'key' and 'views'"))
    try:
        return forms.read(Picture, value)
    except Problem as problem:  # say of which picture
        raise _at(position, problem) from None


@dataclass(frozen=True)
class Asked:
    """The body in JSON."""

    purpose: str = field(metadata=forms.by(forms.purpose))
    version: int = field(metadata=forms.by(forms.whole))
    pictures: list[Picture] = field(metadata=forms.by(_pictures))
    deposit: bool = field(default=False, metadata=forms.by(forms.flag))


@dataclass(frozen=True)
class Said:
    """What a stream's metadata and the query say."""

    purpose: str = field(metadata=forms.by(forms.purpose))
    version: int = field(metadata=forms.by(forms.digits))
    deposit: str = field(default="false", metadata=forms.by(forms.one_of("true", "false")))


class Matches(PipelineDoor):
    """Ask whether pictures are copies."""

    body_bytes = BODY_BYTES
    query = ("purpose", "version", "deposit")

    @d.described(
        "match",
        "Which of these pictures are copies, also altered ones, of a protected image? One answer a picture, in the "
        "order asked. Nothing found is no permission.",
        body={"application/json": QUESTION, streams.MEDIA_TYPE: STREAM},
        answers={200: ANSWER},
        problems=(413, 415),
    )
    def post(self, request: Request) -> HttpResponse:
        asked = self._streamed(request) if streams.is_stream(request) else self._written(request)
        require_covered(self.asker, asked.purpose)
        packed = [picture.views for picture in asked.pictures]
        if asked.deposit:
            # Before the answer: what is protected meanwhile is in the answer, and what is later finds the deposit.
            deposit(self.asker.serial, version=asked.version, pictures=_by_key(asked.pictures), at=self.at)
        found = match(self.asker, purpose=asked.purpose, version=asked.version, pictures=packed)
        if stopped(self.at):  # law 11: a log that went back has forgotten what it protected
            found = replace(found, doubted=True)
        telling = Telling(How.MATCH, (asked.purpose,), self.asker.audience, found.size)
        disclose_images(self.asker.serial, telling=telling, images=found.images, at=self.at)
        return answer(_rendered(asked, found))

    def _written(self, request: Request) -> Asked:
        if request.GET:
            raise Problem("request-ambiguous", "With JSON, the body says it all.")
        return self.form(Asked)

    def _streamed(self, request: Request) -> Asked:
        with streams.spooled(request, most=STREAM_BYTES) as file:
            schema = streams.schema_of(file, COLUMNS)
            of = streams.said(schema, request.GET.dict(), Said)
            pictures = list(_rows(file, schema))
        _require_some(len(pictures), most=MOST_STREAMED)
        self.arrived()
        return Asked(of.purpose, of.version, pictures, of.deposit == "true")


def _rows(file: IO[bytes], schema: Any) -> Iterator[Picture]:
    seen = 0
    for batch in streams.batches(file, schema):
        _require_some(seen + len(batch), most=MOST_STREAMED, least=0)
        for position, (key, packed) in enumerate(zip(*(column.to_pylist() for column in batch), strict=True), seen):
            if packed is None:
                raise _at(position, Problem("fingerprint-malformed", "'views' is null."))
            try:
                yield Picture(_key("key", key), packed)
            except Problem as problem:  # say of which picture
                raise _at(position, problem) from None
        seen += len(batch)


def _require_some(count: int, *, most: int, least: int = 1) -> None:
    if count < least:
        raise Problem("bulk-empty", "Ask about at least one picture.")
    if count > most:
        streamed = f", or up to {MOST_STREAMED:,} as an Arrow stream" if most < MOST_STREAMED else ""
        raise Problem("bulk-too-large", f"Ask about at most {most:,} pictures at once{streamed}.")


def _at(position: int, problem: Problem) -> Problem:
    """The same problem, and of which picture it is, counted from 0."""
    problem.members["position"] = position
    return problem


def _by_key(pictures: Sequence[Picture]) -> list[tuple[str, bytes]]:
    """Each key once. Raises Problem where one stands for two pictures: the later would silently replace the first."""
    found: dict[str, bytes] = {}
    for position, picture in enumerate(pictures):
        if found.setdefault(picture.key, picture.views) != picture.views:
            raise _at(position, Problem("request-ambiguous", "To deposit, give each picture a key of its own."))
    return list(found.items())


def _rendered(asked: Asked, matched: Matched) -> dict[str, Any]:
    told = zip(asked.pictures, matched.pictures, strict=True)
    return {
        "size": matched.size,
        "purpose": asked.purpose,
        "complete": matched.complete,
        "compared": matched.compared,
        "protected": matched.protected,
        "pictures": [_told(picture.key, of) for picture, of in told],
    }


def _told(key: str, of: PictureMatches) -> dict[str, Any]:
    matches = [_found(each) for each in of.matches]
    return {"key": key, "decision": of.decision.value, "reason": of.reason, "matches": matches}


def _found(of: Found) -> dict[str, Any]:
    return {"image": str(of.image), "distance": of.distance, "alteration": of.alteration}
