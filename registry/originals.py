"""Bytes as they came, and the previews made from them, in a folder beside the database. Nothing here is ever served
as it came: pages show the preview, which the decoder re-encoded."""

import os
from pathlib import Path
from uuid import UUID

from django.conf import settings


def original(image: UUID) -> Path:
    """Where an image's bytes are: `originals/<first two hex digits>/<id>`."""
    return _path("originals", image)


def preview(image: UUID) -> Path:
    """Where its JPEG preview is, once a worker has made it."""
    return _path("previews", image)


def _path(kind: str, image: UUID) -> Path:
    return Path(settings.IMAGE_DIR) / kind / image.hex[:2] / str(image)


def keep_preview(image: UUID, jpeg: bytes) -> None:
    """Written beside its place and renamed: a reader sees all of it or nothing."""
    path = preview(image)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}.new")
    fresh.write_bytes(jpeg)
    fresh.replace(path)


def discard(image: UUID) -> None:
    """Remove the bytes of an image that the act did not take (it had them already)."""
    original(image).unlink(missing_ok=True)
