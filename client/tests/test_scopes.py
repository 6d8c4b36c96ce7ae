"""Scopes and the digest of a feed's row: positions that signed bytes rely on."""

import hashlib

import pytest

from consentkit.errors import Malformed
from consentkit.scopes import (
    AUDIENCES,
    FEED_MODULUS,
    PURPOSES,
    SCOPES,
    WIRE_REASONS,
    row_digest,
    scope,
    wire_code,
)

IMAGE = bytes(range(16))
SHA256 = bytes(range(32))


def test_the_positions_are_pinned() -> None:
    """Append only: a new name is added at the end of its list."""
    assert PURPOSES == ("ai_training", "ai_generative_training", "ai_inference", "data_mining", "evaluation")
    assert AUDIENCES == ("research", "commercial")
    assert WIRE_REASONS == (None, "remove", "wait", "not_covered", "unknown")
    assert SCOPES == 10


def test_every_scope_has_its_number() -> None:
    assert [scope(purpose, audience) for purpose in PURPOSES for audience in AUDIENCES] == list(range(SCOPES))


@pytest.mark.parametrize(("purpose", "audience"), [("ai_training", "all"), ("training", "research"), ("", "")])
def test_a_scope_that_is_not_ours(purpose: str, audience: str) -> None:
    with pytest.raises(Malformed):
        scope(purpose, audience)


def test_every_wire_reason_has_its_code() -> None:
    assert [wire_code(reason) for reason in WIRE_REASONS] == [0, 1, 2, 3, 4]
    with pytest.raises(Malformed):
        wire_code("withdrawn")


@pytest.mark.parametrize(
    ("number", "until", "reason", "tail"),
    [
        (0, None, "unknown", "0000" + "00" * 8 + "04"),
        (3, 1_790_000_000, None, "0101" + "000000006ab13b80" + "00"),
        (9, 2**40, "remove", "0401" + "0000010000000000" + "01"),
    ],
)
def test_a_row_digest_is_that_of_its_bytes(number: int, until: int | None, reason: str | None, tail: str) -> None:
    digest = hashlib.sha256(IMAGE + SHA256 + bytes.fromhex(tail)).hexdigest()
    assert row_digest(IMAGE, SHA256, number, until, reason) == int(digest, 16) < FEED_MODULUS


@pytest.mark.parametrize(("image", "sha256"), [(IMAGE[1:], SHA256), (IMAGE, SHA256 + b"\x00")])
def test_a_row_of_other_lengths_is_refused(image: bytes, sha256: bytes) -> None:
    with pytest.raises(Malformed):
        row_digest(image, sha256, 0, None, None)
