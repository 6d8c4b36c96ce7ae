"""What workers do: parse, one act, nothing more. The state of an image is the queue; messages only say "look now"."""

import logging
from functools import lru_cache
from uuid import UUID

from django.utils import timezone

from registry import originals
from registry.acts.claim import claim
from registry.acts.register import Measured, register
from registry.acts.reject import reject
from registry.reads.queue import exhausted, waiting
from service.celery import app
from service.quarantine import Crashed, Examined, Quarantine

SWEEP = 200
log = logging.getLogger(__name__)


@lru_cache(maxsize=1)
def quarantine() -> Quarantine:
    """One decoding server a worker process; it restarts its own children."""
    return Quarantine().__enter__()


@app.task(name="service.tasks.fingerprint")
def fingerprint(image: str) -> None:
    """Decode one image and register or reject it. Delivered twice, the second finds nothing to claim."""
    number = UUID(image)
    if claim(number, at=timezone.now()) is None:
        return
    try:
        found = quarantine().examine(originals.original(number))
    except Crashed:  # the decoder died on it; the claim ends by itself, and the sweep tries again or gives up
        log.warning("the decoder died on image %s", number)
        return
    if isinstance(found, Examined):
        originals.keep_preview(number, found.preview)
        register(number, measured=Measured(found.width, found.height, found.fingerprints), at=timezone.now())
    else:
        reject(number, slug=found.slug, at=timezone.now())


@app.task(name="service.tasks.sweep")
def sweep() -> None:
    """Find what a lost message missed, and give up on what has killed every decoder."""
    at = timezone.now()
    for image in exhausted(at=at, limit=SWEEP):
        reject(image, slug="image-too-complex", at=at)
    for image in waiting(at=at, limit=SWEEP):
        fingerprint.delay(str(image))
