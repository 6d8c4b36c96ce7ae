"""The synced state on disk: the rows as one Arrow file, and the notes that sign them.

One folder for each feed: a collection, purposes and an audience. `state.json` names the rows by their SHA-256,
so a state is replaced in one rename: a crash at any step leaves the old state whole, and at worst a file that the next
sync removes.

Invariant
  * What does not agree with its own digest, or with the log's signature, is an error; never an empty list.
"""

import fcntl
import hashlib
import hmac
import os
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa

from consentkit import canonical
from consentkit.checkpoints import open_checkpoint
from consentkit.closes import Close, PartList, open_close, open_list
from consentkit.errors import BadProof, BadSignature, ConsentkitError, Malformed
from consentkit.notes import Verifier
from consentkit.rows import IMAGE_BYTES, SHA256_BYTES, Bytes, Rows
from consentkit.trust import CLOCK_SKEW, LONGEST_TERM, Trust

VERSION: Final = 2

_STATE: Final = "state.json"
_LOCK: Final = "lock"
_ROWS: Final = ".arrow"
_PARTIAL: Final = ".part"
_PINS: Final = "pins"


class Unwritable(ConsentkitError):
    """The folder of states cannot be read or written: read-only, full, or somebody else's."""


class Damaged(BadProof):
    """The state on disk is not what was written."""


@dataclass(frozen=True)
class Notes:
    """What the log's key signed: its checkpoint, the feed's close, the list of the snapshot it began with."""

    checkpoint: str
    close: str
    parts: str


@dataclass(frozen=True)
class State:
    """What the registry said at one size: rows, and the statements that vouch for them."""

    rows: Rows
    close: Close
    parts: PartList
    trust: Trust
    notes: Notes

    @property
    def size(self) -> int:
        """The log's size at which the rows are true."""
        return self.close.size

    @classmethod
    def opened(cls, rows: Rows, notes: Notes, verifier: Verifier) -> Self:
        """The state of these notes. Raises Malformed or BadProof."""
        close = open_close(notes.close, verifier)
        checkpoint = open_checkpoint(notes.checkpoint, verifier)
        parts = open_list(notes.parts, verifier)
        return cls(rows, close, parts, Trust(verifier, checkpoint, close), notes)


class Store:
    """The folder of one feed."""

    def __init__(self, home: Path, *, feed: str, secret: str) -> None:
        """`feed` names it; `secret` is this machine's own, and binds the rows to the notes."""
        name = hashlib.sha256(f"{feed}\n{secret}".encode()).hexdigest()[:32]
        self.folder = home / "states" / name
        self._secret = hashlib.sha256(f"consentkit state\n{secret}".encode()).digest()

    def pinned(self, size: int) -> "Store":
        """The folder of one pinned size, which no sync replaces."""
        store = copy(self)
        store.folder = self.folder / _PINS / str(size)
        return store

    def forget_ended_pins(self, *, at: float) -> None:
        """Removes pins that were written longer ago than any term lasts. Only under the lock."""
        for path in self.folder.glob(f"{_PINS}/*/{_STATE}"):
            if path.stat().st_mtime < at - LONGEST_TERM - CLOCK_SKEW:
                rmtree(path.parent)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One sync at a time. The lock ends with the process that holds it. Raises Unwritable."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (self.folder / _LOCK).open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        except OSError as error:  # read-only, a full disk, no permission
            raise self._unusable(error) from error

    def load(self, verifier: Verifier) -> State | None:
        """The state, or None before the first sync. Raises Damaged, or BadSignature by another key."""
        written = self._written()
        while written is not None:
            try:
                return self._load(written, verifier)
            except FileNotFoundError as error:  # a sync has just replaced these rows, or somebody removed them
                again = self._written()
                if again == written:
                    raise self._damaged("its rows are missing") from error
                written = again
        return None

    def save(self, state: State) -> None:
        """Replaces the state. The order matters: rows are on disk before anything names them."""
        name = self._save_rows(state.rows)
        notes = state.notes
        written = canonical.encode(
            {
                "checkpoint": notes.checkpoint,
                "close": notes.close,
                "list": notes.parts,
                "mac": self._mac(notes, name),
                "rows": name,
                "v": VERSION,
            }
        )
        partial = self.folder / (_STATE + _PARTIAL)
        with partial.open("wb") as file:
            file.write(written)
            _flush(file)
        partial.replace(self.folder / _STATE)  # crash before: the old state; after: the new one
        self._forget_others(name)

    def clear_partial(self) -> None:
        """Removes what a crash left. Only under the lock."""
        for path in self.folder.glob(f"*{_PARTIAL}"):
            path.unlink()

    def rows_path(self) -> Path:
        """Where the rows are of a state that was just loaded or saved."""
        name = canonical.text(canonical.decode((self.folder / _STATE).read_bytes())["rows"])
        return self.folder / (name + _ROWS)

    def _written(self) -> bytes | None:
        try:
            return (self.folder / _STATE).read_bytes()
        except FileNotFoundError:  # never synced
            return None
        except OSError as error:  # no permission, a failing disk
            raise self._unusable(error) from error

    def _load(self, written: bytes, verifier: Verifier) -> State:
        try:
            checkpoint, close, parts, mac, name, version = canonical.fields(
                canonical.decode(written), "checkpoint", "close", "list", "mac", "rows", "v"
            )
            if canonical.whole(version) != VERSION:
                raise Malformed(f"a state of version {version}")
            notes = Notes(canonical.text(checkpoint), canonical.text(close), canonical.text(parts))
            if not hmac.compare_digest(canonical.text(mac), self._mac(notes, canonical.text(name))):
                raise Malformed("it was not written on this machine")
            listed = open_list(notes.parts, verifier)
            rows = rows_in(self.folder / (canonical.from_hex(name, size=SHA256_BYTES).hex() + _ROWS), listed)
            state = State.opened(rows, notes, verifier)
        except BadSignature as error:  # CONSENTKIT_LOG_KEY is another, or somebody wrote the state
            raise BadSignature(
                f"the synced state in {self.folder} does not hold under CONSENTKIT_LOG_KEY ({error}): "
                "check that key; if it is right, remove the folder and sync again"
            ) from error
        except Malformed as error:  # cut, or written over
            raise self._damaged(str(error)) from error
        if len(rows) != state.close.count:
            raise self._damaged("it has another number of rows than was signed")
        return state

    def _mac(self, notes: Notes, rows: str) -> str:
        """Binds the rows to the notes: the log signs a sum of the rows, which is too dear to take at each start."""
        said = "\n".join([notes.checkpoint, notes.close, notes.parts, rows])
        return hmac.new(self._secret, said.encode(), hashlib.sha256).hexdigest()

    def _unusable(self, error: OSError) -> Unwritable:
        return Unwritable(
            f"{self.folder} cannot be used ({error.strerror or error}): name another folder by CONSENTKIT_HOME; "
            "what is pinned can also be read where nothing can be written"
        )

    def _damaged(self, reason: str) -> Damaged:
        return Damaged(
            f"the synced state in {self.folder} is damaged ({reason}): remove that folder and run consentkit sync"
        )

    def _save_rows(self, rows: Rows) -> str:
        partial = self.folder / ("rows" + _PARTIAL)
        batch = _as_batch(rows)
        with partial.open("wb") as file, pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)
        with partial.open("rb+") as again:
            name = hashlib.file_digest(again, "sha256").hexdigest()
            _flush(again)
        partial.replace(self.folder / (name + _ROWS))
        return name

    def _forget_others(self, name: str) -> None:
        """Readers that mapped an older file keep it until they end."""
        for path in self.folder.glob(f"*{_ROWS}"):
            if path.stem != name:
                path.unlink()


def rows_in(path: Path, listed: PartList) -> Rows:
    """The rows in a file that is named by its SHA-256, mapped. Raises Malformed, or FileNotFoundError."""
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != path.stem:
            raise Malformed("its rows have changed")
    try:
        batch = pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)
        return _from_batch(batch, listed)
    except (pa.ArrowException, KeyError) as error:  # whole, but written by another version
        raise Malformed(f"its rows cannot be read: {error}") from error


def _as_batch(rows: Rows) -> Any:
    columns = {"sha256": _fixed(rows.sha256, SHA256_BYTES), "image": _fixed(rows.image, IMAGE_BYTES)}
    for position, purpose in enumerate(rows.purposes):
        columns[f"{purpose}_until"] = pa.array(rows.until[position])
        columns[f"{purpose}_reason"] = pa.array(rows.reason[position])
    return pa.record_batch(columns)


def _fixed(values: Bytes, size: int) -> Any:
    held = pa.py_buffer(np.ascontiguousarray(values).reshape(-1))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), len(values), [None, held])


def _from_batch(batch: Any, listed: PartList) -> Rows:
    """Rows on the mapped file itself: nothing is copied but the purposes' columns."""
    count = batch.num_rows
    untils = [np.asarray(batch.column(f"{p}_until")) for p in listed.purposes]
    reasons = [np.asarray(batch.column(f"{p}_reason")) for p in listed.purposes]
    return Rows(
        listed.purposes,
        listed.audience,
        np.frombuffer(batch.column("sha256").buffers()[1], np.uint8)[: count * SHA256_BYTES].reshape(count, -1)
        if count
        else np.empty((0, SHA256_BYTES), np.uint8),
        np.frombuffer(batch.column("image").buffers()[1], np.uint8)[: count * IMAGE_BYTES].reshape(count, -1)
        if count
        else np.empty((0, IMAGE_BYTES), np.uint8),
        np.stack(untils),
        np.stack(reasons),
    )


def _flush(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())
