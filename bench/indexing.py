"""`index`: two thousand JPEGs in four shards, with and without fingerprints.

Beside reading, decoding and looking at the same pictures one after the other, which is the work itself.
"""

import hashlib
import io
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from PIL import Image

from bench.apart import apart
from bench.figure import Figure
from consentkit.fingerprints.perception import perceive
from consentkit.indexing.building import build
from service.demo.portraits import draw

SHARDS, PICTURES = 4, 500
SIDE: Final = 384
DRAWN: Final = 50  # portraits, each saved in several qualities: all files differ


def run() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="registry-bench-") as folder:
        _prepare(Path(folder))
        floor = apart(_looked_at, folder)
        taken = apart(_indexed, folder)
    count = SHARDS * PICTURES
    peer = f"reading, decoding and looking one after the other ({count / floor:,.0f} a second)"
    return [Figure("index", count / taken, "pictures/s", peer, floor / taken, "", None)]


def _prepare(folder: Path) -> None:
    (folder / "shards").mkdir()
    drawn = [Image.open(io.BytesIO(draw(seed))).convert("RGB").resize((SIDE, SIDE)) for seed in range(DRAWN)]
    for shard in range(SHARDS):
        with tarfile.open(folder / "shards" / f"{shard:03}.tar", "w") as file:
            for number in range(PICTURES):
                out = io.BytesIO()
                drawn[number % DRAWN].save(out, "JPEG", quality=60 + shard * 10 + number // DRAWN)
                member = tarfile.TarInfo(f"{shard:03}{number:05}.jpg")
                member.size = len(out.getvalue())
                file.addfile(member, io.BytesIO(out.getvalue()))


def _pictures(folder: str) -> Iterator[bytes]:
    for path in sorted((Path(folder) / "shards").iterdir()):
        with tarfile.open(path) as file:
            for member in file:
                read = file.extractfile(member)
                if read is not None:
                    yield read.read()


def _looked_at(folder: str) -> float:
    began = time.perf_counter()
    for picture in _pictures(folder):
        hashlib.sha256(picture).digest()
        perceive(Image.open(io.BytesIO(picture)))
    return time.perf_counter() - began


def _indexed(folder: str) -> float:
    began = time.perf_counter()
    built = build([Path(folder) / "shards"], Path(folder) / "index")
    if (built.pictures, built.views) != (SHARDS * PICTURES, SHARDS * PICTURES):
        raise RuntimeError(f"not all were indexed: {built}")
    return time.perf_counter() - began
