"""Receipts: whoever holds one needs only the log's key, and not a bit of it may change."""

import base64
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit import canonical, merkle
from consentkit.checkpoints import Checkpoint, sign_checkpoint
from consentkit.entries import Kind, Leaf, commitment
from consentkit.errors import BadProof, BadSignature, Malformed
from consentkit.notes import Signer
from consentkit.receipts import OpenedItem, Receipt, Verified, verify

SIGNER = Signer("registry.example/log", bytes(range(32)))
RECORDED_AT = 1_790_000_000


def receipt(
    items: list[dict[str, Any]], *, opened: list[int], index: int, size: int, signer: Signer = SIGNER
) -> Receipt:
    """An honest receipt that opens some items of one leaf, in a log of `size` entries."""
    salts = [bytes([at]) * 32 for at in range(len(items))]
    commitments = [commitment(salt, canonical.encode(item)) for salt, item in zip(salts, items, strict=True)]
    leaf = Leaf(Kind.WITHDRAWN, RECORDED_AT, merkle.items_root(commitments))
    hashes = [merkle.leaf_hash(f"entry {at}".encode()) for at in range(size)]
    hashes[index] = merkle.leaf_hash(leaf.encode())
    node = merkle.node_from_leaves(hashes)
    return Receipt(
        index=index,
        leaf=leaf,
        items=tuple(OpenedItem(at, salts[at], items[at], tuple(merkle.items_path(commitments, at))) for at in opened),
        path=tuple(merkle.inclusion_path(index, size, node)),
        checkpoint=sign_checkpoint(Checkpoint(signer.name, size, merkle.root(size, node)), signer),
    )


SMALL = receipt([{"image": "a"}], opened=[0], index=1, size=3)
LARGE = receipt([{"image": f"é {at}"} for at in range(11)], opened=[2, 3, 10], index=700, size=777)


def test_an_honest_receipt_is_verified() -> None:
    assert verify(LARGE.encode(), SIGNER.verifier) == Verified(
        index=700,
        kind=Kind.WITHDRAWN,
        recorded_at=RECORDED_AT,
        size=777,
        items=[{"image": "é 2"}, {"image": "é 3"}, {"image": "é 10"}],
    )


def test_the_form_of_a_receipt() -> None:
    """The lines of c2sp.org/tlog-proof, in its order."""
    head, _, checkpoint = SMALL.encode().decode().partition("\n\n")
    header, extra, index, *path = head.split("\n")
    assert (header, index) == ("c2sp.org/tlog-proof@v1", "index 1")
    assert [base64.b64decode(line) for line in path] == list(SMALL.path)
    assert checkpoint == SMALL.checkpoint
    opening = canonical.decode(base64.b64decode(extra.removeprefix("extra ")))
    assert base64.b64decode(opening["entry"]) == SMALL.leaf.encode()
    assert opening["items"] == [{"item": {"image": "a"}, "path": [], "position": 0, "salt": "00" * 32}]


@given(
    st.lists(st.dictionaries(st.text(), st.text() | st.integers(0, 9), max_size=3), min_size=1, max_size=9),
    st.data(),
)
def test_receipts_round_trip(items: list[dict[str, Any]], data: st.DataObject) -> None:
    opened = sorted(data.draw(st.sets(st.integers(0, len(items) - 1), min_size=1)))
    size = data.draw(st.integers(1, 20))
    one = receipt(items, opened=opened, index=data.draw(st.integers(0, size - 1)), size=size)
    assert Receipt.decode(one.encode()) == one
    assert verify(one.encode(), SIGNER.verifier).items == [items[at] for at in opened]


@pytest.mark.parametrize("bit", range(8))
def test_a_receipt_with_one_bit_changed_is_refused(bit: int) -> None:
    data = SMALL.encode()
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
        with pytest.raises((Malformed, BadProof)):
            verify(changed, SIGNER.verifier)


def test_a_large_receipt_with_one_byte_changed_is_refused() -> None:
    data = LARGE.encode()
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
        with pytest.raises((Malformed, BadProof)):
            verify(changed, SIGNER.verifier)


def test_a_receipt_cut_short_or_lengthened_is_refused() -> None:
    data = SMALL.encode()
    for at in range(len(data)):
        with pytest.raises((Malformed, BadProof)):
            verify(data[:at], SIGNER.verifier)
    for more in (b"\n", b" ", b"x", b"\x00", b"\xff"):
        with pytest.raises((Malformed, BadProof)):
            verify(data + more, SIGNER.verifier)
        with pytest.raises((Malformed, BadProof)):
            verify(more + data, SIGNER.verifier)


@pytest.mark.parametrize("separator", ["\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_only_lf_ends_a_line(separator: str) -> None:
    with pytest.raises(Malformed):
        verify(SMALL.encode().decode().replace("\n", separator).encode(), SIGNER.verifier)


def test_a_second_signature_line_is_refused() -> None:
    text = SMALL.checkpoint.partition("\n\n")[0] + "\n"
    for signer in (SIGNER, Signer("witness.example", bytes(32))):
        line = signer.sign(text).rpartition("\n\n")[2]
        with pytest.raises(BadProof, match="one signature"):
            verify(replace(SMALL, checkpoint=SMALL.checkpoint + line).encode(), SIGNER.verifier)


def test_another_logs_receipt_is_refused() -> None:
    other = Signer(SIGNER.name, bytes(32))
    with pytest.raises(BadSignature):
        verify(SMALL.encode(), other.verifier)


def test_a_checkpoint_of_another_origin_is_refused() -> None:
    root = receipt([{}], opened=[0], index=0, size=1)
    forged = sign_checkpoint(Checkpoint("other.example", 1, merkle.leaf_hash(root.leaf.encode())), SIGNER)
    with pytest.raises(BadProof, match="not of"):
        verify(replace(root, checkpoint=forged).encode(), SIGNER.verifier)


def reopened(**changes: Any) -> bytes:
    """SMALL with another `extra`, written canonically by hand."""
    opening = {"entry": canonical.to_base64(SMALL.leaf.encode()), "items": [item()], **changes}
    extra = canonical.to_base64(canonical.encode(opening))
    lines = SMALL.encode().decode().split("\n")
    return "\n".join([lines[0], f"extra {extra}", *lines[2:]]).encode()


def item(**changes: Any) -> dict[str, Any]:
    return {"item": {"image": "a"}, "path": [], "position": 0, "salt": "00" * 32, **changes}


def test_the_hand_written_receipt_is_the_small_one() -> None:
    assert reopened() == SMALL.encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"more": 1},
        {"entry": None},
        {"entry": "AA"},
        {"entry": canonical.to_base64(b"{}")},
        {"items": {}},
        {"items": [1]},
        {"items": []},
        {"items": [item(), item()]},
        {"items": [item(position=1), item()]},
        {"items": [item(more=1)]},
        {"items": [item(item=[])]},
        {"items": [item(item="a")]},
        {"items": [item(position=-1)]},
        {"items": [item(position=True)]},
        {"items": [item(position="0")]},
        {"items": [item(salt="00" * 31)]},
        {"items": [item(salt="AA" * 32)]},
        {"items": [item(path={})]},
        {"items": [item(path=["00" * 31])]},
        {"items": [item(path=[1])]},
    ],
)
def test_an_opening_of_any_other_form_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        Receipt.decode(reopened(**changes))


@pytest.mark.parametrize(
    "changed", [item(item={"image": "b"}), item(salt="01" * 32), item(position=1), item(path=["00" * 32])]
)
def test_an_item_that_was_not_committed_to_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(BadProof):
        verify(reopened(items=[changed]), SIGNER.verifier)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("index 1\n", "index 01\n"),
        ("index 1\n", "index -1\n"),
        ("index 1\n", "index  1\n"),
        ("index 1\n", "Index 1\n"),
        ("index 1\n", ""),
        ("index 1\n", "index 1\nAAAA\n"),
        ("extra ", "extra  "),
        ("extra ", "extras "),
        ("@v1\n", "@v2\n"),
    ],
)
def test_lines_of_any_other_form_are_malformed(old: str, new: str) -> None:
    text = SMALL.encode().decode()
    assert text.count(old) == 1
    with pytest.raises(Malformed):
        Receipt.decode(text.replace(old, new).encode())


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: f"c2sp.org/tlog-proof@v1\n{text}".encode()))
def test_junk_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        Receipt.decode(data)
