"""The whole log against itself: every hash recomputed from what is stored, nothing taken from an index or a cache."""

from collections.abc import Iterator

from consentkit import merkle, tiles
from consentkit.checkpoints import open_checkpoint
from consentkit.entries import Leaf, commitment
from consentkit.errors import ConsentkitError
from registry.log import outside, tree
from registry.log.recorder import head_size
from registry.log.signer import verifier
from registry.models import Checkpoint, Commitment, Entry, Opening, Tile

PAGE = 2_000


def faults() -> Iterator[str]:
    """Each fault in words; none when the log is whole."""
    size = head_size()
    yield from _entries(size)
    hashes = [merkle.leaf_hash(leaf) for leaf in tree.leaves(size)]
    yield from _tiles(hashes)
    yield from _checkpoints(hashes)


def _entries(size: int) -> Iterator[str]:
    if (count := Entry.objects.count()) != size:
        yield f"the counter says {size} entries, there are {count}"
    for start in range(0, size, PAGE):
        page = list(Entry.objects.filter(index__gte=start, index__lt=start + PAGE).order_by("index"))
        wanted = range(start, min(start + PAGE, size))
        if [entry.index for entry in page] != list(wanted):
            yield f"entries {wanted.start} to {wanted.stop - 1} are not all there"
        yield from _openings(page)


def _openings(page: list[Entry]) -> Iterator[str]:
    """A leaf's root is that of its commitments, and each commitment has its opening."""
    acts = [entry.act for entry in page]
    committed: dict[object, list[bytes]] = {act: [] for act in acts}
    for row in Commitment.objects.filter(act__in=acts).order_by("act", "position"):
        committed[row.act].append(bytes(row.commitment))
    opened: dict[object, list[bytes]] = {act: [] for act in acts}
    for opening in Opening.objects.filter(act__in=acts).order_by("act", "position"):
        opened[opening.act].append(commitment(bytes(opening.salt), bytes(opening.item)))
    for entry in page:
        try:
            leaf = Leaf.decode(bytes(entry.leaf))
        except ConsentkitError as error:  # the stored bytes are no leaf
            yield f"entry {entry.index}: {error}"
            continue
        if merkle.items_root(committed[entry.act]) != leaf.items:
            yield f"entry {entry.index}: its commitments are not those of its leaf"
        if opened[entry.act] != committed[entry.act]:
            yield f"entry {entry.index}: its openings do not open its commitments"


def _tiles(hashes: list[bytes]) -> Iterator[str]:
    node = merkle.node_from_leaves(hashes)
    for tile in Tile.objects.order_by("level", "index").iterator():
        first = tile.index * tiles.TILE_WIDTH
        level = tile.level * tiles.TILE_HEIGHT
        inside = (first + tiles.TILE_WIDTH) << level <= len(hashes)
        wanted = b"".join(node(level, first + at) for at in range(tiles.TILE_WIDTH)) if inside else b""
        if bytes(tile.hashes) != wanted:
            yield f"tile {tile.level}/{tile.index} is not made of the entries"


def _checkpoints(hashes: list[bytes]) -> Iterator[str]:
    node = merkle.node_from_leaves(hashes)
    notes = [(f"checkpoint {row.size}", row.note) for row in Checkpoint.objects.order_by("size").iterator()]
    for place in outside.all_places():
        try:
            kept = outside.kept_at(place, fresh=True)
        except (ConsentkitError, OSError) as error:  # there and not to be trusted, or it does not answer
            yield f"the checkpoint in {place.label}: {error}"
            continue
        if kept is not None:
            notes.append((f"the checkpoint in {place.label}", kept[1]))
    for name, note in notes:
        try:
            signed = open_checkpoint(note, verifier())
        except ConsentkitError as error:  # not signed by us, or altered
            yield f"{name}: {error}"
            continue
        if signed.size > len(hashes) or merkle.root(signed.size, node) != signed.root:
            yield f"{name} is not over these entries"
