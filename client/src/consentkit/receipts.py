"""Receipts: proof, for one person, that an act is on the log and what it says about them.

A receipt is text (c2sp.org/tlog-proof): the header, `extra` with the leaf and the opened items, `index`, the
inclusion path, an empty line, and the checkpoint as the log signed it.

Invariant
  * A receipt changed by one bit is refused. What is read is written again and compared, and the checkpoint
    has one signature line only, so that no byte is passed over.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Self

from consentkit import canonical, merkle
from consentkit.checkpoints import open_checkpoint
from consentkit.entries import SALT_BYTES, Kind, Leaf, commitment
from consentkit.errors import BadProof, Malformed
from consentkit.notes import Verifier, parse_note

HEADER: Final = "c2sp.org/tlog-proof@v1"

_HEAD_LINES: Final = 3


@dataclass(frozen=True)
class OpenedItem:
    """One item under a leaf, with the salt (32 bytes) and the path that show it was committed to."""

    position: int
    salt: bytes
    item: dict[str, Any]
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class Receipt:
    """A receipt taken apart. Nothing in it has been verified; `checkpoint` is the signed note."""

    index: int
    leaf: Leaf
    items: tuple[OpenedItem, ...]
    path: tuple[bytes, ...]
    checkpoint: str

    def encode(self) -> bytes:
        """The receipt's bytes. Items must be in order of position."""
        lines = [
            HEADER,
            f"extra {canonical.to_base64(_encode_opening(self.leaf, self.items))}",
            f"index {self.index}",
            *map(canonical.to_base64, self.path),
        ]
        return ("\n".join(lines) + "\n\n" + self.checkpoint).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The receipt of these bytes. Raises Malformed unless they are exactly what `encode` writes."""
        head, _, checkpoint = _decoded(data).partition("\n\n")
        lines = head.split("\n")
        if len(lines) < _HEAD_LINES:
            raise Malformed("a receipt has a header, extra and index")
        leaf, items = _decode_opening(canonical.from_base64(_after("extra ", lines[1])))
        receipt = cls(
            index=canonical.from_decimal(_after("index ", lines[2])),
            leaf=leaf,
            items=items,
            path=tuple(_hash(canonical.from_base64(line)) for line in lines[_HEAD_LINES:]),
            checkpoint=checkpoint,
        )
        # The header too: it is written as it must be, never as it was read.
        if receipt.encode() != data:
            raise Malformed("not in the one form of a receipt")
        return receipt


@dataclass(frozen=True)
class Verified:
    """What a receipt proves: the entry, when it was recorded (Unix seconds), its items about one person."""

    index: int
    kind: Kind
    recorded_at: int
    size: int
    items: list[dict[str, Any]]


def verify(data: bytes, verifier: Verifier) -> Verified:
    """What the receipt proves, given only the log's key. Raises Malformed or BadProof."""
    receipt = Receipt.decode(data)
    # A line by another key is usually passed over. Here it would be bytes that nobody checks.
    if len(parse_note(receipt.checkpoint).signatures) != 1:
        raise BadProof("a receipt's checkpoint has one signature")
    checkpoint = open_checkpoint(receipt.checkpoint, verifier)
    merkle.verify_inclusion(
        merkle.leaf_hash(receipt.leaf.encode()),
        index=receipt.index,
        size=checkpoint.size,
        path=receipt.path,
        root=checkpoint.root,
    )
    for opened in receipt.items:
        committed = commitment(opened.salt, canonical.encode(opened.item))
        merkle.verify_item(committed, position=opened.position, path=opened.path, root=receipt.leaf.items)
    return Verified(
        index=receipt.index,
        kind=receipt.leaf.kind,
        recorded_at=receipt.leaf.recorded_at,
        size=checkpoint.size,
        items=[opened.item for opened in receipt.items],
    )


def _encode_opening(leaf: Leaf, items: Iterable[OpenedItem]) -> bytes:
    return canonical.encode(
        {
            "entry": canonical.to_base64(leaf.encode()),
            "items": [
                {
                    "item": opened.item,
                    "path": [sibling.hex() for sibling in opened.path],
                    "position": opened.position,
                    "salt": opened.salt.hex(),
                }
                for opened in items
            ],
        }
    )


def _decode_opening(data: bytes) -> tuple[Leaf, tuple[OpenedItem, ...]]:
    entry, listed = canonical.fields(canonical.decode(data), "entry", "items")
    items = tuple(_item(value) for value in canonical.array(listed))
    if not items or any(after.position <= before.position for before, after in pairwise(items)):
        raise Malformed("a receipt has items, in order of position")
    return Leaf.decode(canonical.from_base64(entry)), items


def _item(value: object) -> OpenedItem:
    item, path, position, salt = canonical.fields(value, "item", "path", "position", "salt")
    if not isinstance(item, dict):
        raise Malformed("an item is an object")
    return OpenedItem(
        position=canonical.whole(position),
        salt=canonical.from_hex(salt, size=SALT_BYTES),
        item=item,
        path=tuple(canonical.from_hex(sibling, size=merkle.HASH_BYTES) for sibling in canonical.array(path)),
    )


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:  # bytes that are not text
        raise Malformed("a receipt is UTF-8") from error


def _after(word: str, line: str) -> str:
    if not line.startswith(word):
        raise Malformed(f"expected a line that begins with {word!r}")
    return line.removeprefix(word)


def _hash(data: bytes) -> bytes:
    if len(data) != merkle.HASH_BYTES:
        raise Malformed(f"a hash has {merkle.HASH_BYTES} bytes")
    return data
