"""A pipeline's question: may these images be used for this purpose, now? As many keys as are asked, at one size."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from django.db import connection

from consent.reads.pipelines import Asker
from consent.rules.decisions import STRANGER, Decided, decide, lease, strongest
from consent.rules.reasons import Decision, Reason
from consentkit.scopes import scope
from registry.log.readiness import doubt_since, kept_outside
from registry.reads.size import at_one_size

By = Literal["sha256", "image"]
Stored = tuple[int | None, int | None]  # `until` and `reason` of one scope, as the row holds them

# One array in, plain tuples out: no row becomes an object on the way. Held images are strangers.
ROWS: Final = {
    "sha256": """
        SELECT encode(sha256, 'hex'), until[%(position)s], reason[%(position)s], uuid_send(image_id)
        FROM consent_standing
        WHERE sha256 = ANY(%(keys)s::bytea[]) AND collection_id = %(collection)s AND NOT held
    """,
    "image": """
        SELECT image_id::text, until[%(position)s], reason[%(position)s], uuid_send(image_id)
        FROM consent_standing
        WHERE image_id = ANY(%(keys)s::uuid[]) AND collection_id = %(collection)s AND NOT held
    """,
}


@dataclass(frozen=True)
class Checked:
    """One decision a key, in the order asked, true at `size` and until `valid_until` (Unix seconds).

    `images`: the ids of those that answered, 16 bytes each.
    """

    size: int
    valid_until: int
    decisions: Sequence[Decided]
    images: bytes


@dataclass(frozen=True)
class Question:
    """What is asked of every key. The audience and the collection are the asker's."""

    asker: Asker
    purpose: str
    by: By


class Asking:
    """Answers at one size; any number of lists of keys may be asked for. Made by `asking`.

    `images`: the ids of those that answered to the newest list, 16 bytes each.
    """

    def __init__(self, question: Question, *, size: int, now: int, doubted: bool) -> None:
        self.size = size
        self.images = b""
        self._question, self._now, self._doubted = question, now, doubted
        self._decided: dict[Stored, Decided] = {}
        self._ends: set[int] = set()

    @property
    def valid_until(self) -> int:
        """Of all answers given so far, in Unix seconds."""
        return lease(self._ends, now=self._now)

    def answer(self, keys: Sequence[str]) -> list[Decided]:
        """One decision a key, in their order. `keys` are in their one form: lower-case hex, or UUIDs."""
        found = {key: self._decide(stored) for key, stored in self._rows(keys).items()}
        return [found.get(key, STRANGER) for key in keys]

    def _rows(self, keys: Sequence[str]) -> dict[str, Stored]:
        with connection.cursor() as cursor:
            cursor.execute(ROWS[self._question.by], self._parameters(keys))
            rows = cursor.fetchall()
        self.images = b"".join([image for *_, image in rows])
        found = {key: (until, reason) for key, until, reason, _ in rows}
        return found if len(found) == len(rows) else _merged(rows)

    def _parameters(self, keys: Sequence[str]) -> dict[str, str | int | UUID]:
        asker = self._question.asker
        before, between = ('{"\\\\x', '","\\\\x') if self._question.by == "sha256" else ('{"', '","')
        return {
            "keys": before + between.join(keys) + '"}' if keys else "{}",
            "collection": asker.collection,
            "position": scope(self._question.purpose, asker.audience) + 1,  # SQL counts from one
        }

    def _decide(self, stored: Stored) -> Decided:
        """Most rows say one of a few things, so each is decided once."""
        known = self._decided.get(stored)
        if known is not None:
            return known
        until, code = stored
        reason = None if code is None else Reason(code)
        decided = decide(until, reason, now=self._now, doubted=self._doubted)
        if decided.decision is Decision.PERMITTED and until is not None:
            self._ends.add(until)
        self._decided[stored] = decided
        return decided


def _merged(rows: Sequence[tuple[str, int | None, int | None, bytes]]) -> dict[str, Stored]:
    """Several images of one digest answer as one."""
    terms = defaultdict(list)
    for key, until, code, _ in rows:
        terms[key].append((until, None if code is None else Reason(code)))
    return {key: strongest(of) for key, of in terms.items()}


@contextmanager
def asking(question: Question, *, at: datetime) -> Iterator[Asking]:
    """Law 2: size and rows are read in one transaction. Law 11: in doubt, nothing in it is permitted."""
    kept = kept_outside()
    with at_one_size() as size:
        doubted = doubt_since(kept, at=at) is not None
        yield Asking(question, size=size, now=int(at.timestamp()), doubted=doubted)


def check(asker: Asker, *, purpose: str, by: By, keys: Sequence[str], at: datetime) -> Checked:
    """The decisions for these keys, duplicates kept."""
    with asking(Question(asker, purpose, by), at=at) as questions:
        decisions = questions.answer(keys)
        return Checked(questions.size, questions.valid_until, decisions, questions.images)
