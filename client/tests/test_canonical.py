"""One value, one text; junk is only ever Malformed."""

import json
import time
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from consentkit import canonical
from consentkit.errors import Malformed

SAFE = 2**53 - 1
values = st.recursive(
    st.none() | st.booleans() | st.integers(-SAFE, SAFE) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert canonical.decode(canonical.encode(value)) == value


@given(values | st.dictionaries(st.text(st.characters(codec="ascii")), values))
def test_the_short_way_of_writing_is_the_long_one(value: Any) -> None:
    assert canonical.encode(value) == rfc8785.dumps(value)


def test_the_example_of_rfc_8785() -> None:
    """RFC 8785, section 3.2.2: the input, and what section 3.2.4 makes of it."""
    value = json.loads(
        r"""{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
             "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"""
    )
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        r'"string":"€$\u000f\nA' + "'" + r'B\"\\\\\"/"}'
    )
    assert canonical.encode(value) == expected.encode()


def test_keys_are_sorted_by_utf_16() -> None:
    """RFC 8785, section 3.2.3: an emoji is a surrogate pair, which comes before U+FB33."""
    assert canonical.encode({"\ufb33": 1, "\U0001f600": 2, "é": 3}) == '{"é":3,"😀":2,"\ufb33":1}'.encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" 1",
        b"1 ",
        b"\xef\xbb\xbf1",
        "1".encode("utf-16"),
        b"\xff",
        b'"\xed\xa0\x80"',
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"-0",
        b"01",
        b"1.0",
        b"1e2",
        b"1e400",
        b"9007199254740993",
        b"9" * 5000,
        b"-" + b"9" * 400,
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'"\\u0041"',
        b'"\\ud800"',
        b'{"\\ud800":1}',
        b'"\\/"',
        b'"\x01"',
        b"[1,]",
        b"{",
        b"'a'",
    ],
)
def test_anything_but_the_one_form_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        canonical.decode(data)


@pytest.mark.parametrize("depth", [0, 1, canonical.DEPTH])
def test_depth_within_the_bound(depth: int) -> None:
    data = b"[" * depth + b"1" + b"]" * depth
    assert canonical.encode(canonical.decode(data)) == data


@pytest.mark.parametrize("depth", [canonical.DEPTH + 1, 2_000, 100_000])
@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")])
def test_depth_past_the_bound(depth: int, brackets: tuple[bytes, bytes]) -> None:
    with pytest.raises(Malformed, match="deep"):
        canonical.decode(brackets[0] * depth + b"1" + brackets[1] * depth)


def test_brackets_within_strings_are_not_depth() -> None:
    value = ["[" * 100, '\\"' + "{" * 100]
    assert canonical.decode(canonical.encode(value)) == value


@pytest.mark.parametrize("junk", [b'"' + b'\\"' * 200_000, b'"' * 400_001, b"\\" * 400_000])
def test_unfinished_strings_take_no_time(junk: bytes) -> None:
    begun = time.monotonic()
    with pytest.raises(Malformed):
        canonical.decode(junk)
    assert time.monotonic() - begun < 5


@given(st.binary(max_size=60) | st.text(alphabet='[]{}",:0123456789.eE+-\\untrfalse ').map(str.encode))
def test_junk_is_malformed_or_the_one_form(data: bytes) -> None:
    try:
        value = canonical.decode(data)
    except Malformed:
        return
    assert canonical.encode(value) == data


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**53, [-(2**53)], {"a": 2**53}, {1: 2}, {"\ud800": 1}, "\ud800", b"x", {1}]
)
def test_what_json_cannot_hold_is_malformed(value: Any) -> None:
    with pytest.raises(Malformed):
        canonical.encode(value)


@given(st.binary(max_size=40))
def test_base64_and_hex_round_trip(data: bytes) -> None:
    assert canonical.from_base64(canonical.to_base64(data)) == data
    assert canonical.from_hex(data.hex(), size=len(data)) == data


@given(st.text(max_size=12) | st.text(alphabet="AQgw=+/-_ \n", max_size=9))
def test_no_two_texts_are_one_base64(letters: str) -> None:
    try:
        data = canonical.from_base64(letters)
    except Malformed:
        return
    assert canonical.to_base64(data) == letters


@pytest.mark.parametrize(
    "letters", ["AB==", "AAB=", "A", "AA", "AA=", "AA===", "AA==\n", " AA==", "-_==", "é", 1, None]
)
def test_base64_in_any_other_form(letters: object) -> None:
    with pytest.raises(Malformed):
        canonical.from_base64(letters)


@pytest.mark.parametrize("digits", ["AB", "ab ", "a", "abcd", "", "a b", "0xab", "٣٣", 1, None])
def test_hex_in_any_other_form(digits: object) -> None:
    with pytest.raises(Malformed):
        canonical.from_hex(digits, size=1)


@given(st.integers(0, 2**63 - 1))
def test_decimals_round_trip(number: int) -> None:
    assert canonical.from_decimal(str(number)) == number


@pytest.mark.parametrize("digits", ["", "00", "01", "-1", "+1", "1 ", "1_0", "٣", "1\n", str(2**63), "9" * 5000])
def test_decimals_in_any_other_form(digits: str) -> None:
    with pytest.raises(Malformed):
        canonical.from_decimal(digits)


@pytest.mark.parametrize("value", [True, False, -1, 1.0, "1", None, SAFE + 1])
def test_what_is_not_a_whole_number(value: object) -> None:
    with pytest.raises(Malformed):
        canonical.whole(value)


@pytest.mark.parametrize("value", [{}, {"a": 1}, {"a": 1, "b": 2, "c": 3}, [], "ab", None])
def test_fields_are_exactly_those_named(value: object) -> None:
    with pytest.raises(Malformed):
        canonical.fields(value, "a", "b")
    assert canonical.fields({"b": 2, "a": 1}, "a", "b") == (1, 2)
