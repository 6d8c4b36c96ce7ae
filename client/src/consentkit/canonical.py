"""The one way to write a value as bytes.

Invariants
  * Two different inputs of a parser never give the same value: what is read is written again and compared.
  * A parser raises only `Malformed`, whatever it is given.
"""

import base64
import json
import re
from typing import Any, Final, NoReturn

import rfc8785

from consentkit.errors import Malformed

DEPTH: Final = 32
"""How deep arrays and objects may nest."""

_SAFE_INTEGER: Final = 2**53 - 1
_SAFE_DIGITS: Final = 15
_LONGEST_NUMBER: Final = 2**63
# The closing quote is optional, so that a string without an end is read once, not from each of its quotes.
_BRACKETS_AND_STRINGS: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
_write: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")


def encode(value: Any) -> bytes:
    """The canonical JSON of a value (RFC 8785). Raises Malformed for what JSON cannot hold."""
    try:
        return _write(value).encode() if _is_plain(value) else rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:  # NaN, half a surrogate pair
        raise Malformed(f"not a JSON value: {error}") from error


def _is_plain(value: object) -> bool:
    """Whether the standard library writes it as RFC 8785 has it, at less than half the cost: it differs only in how
    names outside ASCII are sorted, and in numbers that are not whole or too large to be exact.
    """
    if type(value) is dict:
        return all(type(name) is str and name.isascii() and _is_plain(of) for name, of in value.items())
    if type(value) is list:
        return all(map(_is_plain, value))
    if type(value) is int:
        return -_SAFE_INTEGER <= value <= _SAFE_INTEGER
    return value is None or type(value) in (str, bool)


def decode(data: bytes) -> Any:
    """The value of canonical JSON: UTF-8, at most `DEPTH` deep, and byte for byte what `encode` writes."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:  # bytes that are not text
        raise Malformed("JSON is not UTF-8") from error
    _require_shallow(text)
    try:
        value = json.loads(text, parse_int=_number, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:  # not JSON at all
        raise Malformed(f"not JSON: {error.msg}") from error
    # Also refuses a key given twice, other spacing, order or escapes, and numbers too large to be exact.
    if encode(value) != data:
        raise Malformed("JSON is not canonical")
    return value


def _require_shallow(text: str) -> None:
    """Counts brackets before parsing, because the parser itself is recursive."""
    depth = 0
    for token in _BRACKETS_AND_STRINGS.finditer(text):
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
        if depth > DEPTH:
            raise Malformed(f"JSON is more than {DEPTH} deep")


def _number(digits: str) -> int | float:
    """Whole numbers past 2**53 are doubles to RFC 8785; parsing them as such also bounds the work."""
    exact = len(digits) <= _SAFE_DIGITS or abs(float(digits)) <= _SAFE_INTEGER
    return int(digits) if exact else float(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise Malformed(f"{name} is not JSON")


def fields(value: object, *names: str) -> tuple[Any, ...]:
    """The values of a JSON object that has exactly these keys, in the order asked for."""
    if not isinstance(value, dict) or value.keys() != set(names):
        raise Malformed(f"expected an object of {', '.join(names)}")
    return tuple(value[name] for name in names)


def text(value: object) -> str:
    """The value, which must be a string."""
    if not isinstance(value, str):
        raise Malformed("expected a string")
    return value


def array(value: object) -> list[Any]:
    """The value, which must be an array."""
    if not isinstance(value, list):
        raise Malformed("expected an array")
    return value


def whole(value: object) -> int:
    """The value, which must be a whole number from 0 to 2**53 - 1. A boolean is not a number."""
    if type(value) is not int or not 0 <= value <= _SAFE_INTEGER:
        raise Malformed("expected a whole number")
    return value


def from_decimal(digits: str) -> int:
    """A whole number below 2**63 in ASCII digits without leading zeroes."""
    if not _DECIMAL.fullmatch(digits) or int(digits) >= _LONGEST_NUMBER:
        raise Malformed("expected a whole number without leading zeroes")
    return int(digits)


def from_hex(value: object, *, size: int) -> bytes:
    """`size` bytes from lower-case hex."""
    digits = text(value)
    try:
        data = bytes.fromhex(digits)
    except ValueError as error:  # not hex
        raise Malformed("expected hex") from error
    if len(data) != size or data.hex() != digits:
        raise Malformed(f"expected {size} bytes of lower-case hex")
    return data


def to_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648, section 4)."""
    return base64.b64encode(data).decode("ascii")


def from_base64(value: object) -> bytes:
    """Bytes from standard base64 with padding, in the one form that `to_base64` writes: no stray bits."""
    letters = text(value)
    try:
        data = base64.b64decode(letters, validate=True)
    except ValueError as error:  # a letter outside the alphabet, or wrong padding
        raise Malformed("expected base64") from error
    if to_base64(data) != letters:
        raise Malformed("base64 is not canonical")
    return data
