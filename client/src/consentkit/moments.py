"""One size, judged at one moment: what an epoch of a long run, a query or a worker of another process reads.

Invariants
  * The same keys get the same answers in every process that holds the same moment: no clock is read while deciding.
  * What is handed to another process names its rows by their SHA-256, and holds no key.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import pyarrow as pa

from consentkit import keys as keys_
from consentkit.closes import open_list
from consentkit.errors import ConsentkitError, Stale
from consentkit.filtering import Judge
from consentkit.lookup import PERMITTED, UNKNOWN
from consentkit.notes import Verifier
from consentkit.rows import SHA256_BYTES
from consentkit.sources.batches import Mask
from consentkit.state import Notes, State, rows_in
from consentkit.trust import LONGEST_TERM

LISTED: Final = pa.schema([("sha256", pa.string()), ("until", pa.int64())])
"""Digests that have an answer: permitted until then (Unix seconds), or 0 for excluded."""


class NotShared(ConsentkitError):
    """Another process cannot be given this state."""


class Source(Protocol):
    """What adapters take: a Registry, a Pin, or a Moment."""

    def moment(self) -> "Moment":
        """One size, judged now. Raises what syncing raises, or LeaseEnded."""


@dataclass(frozen=True)
class Moment:
    """The state as of `at`. `ends`: when it must not be read any more; both Unix seconds. `path`: its rows' file."""

    state: State
    at: float
    ends: float
    path: Path | None = None
    _judges: dict[str, Judge] = field(default_factory=dict, compare=False, repr=False)

    @property
    def size(self) -> int:
        """The log's size at which the answers are true."""
        return self.state.size

    def moment(self) -> "Moment":
        """Itself."""
        return self

    def judge(self, purpose: str) -> Judge:
        """Decides as of `at`. Raises Unreachable for a purpose that the key does not cover, or Stale."""
        if purpose not in self._judges:
            self._judges[purpose] = Judge(self.state, purpose, LONGEST_TERM, lambda: self.at)
        return self._judges[purpose]

    def mask(self, keys: Any, *, purpose: str, in_scope: Any = None) -> Mask:
        """For each key whether its row passes, as `Registry.mask` says it."""
        return decided(self.judge(purpose), keys, in_scope)

    def listed(self, purpose: str) -> Any:
        """All digests that have an answer, as a table of `LISTED`, for engines that join. Raises as `judge`.

        A row in scope passes if its key stands there with `until` > now; any other, unless its key in lower case
        stands there with `until` <= now.
        """
        rows = self.state.rows
        if not len(rows):
            return LISTED.empty_table()
        first = np.flatnonzero(np.append(True, (rows.sha256[1:] != rows.sha256[:-1]).any(axis=1)))
        fine = np.ones(len(first), bool)
        digests = np.ascontiguousarray(rows.sha256[first])
        answer = self.judge(purpose).decide(keys_.Keys(digests, fine, fine, fine)).answer
        until = np.minimum.reduceat(rows.until[rows.purposes.index(purpose)], first)
        until[answer != PERMITTED] = 0
        has_answer = answer != UNKNOWN
        return pa.table([_as_hex(digests[has_answer]), pa.array(until[has_answer])], schema=LISTED)

    def fingerprint(self, purpose: str) -> tuple[str, ...]:
        """What the answers for a purpose follow from: alike exactly as long as no answer changes."""
        state = self.state
        until = state.rows.until[state.rows.purposes.index(purpose)]
        # At one size, more have ended only if others than before have.
        ended = int(np.count_nonzero((until > 0) & (until <= self.at)))
        parts = state.parts
        return (parts.collection, parts.audience, purpose, str(state.size), state.close.digest, str(ended))

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
        return {"path": self.path, "notes": self.state.notes, "verifier": verifier, "at": self.at, "ends": self.ends}

    def __setstate__(self, given: dict[str, Any]) -> None:
        """Maps the rows. Raises Stale if they have gone."""
        path, notes, verifier = given["path"], given["notes"], given["verifier"]
        held = {"state": _mapped(path, notes, verifier), "at": given["at"], "ends": given["ends"], "path": path}
        for name, value in {**held, "_judges": {}}.items():
            object.__setattr__(self, name, value)


def decided(judge: Judge, keys: Any, in_scope: Any = None) -> Mask:
    """Which rows pass. `keys`: a sequence of hex digests or 32 bytes, or an Arrow array; `in_scope`: bools, or all."""
    inside = None if in_scope is None else np.asarray(in_scope, bool)
    read = keys_.from_arrow(_as_arrow(keys))
    if inside is not None and len(inside) != len(read):
        raise ValueError(f"in_scope has {len(inside)} values for {len(read)} keys")
    return judge.keep(read, inside)


def _mapped(path: Path, notes: Notes, verifier: Verifier) -> State:
    try:
        rows = rows_in(path, open_list(notes.parts, verifier))
    except FileNotFoundError as error:  # another machine, or the pin has ended and was removed
        raise Stale(
            f"{path} is not here: a pin is read from CONSENTKIT_HOME, so share that folder between machines"
        ) from error
    return State.opened(rows, notes, verifier)


def _as_arrow(keys: Any) -> Any:
    """Anything that is neither a hex digest nor 32 bytes becomes null: unknown, never permitted."""
    if isinstance(keys, pa.Array | pa.ChunkedArray):
        return keys
    return pa.array([_as_text(key) for key in keys], pa.string())


def _as_text(key: object) -> str | None:
    if isinstance(key, bytes):
        return key.hex() if len(key) == SHA256_BYTES else None
    return key if isinstance(key, str) and key.isascii() else None


def _as_hex(digests: Any) -> Any:
    """n x 32 as 64 hex digits each."""
    text = digests.tobytes().hex().encode()
    offsets = np.arange(len(digests) + 1, dtype=np.int64) * 2 * SHA256_BYTES
    wide = pa.LargeStringArray.from_buffers(len(digests), pa.py_buffer(offsets), pa.py_buffer(text))
    return wide.cast(pa.string())
