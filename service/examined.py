"""Images that were registered before, examined again from their originals."""

import hashlib
from contextlib import suppress
from uuid import UUID

from consentkit.formats import Rejection
from registry import originals
from registry.reads.images import digest
from service.quarantine import Crashed, Examined, Quarantine


class Unreadable(Exception):
    """An original is lost, or no longer what it was. In words, with the image's number."""


def small_of(image: UUID, quarantine: Quarantine) -> bytes:
    """The small picture; made again where an older registry kept none. Raises Unreadable."""
    with suppress(FileNotFoundError):
        return originals.small(image).read_bytes()
    return examined_again(image, quarantine).small


def examined_again(image: UUID, quarantine: Quarantine) -> Examined:
    """Its preview and small picture are kept anew. Raises Unreadable."""
    original = originals.original(image)
    try:
        with original.open("rb") as file:
            same = hashlib.file_digest(file, "sha256").digest() == digest(image)
        found = quarantine.examine(original) if same else Rejection("image-corrupt")
    except (OSError, Crashed) as error:  # lost, or its decoder died
        raise Unreadable(f"{image}: its original cannot be read: {error}") from error
    if isinstance(found, Rejection):
        raise Unreadable(f"{image}: its original is not what was registered ({found.slug})")
    originals.keep_preview(image, found.preview)
    originals.keep_small(image, found.small)
    return found
