"""Merkle trees over SHA-256: the log's (RFC 6962, section 2.1) and the one inside each leaf.

Invariants
  * Trees of one history share nodes: a complete subtree's root never changes once its last leaf is there.
  * A path's length and sides follow from index and size alone, so a proof of another length is refused.
  * The items tree is filled up to a power of two: a root or path does not tell how many items there were.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

from consentkit.errors import BadProof, Inconsistent

Hashes = Callable[[int, int], bytes]
"""node(level, index): the root of the complete subtree of 2**level leaves, the index-th of its level."""

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf: SHA-256(0x00 ‖ data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


PADDING: Final = leaf_hash(b"")
"""Fills the items tree. No item has it: a commitment has 32 bytes."""


# The log's tree


@dataclass(frozen=True)
class _Turn:
    """One step from the root towards a leaf: the sibling passed by covers leaves [start, end)."""

    start: int
    end: int
    on_left: bool


def root(size: int, node: Hashes) -> bytes:
    """The root hash of the first `size` leaves."""
    return _span(0, size, node) if size else EMPTY_ROOT


def inclusion_path(index: int, size: int, node: Hashes) -> list[bytes]:
    """The siblings from leaf `index` up to the root of `size` leaves (RFC 6962, section 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    return [_span(turn.start, turn.end, node) for turn in reversed(list(_descent(index, size)))]


def consistency_path(old: int, new: int, node: Hashes) -> list[bytes]:
    """What shows that `new` leaves begin with the `old` ones (RFC 6962, section 2.1.2).

    Empty from a tree of 0, and from a tree to itself.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {new} does not extend one of {old}")
    if old == 0:
        return []
    turns, start = _edge(old, new)
    path = [_span(turn.start, turn.end, node) for turn in reversed(turns)]
    # A subtree that is the whole old tree needs no hash of its own: the verifier has the old root.
    return [_span(start, old, node), *path] if start else path


def verify_inclusion(leaf_hash: bytes, *, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Raises BadProof unless the leaf is the index-th of the tree with this size and root."""
    if not 0 <= index < size:
        raise BadProof(f"no leaf {index} in a tree of {size}")
    turns = list(_descent(index, size))
    if len(path) != len(turns):
        raise BadProof(f"inclusion path of {len(path)} hashes where {len(turns)} belong")
    reached = leaf_hash
    for turn, sibling in zip(reversed(turns), path, strict=True):
        reached = node_hash(sibling, reached) if turn.on_left else node_hash(reached, sibling)
    if reached != root:
        raise BadProof("the inclusion path does not lead to the root")


def verify_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Raises Inconsistent unless the path shows that the new tree begins with the old one."""
    if not 0 <= old_size <= new_size:
        raise Inconsistent(f"rolled back from {old_size} to {new_size} entries")
    if old_size == 0 < new_size:  # every tree extends the empty one
        holds = old_root == EMPTY_ROOT and not path
    else:
        holds = _extend(old_size, old_root, new_size, path) == (old_root, new_root)
    if not holds:
        raise Inconsistent(f"{new_size} entries do not begin with the {old_size} known ones")


def _extend(old_size: int, old_root: bytes, new_size: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The old and the new root that a consistency path leads to."""
    turns, start = _edge(old_size, new_size)
    # First comes the subtree at the edge, which the path leaves out where it is the old tree itself.
    hashes = path if start else (old_root, *path)
    if len(hashes) != 1 + len(turns):
        raise Inconsistent(f"a consistency path of {len(path)} hashes does not fit")
    old = new = hashes[0]
    for turn, sibling in zip(reversed(turns), hashes[1:], strict=True):
        if turn.on_left:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
        else:  # grown since: no part of the old tree
            new = node_hash(new, sibling)
    return old, new


def node_from_leaves(leaf_hashes: Sequence[bytes]) -> Hashes:
    """The nodes of a tree held in memory."""
    levels = _levels(leaf_hashes)
    return lambda level, index: levels[level][index]


def _levels(leaf_hashes: Sequence[bytes]) -> list[Sequence[bytes]]:
    """All complete subtrees' roots, leaves first."""
    levels = [leaf_hashes]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])
    return levels


def _span(start: int, end: int, node: Hashes) -> bytes:
    """The root of leaves [start, end), where start is a multiple of the largest power of two that fits."""
    peaks = []
    while start < end:
        level = (end - start).bit_length() - 1
        peaks.append(node(level, start >> level))
        start += 1 << level
    return reduce(lambda right, left: node_hash(left, right), reversed(peaks))


def _descent(index: int, size: int) -> Iterator[_Turn]:
    """The way from the root of `size` leaves down to leaf `index`."""
    start, end = 0, size
    while end - start > 1:
        middle = start + _half(end - start)
        if index < middle:
            yield _Turn(middle, end, on_left=False)
            end = middle
        else:
            yield _Turn(start, middle, on_left=True)
            start = middle


def _edge(old: int, new: int) -> tuple[list[_Turn], int]:
    """The way down to the subtree that ends where the old tree ends, and that subtree's first leaf."""
    turns, start, end = [], 0, new
    while end != old:
        middle = start + _half(end - start)
        if old <= middle:
            turns.append(_Turn(middle, end, on_left=False))
            end = middle
        else:
            turns.append(_Turn(start, middle, on_left=True))
            start = middle
    return turns, start


def _half(size: int) -> int:
    """The largest power of two below `size`: the leaves on the left of the root."""
    return 1 << ((size - 1).bit_length() - 1)


# The items tree


def items_root(commitments: Sequence[bytes]) -> bytes:
    """The root over a leaf's items, by position. Without items, the padding."""
    return _items_levels(commitments)[-1][0]


def items_path(commitments: Sequence[bytes], position: int) -> list[bytes]:
    """The siblings from one item up to the root."""
    return _siblings(_items_levels(commitments), position)


def items_paths(commitments: Sequence[bytes]) -> list[list[bytes]]:
    """`items_path` for every item, hashing the tree once."""
    levels = _items_levels(commitments)
    return [_siblings(levels, position) for position in range(len(commitments))]


def verify_item(commitment: bytes, *, position: int, path: Sequence[bytes], root: bytes) -> None:
    """Raises BadProof unless the commitment stands at this position under this root."""
    if not 0 <= position < 1 << len(path):
        raise BadProof(f"no position {position} under a path of {len(path)} hashes")
    reached = leaf_hash(commitment)
    for height, sibling in enumerate(path):
        reached = node_hash(sibling, reached) if position >> height & 1 else node_hash(reached, sibling)
    if reached != root:
        raise BadProof(f"the item at position {position} does not lead to the root")


def _items_levels(commitments: Sequence[bytes]) -> list[Sequence[bytes]]:
    width = 1 << max(len(commitments) - 1, 0).bit_length()
    hashes = [leaf_hash(commitment) for commitment in commitments]
    return _levels(hashes + [PADDING] * (width - len(hashes)))


def _siblings(levels: Sequence[Sequence[bytes]], position: int) -> list[bytes]:
    return [level[position >> height ^ 1] for height, level in enumerate(levels[:-1])]
