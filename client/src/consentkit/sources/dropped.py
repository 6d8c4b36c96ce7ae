"""What was dropped, and why: beside OUT, a JSON object a line, in the order of IN.

`{"position":12,"key":"…","decision":"excluded","reason":"remove"}`; the key as it stands in IN. A row that only looks
like a protected image has `"copy":true` besides, one whose key cannot be read `"unreadable":true`.
"""

import json
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from consentkit.lookup import NOT_COVERED, REASONS
from consentkit.rows import Bytes
from consentkit.sources.batches import Batch, Mask

SUFFIX: Final = ".dropped.jsonl"


def beside(out: Path) -> Path:
    """Where the dropped rows of this OUT are listed."""
    return out.with_name(out.name + SUFFIX)


class Dropped:
    """Lines are made and written by a thread of their own."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")
        self._thread = ThreadPoolExecutor(1)
        self._writing: Future[Any] | None = None

    def __enter__(self) -> "Dropped":
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        self._file.close()

    def write(self, batch: Batch, answer: Bytes, keep: Mask, copy: Mask | None = None) -> None:
        """Takes the rows of a batch that did not pass; raises what went wrong with earlier ones."""
        self._wait()  # one batch at a time, so memory stays constant
        besides = 2 * (batch.keys.unreadable & (answer < NOT_COVERED)).astype(np.uint8)
        besides = besides if copy is None else np.maximum(besides, copy.astype(np.uint8))
        tail = answer + np.uint8(len(REASONS)) * besides
        self._writing = self._thread.submit(self._write, batch, tail, np.flatnonzero(~keep))

    def finish(self) -> None:
        """Returns when all is written."""
        self._wait()
        self._file.flush()

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.result()
            self._writing = None

    def _write(self, batch: Batch, tail: Bytes, rows: Any) -> None:
        if len(rows):
            lines = pc.binary_join_element_wise(
                '{"position":',
                _positions(batch.positions.take(pa.array(rows)), batch.within),
                ',"key":',
                _texts(batch, rows),
                _TAILS.take(pa.array(tail[rows])),
                "",
            )
            _, at, data = lines.buffers()
            begin, *_, end = np.frombuffer(at, np.int32)[[lines.offset, lines.offset + len(lines)]].tolist()
            self._file.write(memoryview(data)[begin:end])


def _positions(positions: Any, within: str) -> Any:
    """As JSON: numbers, or text. Within a part of a folder, its path and a slash come first."""
    before = f"{within}/" if within else ""
    if not pa.types.is_integer(positions.type):
        return pa.array([json.dumps(before + name) for name in positions.to_pylist()], pa.string())
    numbers = positions.cast(pa.string())
    return pc.binary_join_element_wise(json.dumps(before)[:-1], numbers, '"', "") if within else numbers


def _texts(batch: Batch, rows: Any) -> Any:
    """Keys as JSON. Those in the one form need no escapes, and are by far the most."""
    proper = batch.keys.proper[rows]
    if proper.all() and batch.texts.type == pa.string():
        return pc.binary_join_element_wise('"', batch.texts.take(pa.array(rows)), '"', "")
    texts = _quoted(batch.keys.sha256[rows])
    others = batch.texts.take(pa.array(rows[~proper]))
    return pc.replace_with_mask(texts, pa.array(~proper), pa.array([as_json(each) for each in others], pa.string()))


def _quoted(sha256: Bytes) -> Any:
    """n x 32 as n strings of 64 hex digits in quotes."""
    digits = np.full((len(sha256), 66), ord('"'), np.uint8)
    digits[:, 1:-1] = _HEX.take(sha256).view(np.uint8)
    offsets = np.arange(0, digits.size + 1, 66, dtype=np.int32)
    return pa.StringArray.from_buffers(len(sha256), pa.py_buffer(offsets), pa.py_buffer(digits))


def as_json(text: Any) -> str:
    """An Arrow scalar: a key that is no digest in the one form: null, or text, or bytes in hex."""
    if not text.is_valid:
        return "null"
    if pa.types.is_dictionary(text.type):
        return as_json(text.value)
    held = text.as_buffer().to_pybytes()
    is_text = pa.types.is_string(text.type) or pa.types.is_large_string(text.type)
    return json.dumps(held.decode("utf-8", "replace") if is_text else held.hex())


def _tail(answer: int, besides: str) -> str:
    decision = "excluded" if answer >= NOT_COVERED else "unknown"
    return f',"decision":"{decision}","reason":{json.dumps(REASONS[answer])}{besides}}}\n'


_BESIDES: Final = ("", ',"copy":true', ',"unreadable":true')
_TAILS: Final = pa.array([_tail(answer, besides) for besides in _BESIDES for answer in range(len(REASONS))])
_HEX: Final = np.frombuffer("".join(f"{value:02x}" for value in range(256)).encode(), np.uint16)
