"""Digests as people write them: 64 hex digits, many at a time.

The one form is lower case. A digest in capitals is read, so that it can still be excluded, but never permitted.
"""

import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from consentkit.rows import SHA256_BYTES, Bytes

Decoded = tuple[Bytes, NDArray[np.bool_], NDArray[np.bool_]]
"""Values, which of them are hex, and which of those have no capitals."""

_BAD: Final = 0x100
_CAPITALS: Final = 0x200
_SMALL: Final = 0x20
_DIGITS: Final = 2 * SHA256_BYTES


@dataclass(frozen=True)
class Keys:
    """`sha256` n x 32. `given`: not null; `read`: a digest, capitals included; `proper`: in the one form."""

    sha256: Bytes
    given: NDArray[np.bool_]
    read: NDArray[np.bool_]
    proper: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.sha256)


class NotKeys(TypeError):
    """A column that cannot hold digests."""


def from_arrow(column: Any) -> Keys:
    """From an Arrow array of hex strings or of 32 bytes, dictionaries of these included. Raises NotKeys."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _from_dictionary(column)
    if pa.types.is_null(kind):
        return _from_strings(column.cast(pa.string()))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view():
        return _from_strings(column)
    if pa.types.is_fixed_size_binary(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return _from_binary(column)
    raise NotKeys(f"a column of {kind}: digests are 64 lower-case hex digits, or 32 bytes")


def decode_hex(digits: Bytes) -> Decoded:
    """n x 2m ASCII digits as n x m bytes; which rows are hex, and which of those have no capitals."""
    digits = np.ascontiguousarray(digits)
    if (decoded := _all_proper(digits)) is not None:
        fine = np.ones(len(digits), bool)
        return decoded, fine, fine
    values = _PAIRS.take(digits.view("<u2"))
    marks = np.bitwise_or.reduce(values, axis=1)
    read = marks & _BAD == 0
    return values.astype(np.uint8), read, read & (marks & _CAPITALS == 0)


def _all_proper(digits: Bytes) -> Bytes | None:
    """The usual case in a third of the time: every row is hex without capitals."""
    # Of the hex digits only capitals lack this bit.
    if not np.bitwise_and.reduce(digits, axis=None, initial=0xFF) & _SMALL:
        return None
    try:
        decoded = binascii.unhexlify(digits.tobytes())
    except binascii.Error:  # some row is no hex: then each is looked at
        return None
    return np.frombuffer(decoded, np.uint8).reshape(len(digits), digits.shape[1] // 2)


def _from_dictionary(column: Any) -> Keys:
    """Each distinct value is read once. A null may stand in the indices or in the dictionary."""
    words = from_arrow(pa.concat_arrays([column.dictionary, pa.nulls(1, column.dictionary.type)]))
    nowhere = len(words) - 1
    at = pc.fill_null(column.indices.cast(pa.int64()), nowhere).to_numpy(zero_copy_only=False)
    return Keys(words.sha256[at], words.given[at], words.read[at], words.proper[at])


def _from_strings(column: Any) -> Keys:
    if column.type == pa.string_view():
        column = column.cast(pa.large_string())
    return _of_length(column, _DIGITS, decode_hex)


def _from_binary(column: Any) -> Keys:
    if pa.types.is_fixed_size_binary(column.type):
        column = column.cast(pa.large_binary())
    return _of_length(column, SHA256_BYTES, _as_they_are)


def _as_they_are(values: Bytes) -> Decoded:
    fine = np.ones(len(values), bool)
    return values, fine, fine


def _of_length(column: Any, length: int, decode: Callable[[Bytes], Decoded]) -> Keys:
    """Keys of a string or binary array; only values of this many bytes are decoded."""
    _, at, held = column.buffers()
    wide = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    offsets = np.frombuffer(at or bytes(8), np.int64 if wide else np.int32)[column.offset :][: len(column) + 1]
    values = np.frombuffer(held, np.uint8) if held is not None else np.empty(0, np.uint8)
    given = np.asarray(column.is_valid().to_numpy(zero_copy_only=False))
    fits = given & (np.diff(offsets) == length)
    if len(column) and fits.all():  # the usual case: one block of memory, nothing to gather
        sha256, read, proper = decode(values[offsets[0] : offsets[-1]].reshape(-1, length))
        return Keys(sha256, given, read, proper)
    sha256 = np.zeros((len(column), SHA256_BYTES), np.uint8)
    read, proper = np.zeros(len(column), bool), np.zeros(len(column), bool)
    if fits.any():
        places = offsets[:-1][fits, None].astype(np.int64) + np.arange(length)
        sha256[fits], read[fits], proper[fits] = decode(values[places])
    return Keys(sha256, given, read, proper)


def _pairs() -> NDArray[np.uint16]:
    """For each two ASCII characters their byte, marked if they are not hex or have a capital."""
    nibbles = np.full(256, _BAD, np.uint16)
    for value, digit in enumerate(b"0123456789abcdef"):
        nibbles[digit] = value
    for value, digit in enumerate(b"ABCDEF", start=10):
        nibbles[digit] = value | _CAPITALS
    first, second = np.meshgrid(nibbles, nibbles)  # the first character is the low byte
    marks = (first | second) & (_BAD | _CAPITALS)
    pairs: NDArray[np.uint16] = ((first & 15) << 4 | second & 15 | marks).reshape(-1).astype(np.uint16)
    return pairs


_PAIRS: Final = _pairs()
