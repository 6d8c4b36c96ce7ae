"""Text whose rows are runs of bytes: rows are cut apart here, read elsewhere, and written as they stood."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from consentkit.rows import Bytes
from consentkit.sources.batches import Mask, Unreadable

BLOCK_BYTES: Final = 1 << 22
ROW_BYTES: Final = 1 << 24
"""A longer row is refused: most likely a quote that is never closed."""

LF: Final = 0x0A
CR: Final = 0x0D

Cut = NDArray[np.intp]
"""Where rows end: each the place after its line's end."""


def blocks(file: Any, path: Path, *, line: int, ends: Callable[[Bytes], Cut]) -> Iterator[tuple[Bytes, int, bool]]:
    """Whole rows, the number of their first line, and whether these are the last. Raises Unreadable."""
    held = b""
    while more := file.read(BLOCK_BYTES):
        held += more
        data = np.frombuffer(held, np.uint8)
        if len(found := ends(data)):
            whole, held = data[: found[-1]], held[found[-1] :]
            yield whole, line, False
            line += int(np.searchsorted(line_ends(data), found[-1]))
        if len(held) > ROW_BYTES:
            raise Unreadable(f"{path} line {line}: more than {ROW_BYTES} bytes, or a quote that is never closed")
    if held:
        yield np.frombuffer(held, np.uint8), line, True


def line_ends(data: Bytes) -> Cut:
    """The last byte of each line: LF, CR LF or CR. A CR at the very end may still be half of one: not counted."""
    at = np.flatnonzero((data == LF) | (data == CR))
    if len(at) and at[-1] == len(data) - 1 and data[-1] == CR:
        at = at[:-1]
    following = data[np.minimum(at + 1, len(data) - 1)] if len(at) else data[:0]
    return np.asarray(at[~((data[at] == CR) & (following == LF))])


class Writer:
    """Rows of bytes into a file. `before`: what stands before the first."""

    def __init__(self, path: Path, before: bytes = b"") -> None:
        self._file = path.open("wb")
        self._file.write(before)

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, rows: tuple[Bytes, Cut, Cut], keep: Mask) -> None:
        """`rows`: bytes, where the rows in it end, and which of them (by number) `keep` speaks of."""
        data, ends, asked = rows
        passing = np.zeros(len(ends), bool)
        passing[asked] = keep
        self._file.write(data[np.repeat(passing, np.diff(ends, prepend=0))].tobytes())

    def finish(self) -> None:
        self._file.flush()
