"""Leaves and commitments: the bytes on the log outlive us, so they are pinned here."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.entries import LEAF_BYTES, Kind, Leaf, commitment
from consentkit.errors import Malformed

leaves = st.builds(Leaf, st.sampled_from(Kind), st.integers(0, 2**53 - 1), st.binary(min_size=32, max_size=32))
ONE = Leaf(Kind.WITHDRAWN, 1_790_000_000, bytes(range(32)))
ONE_BYTES = (
    b'{"items":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",'
    b'"kind":"withdrawn","recorded_at":1790000000,"v":1}'
)


def test_the_bytes_of_a_leaf_are_pinned() -> None:
    assert ONE.encode() == ONE_BYTES
    assert Leaf.decode(ONE_BYTES) == ONE


def test_the_kinds_are_pinned() -> None:
    """Append only: a new kind is added at the end of this list."""
    assert [kind.value for kind in Kind] == [
        "collection_opened",
        "person_enrolled",
        "steward_enrolled",
        "pipeline_enrolled",
        "notice_published",
        "image_submitted",
        "image_registered",
        "image_rejected",
        "depiction_confirmed",
        "granted",
        "withdrawn",
        "refused",
        "revoked",
        "case_opened",
        "case_resolved",
        "erased",
        "case_searched",
        "acknowledged",
        "manifest_attested",
        "webhook_enrolled",
        "snapshot_published",
        "collection_made_public",
        "disclosures_logged",
        "statement_corrected",
        "signal_lifted",
        "case_extended",
        "case_taken_up",
        "case_reopened",
        "key_issued",
        "key_revoked",
        "pipeline_disabled",
        "pipeline_enabled",
        "webhook_secret_issued",
        "webhook_secret_revoked",
        "token_issued",
        "token_revoked",
        "steward_removed",
        "sessions_ended",
        "account_moved",
        "accounts_joined",
    ]


@given(leaves)
def test_leaves_round_trip_and_are_small(leaf: Leaf) -> None:
    assert Leaf.decode(leaf.encode()) == leaf
    assert len(leaf.encode()) <= LEAF_BYTES


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"v":1', b'"v":2'),
        (b'"v":1', b'"v":true'),
        (b'"v":1', b'"v":1,"w":1'),
        (b',"v":1', b""),
        (b"withdrawn", b"forgotten"),
        (b'"withdrawn"', b"[]"),
        (b"1790000000", b"-1"),
        (b"1790000000", b"1790000000.5"),
        (b"1790000000", b'"1790000000"'),
        (b"0a0b", b"0A0B"),
        (b"1e1f", b"1e"),
        (b'"kind"', b' "kind"'),
        (b'"v":1', b'"v":"' + b"x" * LEAF_BYTES + b'"'),
    ],
)
def test_a_leaf_of_any_other_form_is_malformed(old: bytes, new: bytes) -> None:
    assert old in ONE_BYTES
    with pytest.raises(Malformed):
        Leaf.decode(ONE_BYTES.replace(old, new))


def test_a_leaf_has_a_largest_size() -> None:
    with pytest.raises(Malformed, match="at most 1024"):
        Leaf.decode(b'"' + b"x" * LEAF_BYTES + b'"')


@given(st.binary(max_size=80))
def test_junk_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        Leaf.decode(data)


def test_a_commitment_is_salt_and_item() -> None:
    salt = bytes(range(32))
    assert commitment(salt, b'{"image":1}') == hashlib.sha256(salt + b'{"image":1}').digest()


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_salt_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(Malformed, match="salt"):
        commitment(bytes(size), b"{}")
