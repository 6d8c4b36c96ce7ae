"""Bytes as they came, and what was made from them, in a folder beside the database.

Nothing here is ever served as it came: pages show the preview, which the decoder re-encoded. The small picture (128 x
128 luma, 16,384 bytes) is shown to nobody; whatever copies are found by follows from it.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

from django.conf import settings

SMALL_BYTES: Final = 128 * 128

_ASKED: Final = ("asked", "asked-previews", "asked-small")


def free() -> int:
    """Bytes that are free where the pictures are kept."""
    folder = Path(settings.IMAGE_DIR)
    return shutil.disk_usage(next(each for each in (folder, *folder.parents) if each.exists())).free


def original(image: UUID) -> Path:
    """Where an image's bytes are: `originals/<first two hex digits>/<id>`."""
    return _path("originals", image)


def preview(image: UUID) -> Path:
    """Where its JPEG preview is, once a worker has made it."""
    return _path("previews", image)


def small(image: UUID) -> Path:
    """Where its small picture is, once a worker has made it."""
    return _path("small", image)


def keep_preview(image: UUID, jpeg: bytes) -> None:
    _keep(preview(image), jpeg)


def keep_small(image: UUID, luma: bytes) -> None:
    _keep(small(image), luma)


def discard(image: UUID) -> None:
    """Remove the bytes of an image that the act did not take (it had them already)."""
    original(image).unlink(missing_ok=True)


def asked(case: UUID) -> Path:
    """Where the bytes are that somebody asked about without an account, until a worker has looked at them."""
    return _path("asked", case)


def asked_preview(case: UUID) -> Path:
    """Where the JPEG preview of such a picture is, for the steward."""
    return _path("asked-previews", case)


def asked_small(case: UUID) -> Path:
    """Where its small picture is."""
    return _path("asked-small", case)


def keep_asked_preview(case: UUID, jpeg: bytes) -> None:
    _keep(asked_preview(case), jpeg)


def keep_asked_small(case: UUID, luma: bytes) -> None:
    _keep(asked_small(case), luma)


def discard_asked(case: UUID) -> None:
    """Remove all of an asker's picture, and what a crash left half-written of it: the case is decided."""
    for kind in _ASKED:
        place = _path(kind, case)
        for path in place.parent.glob(f"{place.name}*"):
            path.unlink(missing_ok=True)


def asked_cases() -> Iterator[UUID]:
    """The cases of which anything of an asker's picture is kept, in no order; some may come twice."""
    for kind in _ASKED:
        for path in (Path(settings.IMAGE_DIR) / kind).glob("??/*"):
            yield UUID(path.name.partition(".")[0])  # with a suffix: being written, or left so by a crash


def _path(kind: str, number: UUID) -> Path:
    return Path(settings.IMAGE_DIR) / kind / number.hex[:2] / str(number)


def _keep(path: Path, content: bytes) -> None:
    """Written beside its place and renamed: a reader sees all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}.new")
    fresh.write_bytes(content)
    fresh.replace(path)
