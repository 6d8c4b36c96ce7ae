"""POST checks: may these images be used for this purpose, now?"""

import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, cast

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from rest_framework.request import Request

from consent.acts.disclose import Telling, disclose_images
from consent.reads.checks import By, Checked, check
from consent.reads.pipelines import Asker
from consent.rules.decisions import ANSWERS, Decided
from consent.rules.disclosures import How
from service.api import arrow, examples, forms, streams
from service.api import described as d
from service.api.doors import PipelineDoor, written
from service.problems import Problem

MOST: Final = 100_000
BODY_BYTES: Final = 8 * 2**20
# Streams that are answered at once in one process. More would take both processors from whoever withdraws; those that
# wait hold neither a connection nor a transaction, so each is answered at the size of its own turn (law 2).
_turn: Final = threading.BoundedSemaphore(1)
TURN_SECONDS: Final = 25.0


def _asked(by: str, key: d.Schema) -> d.Schema:
    keys = d.many(key, minItems=1, maxItems=MOST)
    return d.thing({"purpose": d.PURPOSE, "by": {"type": "string", "enum": [by]}, "keys": keys})


QUESTION: Final = d.shown(
    d.either(_asked("sha256", d.DIGEST), _asked("image", d.NUMBER)),
    {"purpose": "ai_training", "by": "sha256", "keys": [examples.SHA256, examples.OTHER_SHA256]},
)
STREAM: Final = {
    **d.FILE,
    "description": "One column, `key`. `purpose` and `by` stand in the schema's metadata, or behind the question mark.",
}
TOLD: Final = d.maybe({"type": "string", "enum": ["remove", "wait", "not_covered", None]})
ANSWER: Final = d.shown(
    d.thing(
        {
            "size": d.WHOLE,
            "purpose": d.PURPOSE,
            "valid_until": d.TIME,
            "decisions": d.many(d.thing({"key": d.TEXT, "decision": d.DECISION, "reason": TOLD})),
        }
    ),
    {
        "size": examples.SIZE,
        "purpose": "ai_training",
        "valid_until": examples.AT,
        "decisions": [
            {"key": examples.SHA256, "decision": "permitted", "reason": None},
            {"key": examples.OTHER_SHA256, "decision": "excluded", "reason": "remove"},
        ],
    },
)


@dataclass(frozen=True)
class Asked:
    """The body of a check."""

    purpose: str = field(metadata=forms.by(forms.purpose))
    by: str = field(metadata=forms.by(forms.one_of("sha256", "image")))
    keys: list[str] = field(metadata=forms.by(forms.strings))


class Checks(PipelineDoor):
    """Ask for decisions, one a key."""

    body_bytes = BODY_BYTES
    query = ("purpose", "by")

    @d.described(
        "check",
        "May these images be used for this purpose, now? One decision a key, in the order asked.",
        body={"application/json": QUESTION, streams.MEDIA_TYPE: STREAM},
        answers={200: ANSWER},
        problems=(413, 415),
    )
    def post(self, request: Request) -> HttpResponseBase:
        if streams.is_stream(request):
            return self._streamed(request)
        if request.GET:
            raise Problem("request-ambiguous", "With JSON, the body says it all.")
        asked = self.form(Asked)
        require_keys(asked.keys, by=cast("By", asked.by))
        require_covered(self.asker, asked.purpose)
        checked = check(self.asker, purpose=asked.purpose, by=cast("By", asked.by), keys=asked.keys, at=self.at)
        telling = Telling(How.CHECK, (asked.purpose,), self.asker.audience, checked.size)
        disclose_images(self.asker.serial, telling=telling, images=checked.images, at=self.at)
        return HttpResponse(
            _rendered(asked, checked), content_type="application/json", headers={"Cache-Control": "no-store"}
        )

    def _streamed(self, request: Request) -> HttpResponseBase:
        file = streams.spooled(request, most=arrow.BODY_BYTES)
        schema = streams.schema_of(file, arrow.COLUMNS)
        of = streams.said(schema, request.GET.dict(), arrow.Said)
        require_covered(self.asker, of.purpose)
        with one_at_a_time(), tempfile.TemporaryFile() as kept:
            self.arrived()  # its turn may have taken long
            found = arrow.answers(file, schema, asker=self.asker, of=of, at=self.at, kept=kept)
            telling = Telling(How.CHECK, (of.purpose,), self.asker.audience, found.size)
            for images in arrow.pieces(kept):
                disclose_images(self.asker.serial, telling=telling, images=images, at=self.at)
        return StreamingHttpResponse(
            arrow.rendered(file, schema, of=of, found=found),
            content_type=streams.MEDIA_TYPE,
            headers={"Cache-Control": "no-store"},
        )


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """A stream's turn. Raises Problem where it does not come in time."""
    if not _turn.acquire(timeout=TURN_SECONDS):
        raise Problem("unavailable", "Other streams are being answered. Send it again in a moment.")
    try:
        yield
    finally:
        _turn.release()


def require_covered(asker: Asker, purpose: str) -> None:
    """A known purpose that this key was not given."""
    if purpose not in asker.purposes:
        raise Problem("scope-missing", f"This key is for {', '.join(asker.purposes)}.")


def require_keys(keys: Sequence[str], *, by: By) -> None:
    """Some, not too many, each in its one form."""
    if not keys:
        raise Problem("bulk-empty", "Ask for at least one key.")
    if len(keys) > MOST:
        raise Problem("bulk-too-large", f"Ask for at most {MOST:,} keys at once, or send an Arrow stream.")
    forms.require_form(list(keys), forms.SHA256 if by == "sha256" else forms.IMAGE)


def _rendered(asked: Asked, checked: Checked) -> str:
    """Written by hand: keys are hex, all other words are ours, and a hundred thousand objects cost more than SQL."""
    head = f'{{"size":{checked.size},"purpose":"{asked.purpose}","valid_until":"{written(checked.valid_until)}"'
    ends = [_end(decided) for decided in ANSWERS]
    decisions = [f'{{"key":"{key}",{ends[place]}' for key, place in zip(asked.keys, checked.places, strict=True)]
    return f'{head},"decisions":[{",".join(decisions)}]}}'


def _end(decided: Decided) -> str:
    told = "null" if decided.told is None else f'"{decided.told}"'
    return f'"decision":"{decided.decision}","reason":{told}}}'
