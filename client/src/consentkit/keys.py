"""The one reader of key columns: SHA-256 digests as people's tables hold them, many at a time.

A key is 64 lower-case hex digits, as text or as bytes, or 32 bytes. Null and the empty text are no key. Whatever else
stands there is unreadable: it may name an image that must not be used. A digest in capitals is unreadable, too, but it
can still be excluded.
"""

import binascii
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from consentkit.rows import SHA256_BYTES, Bytes
from consentkit.settings import Misuse

Decoded = tuple[Bytes, NDArray[np.bool_], NDArray[np.bool_]]
"""Values, which of them are hex, and which of those have no capitals."""

_BAD: Final = 0x100
_CAPITALS: Final = 0x200
_SMALL: Final = 0x20
_DIGITS: Final = 2 * SHA256_BYTES


@dataclass(frozen=True)
class Keys:
    """`sha256` n x 32. `given`: there is a key; `read`: a digest, capitals included; `proper`: in the one form."""

    sha256: Bytes
    given: NDArray[np.bool_]
    read: NDArray[np.bool_]
    proper: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.sha256)

    @property
    def unreadable(self) -> NDArray[np.bool_]:
        """There is a key, and nobody can say which image it names."""
        return np.asarray(self.given & ~self.proper)


class NotKeys(Misuse):
    """A column that cannot hold digests."""


def from_arrow(column: Any) -> Keys:
    """From an Arrow array, or chunks of one, of text or bytes in any of Arrow's layouts. Raises NotKeys."""
    if isinstance(column, pa.ChunkedArray):
        # Chunk by chunk: together they may be too long for one array.
        return _joined([from_arrow(chunk) for chunk in column.chunks])
    column = plain(column)
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _from_dictionary(column)
    if pa.types.is_null(kind):
        column = column.cast(pa.string())
    elif pa.types.is_fixed_size_binary(kind) and kind.byte_width in (SHA256_BYTES, _DIGITS):
        column = column.cast(pa.large_binary())
    elif not _is_text_or_bytes(kind):
        raise NotKeys(f"a column of {kind}: digests are 64 lower-case hex digits, or 32 bytes")
    return _from_values(column)


def plain(column: Any) -> Any:
    """The same values without an extension type, views or runs, with which Arrow can do little."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return plain(column.cast(kind.storage_type) if isinstance(column, pa.ChunkedArray) else column.storage)
    if pa.types.is_run_end_encoded(kind):
        return plain(pc.run_end_decode(column))
    if pa.types.is_string_view(kind):
        return column.cast(pa.large_string())
    if pa.types.is_binary_view(kind):
        return column.cast(pa.large_binary())
    return column


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


def _is_text_or_bytes(kind: Any) -> bool:
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return bool(text or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _joined(parts: list[Keys]) -> Keys:
    if len(parts) == 1:
        return parts[0]
    empty = np.zeros(0, bool)
    parts = parts or [Keys(np.zeros((0, SHA256_BYTES), np.uint8), empty, empty, empty)]
    return Keys(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Keys)))


def _from_dictionary(column: Any) -> Keys:
    """Each distinct value is read once. A null may stand in the indices or in the dictionary."""
    words = from_arrow(column.dictionary)
    no_key = Keys(np.zeros((1, SHA256_BYTES), np.uint8), *(np.zeros(1, bool),) * 3)
    words, nowhere = _joined([words, no_key]), len(words)
    at = pc.fill_null(column.indices.cast(pa.int64()), nowhere).to_numpy(zero_copy_only=False)
    return Keys(words.sha256[at], words.given[at], words.read[at], words.proper[at])


def _from_values(column: Any) -> Keys:
    """Keys of a string or binary array: 64 bytes are hex digits; 32 are a digest itself, but not where they are text.

    Impala, Hive and old Spark write text as bytes, and readers cannot tell.
    """
    _, at, held = column.buffers()
    wide = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    raw = pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type)
    offsets = np.frombuffer(at or bytes(8), np.int64 if wide else np.int32)[column.offset :][: len(column) + 1]
    values = np.frombuffer(held, np.uint8) if held is not None else np.empty(0, np.uint8)
    lengths = np.diff(offsets)[: len(column)]
    given = np.asarray(column.is_valid().to_numpy(zero_copy_only=False)) & (lengths > 0)
    forms: list[tuple[int, Callable[[Bytes], Decoded]]] = [(_DIGITS, decode_hex)]
    forms += [(SHA256_BYTES, _as_they_are)] if raw else []
    for length, decode in forms:
        if len(column) and (given & (lengths == length)).all():  # the usual case: one block of memory
            sha256, read, proper = decode(values[offsets[0] : offsets[-1]].reshape(-1, length))
            return Keys(sha256, given, read, proper)
    sha256 = np.zeros((len(column), SHA256_BYTES), np.uint8)
    read, proper = np.zeros(len(column), bool), np.zeros(len(column), bool)
    for length, decode in forms:
        fits = given & (lengths == length)
        if fits.any():
            places = offsets[:-1][fits, None].astype(np.int64) + np.arange(length)
            sha256[fits], read[fits], proper[fits] = decode(values[places])
    return Keys(sha256, given, read, proper)


def _as_they_are(values: Bytes) -> Decoded:
    fine = np.ones(len(values), bool)
    return values, fine, fine


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
