"""The simulator's feed as plain files, as `manage.py publish --static` writes them."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from consentkit import tiles
from consentkit.closes import PageList, digest_of, open_close, open_list, sign_pages
from consentkit.feedfile import LOG, NAME, PAGES, PARTS, FeedFile
from consentkit.published import Logged

if TYPE_CHECKING:
    from consentkit.testing.simulator import Simulator


def write_feed(simulator: "Simulator", folder: Path | str) -> None:
    """Into a folder that any web server may serve: a snapshot, what has changed since, and the log."""
    folder = Path(folder)
    offered = simulator.snapshot()
    verifier = simulator.signer.verifier
    for part in open_list(offered["list"], verifier).parts:
        _put(folder / PARTS / part.sha256, simulator.part(part.sha256))
    pages, cursor, close = list[str](), open_close(offered["close"], verifier).cursor, None
    while close is None:
        answer = simulator.delta(cursor)
        page = json.dumps(answer["rows"]).encode()
        pages.append(hashlib.sha256(page).hexdigest())
        _put(folder / PAGES / pages[-1], page)
        cursor, close = answer.get("next", ""), answer.get("close")
    listed = PageList(digest_of(offered["list"]), tuple(pages), digest_of(close))
    checkpoint = simulator.checkpoint()
    _write_log(simulator, folder / LOG, checkpoint)
    notes = {"checkpoint": checkpoint, "list": offered["list"], "snapshot": offered["close"], "close": close}
    file = FeedFile(**notes, pages=sign_pages(listed, simulator.signer), logged=Logged.read(offered["logged"]))
    _put(folder / NAME, file.encode())


def _write_log(simulator: "Simulator", log: Path, checkpoint: str) -> None:
    _put(log / "checkpoint", checkpoint.encode())
    size = simulator.size
    for level, index in tiles.full_tiles_between(0, size) + tiles.partial_tiles(size):
        width = tiles.width_of(level, index, size=size)
        _put(log / tiles.path(level, index, width), simulator.tile(level, index, width))
        if level == 0:
            _put(log / tiles.entries_path(index, width), simulator.bundle(index, width))


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
