"""From digests to numbers, several to each, in files of their own: an index is larger than memory may be."""

import tempfile
from collections.abc import Callable, Iterable
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from consentkit.digests import Digests, in_order
from consentkit.keys import Keys
from consentkit.rows import SHA256_BYTES, Bytes

Numbers = NDArray[np.int64]
Same = Callable[[Numbers, Numbers], NDArray[np.bool_]]

_AT_ONCE: Final = 1 << 16


class Spool:
    """Rows of one kind and width, in a file without a name that ends with the process."""

    def __init__(self, kind: type[np.generic], width: int) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as what is mapped
        self._kind, self._width, self._rows = np.dtype(kind), width, 0

    def __len__(self) -> int:
        return self._rows

    def add(self, rows: NDArray[Any]) -> None:
        """At the end."""
        self._file.write(np.ascontiguousarray(rows, self._kind).tobytes())
        self._rows += len(rows)

    def mapped(self) -> NDArray[Any]:
        """Rows x width."""
        self._file.flush()
        shape = (self._rows, self._width)
        return np.memmap(self._file, self._kind, "r", shape=shape) if self._rows else np.empty(shape, self._kind)


class Pointers:
    """Made once; then many digests are looked up at a time."""

    def __init__(self, digests: Digests, numbers: Numbers) -> None:
        self._digests, self._numbers = digests, numbers

    @classmethod
    def made(cls, pairs: Iterable[tuple[Bytes, Numbers]], *, same: Same = np.equal) -> Self:
        """Of digests (n x 32) and their numbers. Two in a row of one digest that are `same` become one."""
        keys, numbers = Spool(np.uint8, SHA256_BYTES), Spool(np.int64, 1)
        for some, theirs in pairs:
            keys.add(some)
            numbers.add(theirs)
        return cls(*_sorted(keys.mapped(), numbers.mapped().reshape(-1), same))

    def of(self, keys: Keys) -> tuple[NDArray[np.intp], Numbers]:
        """The numbers of these keys: which key, in order, and number."""
        which, at = self._digests.runs(self._digests.places(keys))
        return which, self._numbers.take(at)


def _sorted(keys: Bytes, numbers: Numbers, same: Same) -> tuple[Digests, Numbers]:
    into, theirs = Spool(np.uint8, SHA256_BYTES), Spool(np.int64, 1)
    order = in_order(keys)
    for start in range(0, len(order), _AT_ONCE):
        some = order[max(start - 1, 0) : start + _AT_ONCE]  # and the one before them
        digests, values = keys[some], numbers[some]
        new = ~((digests[1:] == digests[:-1]).all(axis=1) & same(values[1:], values[:-1]))
        if start == 0:
            new = np.concatenate([[True], new])
        into.add(digests[-len(new) :][new])
        theirs.add(values[-len(new) :][new])
    return Digests(into.mapped()), theirs.mapped().reshape(-1)
