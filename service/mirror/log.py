"""The log's files for a checkpoint (c2sp.org/tlog-tiles): full tiles and bundles once, the partial ones at its edge."""

from consentkit import tiles
from consentkit.feedfile import LOG
from registry.reads.log import bundle, tile
from service.mirror.folder import Folder


def write(folder: Folder, *, size: int, since: int) -> None:
    """All that a tree of `size` needs; what one of `since` entries needs in full is there already."""
    for level, index in tiles.full_tiles_between(since, size) + tiles.partial_tiles(size):
        width = tiles.width_of(level, index, size=size)
        _put(folder, tiles.path(level, index, width), tile(level, index, width=width))
        if level == 0:
            _put(folder, tiles.entries_path(index, width), bundle(index, width=width))


def partial(size: int) -> set[str]:
    """The names of the partial files of a tree of `size`."""
    named = set()
    for level, index in tiles.partial_tiles(size):
        width = tiles.width_of(level, index, size=size)
        named.add(f"{LOG}/{tiles.path(level, index, width)}")
        if level == 0:
            named.add(f"{LOG}/{tiles.entries_path(index, width)}")
    return named


def _put(folder: Folder, path: str, data: bytes | None) -> None:
    if data is None:
        raise LookupError(f"the newest checkpoint has no {path}")  # it only ever grows
    folder.put(f"{LOG}/{path}", data)
