"""A pipeline's question: may these images be used for this purpose, now? As many keys as are asked, at one size."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from consent.reads.pipelines import Asker
from consent.rules.decisions import ANSWERS, STRANGER, Decided, decide, lease, strongest
from consent.rules.reasons import Decision, Reason
from consentkit.scopes import scope
from registry.log.readiness import doubt_since, kept_outside
from registry.models.bulk import ask, ask_packed, packed
from registry.reads.size import at_one_size

By = Literal["sha256", "image"]
Bytes = NDArray[np.uint8]

# One array in, one value out: the rows that answer, each as `_layout` has it. What a row says of the scope is one
# number: an end, a reason below zero, or 0 for neither. The collection stands in the filter,
# so that its index cannot be taken for that of the keys.
ROWS: Final = """
    SELECT string_agg({key} || uuid_send(image_id) || int8send(coalesce(until[$2], -reason[$2], 0)), '')
        FILTER (WHERE collection_id = $3)
    FROM consent_standing WHERE {column} = ANY($1::{kind}[])
"""
ROWS_BY: Final = {
    "sha256": ROWS.format(key="sha256", column="sha256", kind="bytea"),
    "image": ROWS.format(key="uuid_send(image_id)", column="image_id", kind="uuid"),
}
KINDS: Final = {"sha256": "bytea", "image": "uuid"}
WIDTHS: Final = {"sha256": 32, "image": 16}  # bytes of a key

# Until the transaction ends. A plan for just these keys begins with an estimate for each of them, which costs a third
# of finding them. One that knows no keys must not search a small table: it would compare each row with each key.
BY_INDEX: Final = "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off"


@dataclass(frozen=True)
class Checked:
    """One answer a key, in the order asked, true at `size` and until `valid_until` (Unix seconds).

    `places` are one byte a key: where in ANSWERS its answer is. `images` are the ids of the images that answered, 16
    bytes each, once each and in no order.
    """

    size: int
    valid_until: int
    places: bytes
    images: bytes

    @property
    def decisions(self) -> list[Decided]:
        return [ANSWERS[place] for place in self.places]


@dataclass(frozen=True)
class Question:
    """What is asked of every key. The audience and the collection are the asker's."""

    asker: Asker
    purpose: str
    by: By


class Asking:
    """Answers at one size; any number of lists of keys may be asked for. Made by `asking`.

    `images` are the ids of the images that answered the last list, 16 bytes each, once each and in no order.
    """

    def __init__(self, question: Question, *, size: int, now: int, doubted: bool) -> None:
        self.size = size
        self.images = b""
        self._question, self._now, self._doubted = question, now, doubted
        self._ends: set[int] = set()

    @property
    def valid_until(self) -> int:
        """Of all answers given so far, in Unix seconds."""
        return lease(self._ends, now=self._now)

    def answer(self, keys: Sequence[str]) -> bytes:
        """A place in ANSWERS for each key. `keys` are in their one form: lower-case hex, or UUIDs."""
        asked = _as_bytes(keys, WIDTHS[self._question.by])
        rows = self._rows(asked)
        self.images = rows["image"].tobytes()
        known, said = _by_key(_fixed(rows["key"]), rows["says"])
        places = np.append(self._places(said), np.uint8(ANSWERS.index(STRANGER)))
        found = pc.index_in(_fixed(asked), known).fill_null(len(known))  # the last place is the strangers'
        return bytes(places[found.to_numpy()])

    def _rows(self, asked: Bytes) -> Any:
        question = self._question
        position = scope(question.purpose, question.asker.audience) + 1  # SQL counts from one
        keys = packed(_in_order(asked), KINDS[question.by])
        found = ask_packed(ROWS_BY[question.by], [keys, position, question.asker.collection])
        return np.frombuffer(found or b"", _layout(asked.shape[1]))

    def _places(self, said: NDArray[np.int64]) -> Bytes:
        """Most rows say one of a few things, so each is decided once."""
        distinct, back = np.unique(said, return_inverse=True)
        return np.array([self._place(each) for each in distinct.tolist()], np.uint8)[back]

    def _place(self, says: int) -> int:
        until, reason = _term(says)
        decided = decide(until, reason, now=self._now, doubted=self._doubted)
        if decided.decision is Decision.PERMITTED and until is not None:
            self._ends.add(until)
        return ANSWERS.index(decided)


def _layout(width: int) -> Any:
    return np.dtype([("key", "u1", width), ("image", "u1", 16), ("says", ">i8")])


def _as_bytes(keys: Sequence[str], width: int) -> Bytes:
    digits = "".join(keys) if width == WIDTHS["sha256"] else "".join(keys).replace("-", "")
    return np.frombuffer(bytes.fromhex(digits), np.uint8).reshape(-1, width)


def _in_order(keys: Bytes) -> Bytes:
    """By their first eight bytes, so that the index is walked once from its beginning to its end."""
    first = np.ascontiguousarray(keys[:, :8]).view(">u8").ravel()
    return keys[np.argsort(first.astype(np.uint64))]


def _fixed(values: Bytes) -> Any:
    """Rows of bytes for Arrow, which compares all of them."""
    flat = np.ascontiguousarray(values)
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(flat.shape[1]), len(flat), [None, pa.py_buffer(flat)])


def _by_key(keys: Any, says: Any) -> tuple[Any, NDArray[np.int64]]:
    """Distinct keys, and what each says: several images of one digest answer as one."""
    coded = keys.dictionary_encode()
    at, said = coded.indices.to_numpy(), says.astype(np.int64)
    if len(coded.dictionary) == len(keys):  # each is in its own place
        return coded.dictionary, said
    terms = defaultdict(list)
    for place, each in zip(at.tolist(), said.tolist(), strict=True):
        terms[place].append(_term(each))
    return coded.dictionary, np.array([_number(*strongest(terms[place])) for place in range(len(terms))], np.int64)


def _term(says: int) -> tuple[int | None, Reason | None]:
    """`until` and `reason`, as rules know them."""
    return (says if says > 0 else None), (Reason(-says) if says < 0 else None)


def _number(until: int | None, reason: Reason | None) -> int:
    return until or 0 if reason is None else -reason


@contextmanager
def asking(question: Question, *, at: datetime) -> Iterator[Asking]:
    """Law 2: size and rows are read in one transaction. Law 11: in doubt, nothing in it is permitted."""
    kept = kept_outside(at)
    with at_one_size() as size:
        doubted = doubt_since(kept, at=at) is not None
        ask(BY_INDEX, {})
        yield Asking(question, size=size, now=int(at.timestamp()), doubted=doubted)


def check(asker: Asker, *, purpose: str, by: By, keys: Sequence[str], at: datetime) -> Checked:
    """The decisions for these keys, duplicates kept."""
    with asking(Question(asker, purpose, by), at=at) as questions:
        places = questions.answer(keys)
        return Checked(questions.size, questions.valid_until, places, questions.images)
