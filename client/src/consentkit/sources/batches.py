"""What every kind of IN gives, a batch at a time, and what every kind of OUT takes."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from consentkit.errors import ConsentkitError
from consentkit.keys import Keys
from consentkit.settings import Misuse

Mask = NDArray[np.bool_]

OnUnreadable = Literal["refuse", "keep"]
"""What becomes of rows out of scope whose key cannot be read: an error, or they pass."""

COLUMN: Final = "sha256"
"""Where the key is, if `--key` does not say."""

_AHEAD: Final = 3


class Unreadable(ConsentkitError):
    """IN cannot be read, or OUT cannot be written."""


@dataclass(frozen=True)
class Scope:
    """The rows for which the registry is the authority: those where `column` is `value`, or null.

    `unreadable`: what becomes of the others if their key cannot be read. A row that the registry is the authority for
    is then dropped.
    """

    column: str
    value: str
    unreadable: OnUnreadable = "refuse"

    @classmethod
    def parse(cls, text: str, *, unreadable: OnUnreadable = "refuse") -> "Scope":
        """From `COLUMN=VALUE`. Raises Misuse."""
        column, equals, value = text.partition("=")
        if not column or not equals:
            raise Misuse("--scope is COLUMN=VALUE, as in --scope source=registry")
        return cls(column, value, unreadable)


@dataclass(frozen=True)
class Batch:
    """Some rows of IN. `texts` has their keys as they stand there, `positions` where they stand (Arrow arrays);
    `in_scope` None: all; `done`: how far of the source's `total`; `rows`: what the sink of this kind takes;
    `within`: the part of a folder that they stand in. `first`: where rows have several keys, one after another, the
    number of each row's first one; each key then has its place in `keys`, `in_scope` and `texts`, and each row in
    `positions`.
    """

    keys: Keys
    in_scope: Mask | None
    texts: Any
    positions: Any
    done: int
    rows: Any
    within: str = ""
    first: NDArray[np.intp] | None = None


class Sink(Protocol):
    """Where the rows go that pass."""

    def write(self, rows: Any, keep: Mask) -> None:
        """Takes a batch's `rows`; what went wrong may be raised with a later one."""

    def finish(self) -> None:
        """Returns when all is written."""


class Source(Protocol):
    """One IN. Its batches are read once."""

    @property
    def total(self) -> int:
        """Rows, files or bytes, of which batches say how many are done."""

    def batches(self) -> Iterator[Batch]:
        """In the order of IN. Raises Unreadable or Misuse."""

    def asked(self) -> Iterator[Batch]:
        """The same, without `rows` where those would cost more to read."""

    def sink(self, path: Path) -> AbstractContextManager[Sink]:
        """For an OUT of the same kind, at a path where nothing is."""


def ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Reads the next batches while one is worked on."""
    with ThreadPoolExecutor(1) as reader:
        coming = deque(reader.submit(next, batches, None) for _ in range(_AHEAD))
        while (batch := coming.popleft().result()) is not None:
            coming.append(reader.submit(next, batches, None))
            yield batch


def require_column(path: Path, names: list[str], name: str, *, option: str) -> None:
    """Raises Misuse unless exactly one column has that name."""
    if names.count(name) != 1:
        raise Misuse(f"{option}: no column {name!r}, or several; {path} has {', '.join(names)}")


def printable(name: str) -> str:
    """A file's name as text, also where its bytes are none."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
