"""One size, judged at one moment: what an epoch of a long run, a query or a worker of another process reads.

Invariants
  * The same keys get the same answers in every process that holds the same moment: they are those as of `at`.
  * Past the end of its term it decides nothing. All adapters decide by `mask` or `listed`, and both compare with it.
  * What is handed to another process names its rows by their SHA-256, and holds no key.
"""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa

from consentkit import keys as keys_
from consentkit.closes import open_list
from consentkit.errors import ConsentkitError, Stale
from consentkit.filtering import Judge
from consentkit.lookup import PERMITTED, UNKNOWN, Lookup
from consentkit.notes import Verifier
from consentkit.purposes import Purposes, purposes_of
from consentkit.rows import SHA256_BYTES
from consentkit.settings import Misuse
from consentkit.sources.batches import Mask, OnUnreadable
from consentkit.state import Notes, State, rows_in
from consentkit.terms import Term
from consentkit.trust import LONGEST_TERM

LISTED: Final = pa.schema([("sha256", pa.string()), ("until", pa.int64())])
"""Digests that have an answer: permitted until then (Unix seconds), or 0 for excluded."""

_NO_DIGEST: Final = "?"

Judges = dict[tuple[tuple[str, ...], OnUnreadable], Judge]
"""By purposes, and what becomes of unreadable keys."""


class NotShared(ConsentkitError):
    """Another process cannot be given this state."""


class Source(Protocol):
    """What adapters take: a Registry, a Pin, or a Moment."""

    def moment(self) -> "Moment":
        """One size, judged now. Raises what syncing raises, or LeaseEnded."""


@dataclass(frozen=True)
class Moment:
    """The state as of `at`, Unix seconds, and how long it may be read. `path`: its rows' file."""

    state: State
    at: float
    term: Term
    path: Path | None = None
    _judges: Judges = field(default_factory=dict, compare=False, repr=False)

    @property
    def size(self) -> int:
        """The log's size at which the answers are true."""
        return self.state.size

    @property
    def ends(self) -> float:
        """When it must not be read any more, Unix seconds."""
        return self.term.ends

    @property
    def ended(self) -> bool:
        """Whether it must not be read any more."""
        return self.term.ended

    def moment(self) -> "Moment":
        """Itself. Raises LeaseEnded."""
        self.term.require()
        return self

    def renewed(self) -> "Moment":
        """The same state and term as of now. Raises LeaseEnded."""
        return replace(self, at=self.term.require())

    def judge(self, purpose: Purposes, unreadable: OnUnreadable = "refuse") -> Judge:
        """Decides while the term lasts. Raises Misuse, Unreachable for what the key does not cover, or LeaseEnded."""
        self.term.require()
        asked = (purposes_of(purpose), unreadable)
        if asked not in self._judges:
            self._judges[asked] = Judge(self.state, asked[0], LONGEST_TERM, self.term.require, unreadable=unreadable)
        return self._judges[asked]

    def mask(self, keys: Any, *, purpose: Purposes, in_scope: Any = None, unreadable: OnUnreadable = "refuse") -> Mask:
        """For each key whether its row passes, as `Registry.mask` says it. Raises LeaseEnded."""
        inside = None if in_scope is None else np.asarray(in_scope, bool)
        read = keys_.from_arrow(_as_arrow(keys))
        if inside is not None and len(inside) != len(read):
            raise Misuse(f"in_scope has {len(inside)} values for {len(read)} keys")
        return self.judge(purpose, unreadable).keep(read, inside, at=self.at)

    def listed(self, purpose: Purposes) -> Any:
        """All digests that have an answer, as a table of `LISTED`, for engines that join. Raises as `judge`.

        A row in scope passes if its key stands there with `until` > now; any other, unless its key in lower case
        stands there with `until` <= now.
        """
        self.term.require()
        return listed(self.state, purpose, at=self.at)

    def fingerprint(self, purpose: Purposes) -> tuple[str, ...]:
        """What the answers for a purpose follow from: alike exactly as long as no answer changes."""
        state, asked = self.state, purposes_of(purpose)
        # At one size, more have ended only if others than before have.
        ended = [int(np.count_nonzero((until > 0) & (until <= self.at))) for until in _untils(state, asked)]
        parts = state.parts
        scopes = (parts.collection, parts.audience, *asked)
        return (*scopes, str(state.size), state.close.digest, *map(str, ended))

    def shared(self) -> "Moment":
        """Itself, if other processes can read it. Raises NotShared: the next sync would replace it under them."""
        if self.path is None:
            raise NotShared(
                "a synced state cannot be handed to another process: pin it first, as in registry.pin(), "
                "and give the pin instead of the registry"
            )
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Raises NotShared."""
        self.shared()
        verifier = self.state.trust.verifier
        return {"path": self.path, "notes": self.state.notes, "verifier": verifier, "at": self.at, "term": self.term}

    def __setstate__(self, given: dict[str, Any]) -> None:
        """Maps the rows. Raises Stale if they have gone."""
        path, notes, verifier = given["path"], given["notes"], given["verifier"]
        held = {"state": _mapped(path, notes, verifier), "at": given["at"], "term": given["term"], "path": path}
        for name, value in {**held, "_judges": {}}.items():
            object.__setattr__(self, name, value)


def listed(state: State, purpose: Purposes, *, at: float) -> Any:
    """The digests of a state that have an answer, as of then, as a table of `LISTED`. Raises as `Lookup`."""
    rows, asked = state.rows, purposes_of(purpose)
    found = Lookup(rows, purpose=asked, at=at)
    if not len(rows):
        return LISTED.empty_table()
    first = np.flatnonzero(np.append(True, (rows.sha256[1:] != rows.sha256[:-1]).any(axis=1)))
    fine = np.ones(len(first), bool)
    digests = np.ascontiguousarray(rows.sha256[first])
    answer = found.find(keys_.Keys(digests, fine, fine, fine), at=at).answer
    until = np.minimum.reduceat(np.min(_untils(state, asked), axis=0), first)
    until[answer != PERMITTED] = 0
    has_answer = answer != UNKNOWN
    return pa.table([_as_hex(digests[has_answer]), pa.array(until[has_answer])], schema=LISTED)


def _untils(state: State, purposes: tuple[str, ...]) -> list[Any]:
    return [state.rows.until[state.rows.purposes.index(each)] for each in purposes]


def _mapped(path: Path, notes: Notes, verifier: Verifier) -> State:
    try:
        rows = rows_in(path, open_list(notes.parts, verifier))
    except FileNotFoundError as error:  # another machine, or the pin has ended and was removed
        raise Stale(
            f"{path} is not here: a pin is read from CONSENTKIT_HOME, so share that folder between machines"
        ) from error
    return State.opened(rows, notes, verifier)


def _as_arrow(keys: Any) -> Any:
    """Python values as text: nothing is no key, and what is no digest stays unreadable."""
    if isinstance(keys, pa.Array | pa.ChunkedArray):
        return keys
    return pa.array([_as_text(key) for key in keys], pa.string())


def _as_text(key: object) -> str | None:
    """As the one reader takes it: a value of another type is a key that cannot be read."""
    if isinstance(key, bytes | bytearray | memoryview):
        held = bytes(key)
        return held.hex() if len(held) == SHA256_BYTES else held.decode("ascii", "replace")
    if isinstance(key, str):
        return key if key.isascii() else _NO_DIGEST  # a lone surrogate is no text for Arrow
    missing = key is None or (isinstance(key, float) and math.isnan(key))  # as pandas has it
    return None if missing else _NO_DIGEST


def _as_hex(digests: Any) -> Any:
    """n x 32 as 64 hex digits each."""
    text = digests.tobytes().hex().encode()
    offsets = np.arange(len(digests) + 1, dtype=np.int64) * 2 * SHA256_BYTES
    wide = pa.LargeStringArray.from_buffers(len(digests), pa.py_buffer(offsets), pa.py_buffer(text))
    return wide.cast(pa.string())
