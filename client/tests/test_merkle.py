"""The trees against known vectors, and against the definition of RFC 6962 written down as it stands."""

import hashlib
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit import merkle
from consentkit.errors import BadProof, Inconsistent

LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
# The vectors that implementations of Certificate Transparency share.
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
SMALL = range(1, 71)
DATA = [f"leaf {number}".encode() for number in range(SMALL.stop)]
NODE = merkle.node_from_leaves([merkle.leaf_hash(leaf) for leaf in DATA])


def split(size: int) -> int:
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def mth(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    middle = split(len(leaves))
    return hashlib.sha256(b"\x01" + mth(leaves[:middle]) + mth(leaves[middle:])).digest()


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 6962, section 2.1.1."""
    if len(leaves) == 1:
        return []
    middle = split(len(leaves))
    if index < middle:
        return [*path(index, leaves[:middle]), mth(leaves[middle:])]
    return [*path(index - middle, leaves[middle:]), mth(leaves[:middle])]


def subproof(old: int, leaves: list[bytes], *, known: bool) -> list[bytes]:
    """RFC 6962, section 2.1.2."""
    if old == len(leaves):
        return [] if known else [mth(leaves)]
    middle = split(len(leaves))
    if old <= middle:
        return [*subproof(old, leaves[:middle], known=known), mth(leaves[middle:])]
    return [*subproof(old - middle, leaves[middle:], known=False), mth(leaves[:middle])]


@pytest.mark.parametrize("size", range(len(ROOTS)))
def test_known_roots(size: int) -> None:
    hashes = [merkle.leaf_hash(leaf) for leaf in LEAVES]
    assert merkle.root(size, merkle.node_from_leaves(hashes)).hex() == ROOTS[size]


@pytest.mark.parametrize("case", INCLUSION)
def test_known_inclusion_paths(case: tuple[int, int]) -> None:
    node = merkle.node_from_leaves([merkle.leaf_hash(leaf) for leaf in LEAVES])
    assert [sibling.hex() for sibling in merkle.inclusion_path(*case, node)] == INCLUSION[case]


@pytest.mark.parametrize("case", CONSISTENCY)
def test_known_consistency_paths(case: tuple[int, int]) -> None:
    node = merkle.node_from_leaves([merkle.leaf_hash(leaf) for leaf in LEAVES])
    assert [sibling.hex() for sibling in merkle.consistency_path(*case, node)] == CONSISTENCY[case]


@pytest.mark.parametrize("size", SMALL)
def test_every_small_tree_is_the_definition(size: int) -> None:
    root = merkle.root(size, NODE)
    assert root == mth(DATA[:size])
    for index in range(size):
        siblings = merkle.inclusion_path(index, size, NODE)
        assert siblings == path(index, DATA[:size])
        merkle.verify_inclusion(merkle.leaf_hash(DATA[index]), index=index, size=size, path=siblings, root=root)


@pytest.mark.parametrize("new", SMALL)
def test_every_small_growth_is_the_definition(new: int) -> None:
    new_root = merkle.root(new, NODE)
    for old in range(new + 1):
        siblings = merkle.consistency_path(old, new, NODE)
        assert siblings == (subproof(old, DATA[:new], known=True) if old else [])
        merkle.verify_consistency(
            old_size=old, old_root=merkle.root(old, NODE), new_size=new, new_root=new_root, path=siblings
        )


def test_big_trees_are_the_definition() -> None:
    chance = random.Random(6962)  # noqa: S311 - the same trees in every run
    leaves = [chance.randbytes(8) for _ in range(5_000)]
    node = merkle.node_from_leaves([merkle.leaf_hash(leaf) for leaf in leaves])
    for _ in range(12):
        old, new = sorted(chance.sample(range(1, len(leaves) + 1), 2))
        index = chance.randrange(new)
        assert merkle.root(new, node) == mth(leaves[:new])
        assert merkle.inclusion_path(index, new, node) == path(index, leaves[:new])
        assert merkle.consistency_path(old, new, node) == subproof(old, leaves[:new], known=True)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_no_path_to_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        merkle.inclusion_path(index, size, NODE)
    with pytest.raises(BadProof, match="no leaf"):
        merkle.verify_inclusion(merkle.EMPTY_ROOT, index=index, size=size, path=[], root=merkle.EMPTY_ROOT)


@pytest.mark.parametrize(("old", "new"), [(-1, 3), (4, 3)])
def test_no_path_backwards(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="does not extend"):
        merkle.consistency_path(old, new, NODE)
    with pytest.raises(Inconsistent, match="rolled back"):
        merkle.verify_consistency(
            old_size=old, old_root=merkle.EMPTY_ROOT, new_size=new, new_root=merkle.root(new, NODE), path=[]
        )


def flipped(data: bytes, bit: int) -> bytes:
    return (int.from_bytes(data, "big") ^ 1 << bit % (8 * len(data))).to_bytes(len(data), "big")


@given(st.data())
def test_a_changed_inclusion_proof_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 70))
    index = data.draw(st.integers(0, size - 1))
    siblings = merkle.inclusion_path(index, size, NODE)
    leaf, root = merkle.leaf_hash(DATA[index]), merkle.root(size, NODE)
    bit, place = data.draw(st.integers(0, 255)), data.draw(st.integers(0, len(siblings) - 1))
    changed = [flipped(s, bit) if at == place else s for at, s in enumerate(siblings)]
    other = (index + data.draw(st.integers(1, size - 1))) % size
    for forged in (
        (flipped(leaf, bit), index, size, siblings, root),
        (leaf, other, size, siblings, root),
        (leaf, index, size, changed, root),
        (leaf, index, size, siblings[:-1], root),
        (leaf, index, size, [*siblings, siblings[0]], root),
        (leaf, index, size, siblings, flipped(root, bit)),
    ):
        with pytest.raises(BadProof):
            merkle.verify_inclusion(forged[0], index=forged[1], size=forged[2], path=forged[3], root=forged[4])


@given(st.data())
def test_a_changed_consistency_proof_is_refused(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, 70))
    old = data.draw(st.integers(1, new - 1))
    siblings = merkle.consistency_path(old, new, NODE)
    old_root, new_root = merkle.root(old, NODE), merkle.root(new, NODE)
    bit, place = data.draw(st.integers(0, 255)), data.draw(st.integers(0, len(siblings) - 1))
    changed = [flipped(s, bit) if at == place else s for at, s in enumerate(siblings)]
    for forged in (
        (old, flipped(old_root, bit), new, new_root, siblings),
        (old, old_root, new, flipped(new_root, bit), siblings),
        (old, old_root, new, new_root, changed),
        (old, old_root, new, new_root, siblings[:-1]),
        (old, old_root, new, new_root, []),
        (old, old_root, new, new_root, [*siblings, siblings[0]]),
        (new, new_root, old, old_root, siblings),
        (0, old_root, new, new_root, []),
        (0, merkle.EMPTY_ROOT, new, new_root, siblings),
    ):
        with pytest.raises(Inconsistent):
            merkle.verify_consistency(
                old_size=forged[0],
                old_root=forged[1],
                new_size=forged[2],
                new_root=forged[3],
                path=forged[4],
            )


def test_one_size_has_one_root() -> None:
    root = merkle.root(7, NODE)
    merkle.verify_consistency(old_size=7, old_root=root, new_size=7, new_root=root, path=[])
    with pytest.raises(Inconsistent):
        merkle.verify_consistency(old_size=7, old_root=root, new_size=7, new_root=flipped(root, 3), path=[])


def padded(commitments: list[bytes]) -> list[bytes]:
    width = 1
    while width < len(commitments):
        width *= 2
    return commitments + [b""] * (width - len(commitments))


@pytest.mark.parametrize("count", range(41))
def test_the_items_tree_is_a_log_filled_with_empty_leaves(count: int) -> None:
    commitments = [hashlib.sha256(leaf).digest() for leaf in DATA[:count]]
    root = merkle.items_root(commitments)
    assert root == mth(padded(commitments))
    assert merkle.items_paths(commitments) == [path(at, padded(commitments)) for at in range(count)]
    for position, commitment in enumerate(commitments):
        siblings = merkle.items_path(commitments, position)
        merkle.verify_item(commitment, position=position, path=siblings, root=root)
        for other in (-1, (position + 1) % (1 << len(siblings)), position + (1 << len(siblings))):
            if other != position:
                with pytest.raises(BadProof):
                    merkle.verify_item(commitment, position=other, path=siblings, root=root)


def test_no_items_look_like_any_other_number() -> None:
    assert merkle.items_root([]) == merkle.PADDING == merkle.leaf_hash(b"")
    assert merkle.items_paths([]) == []


def test_ten_thousand_items_are_quick() -> None:
    commitments = [number.to_bytes(32, "big") for number in range(10_000)]
    begun = time.monotonic()
    paths = merkle.items_paths(commitments)
    assert time.monotonic() - begun < 2
    assert {len(siblings) for siblings in paths} == {14}
    merkle.verify_item(commitments[9_999], position=9_999, path=paths[9_999], root=merkle.items_root(commitments))
