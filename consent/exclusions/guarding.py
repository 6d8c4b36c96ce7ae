"""Cases that watch for bytes: an image with just these is held in the very act that brings it."""

from collections.abc import Sequence
from typing import Final

from consent.rules.lifecycle import GUARDS, CaseState, Hold, guarding
from registry.log.recorder import Act
from registry.models import Image
from registry.models.bulk import ask, uuid_array
from registry.rules.items import Item

HOLD: Final = """
    INSERT INTO consent_caseimage (case_id, image_id, hold, held_at, in_use, alteration)
    SELECT opened.id, image.id, CASE opened.state WHEN %(accepted)s THEN %(revoked)s ELSE %(restricted)s END,
        %(at)s, false, ''
    FROM registry_image image JOIN consent_case opened ON opened.sha256 = image.sha256
    WHERE image.id = ANY(%(images)s::uuid[]) AND opened.state = ANY(%(guards)s)
    ON CONFLICT (case_id, image_id) DO NOTHING
"""


def guard(act: Act, items: Sequence[Item]) -> None:
    """Hold what the act brings, if a case is about its bytes.

    Whoever opens, decides or reopens a case takes the same lock on the bytes, so that each sees the other's end: the
    log's order is the order in which rows were written.
    """
    submitted = [(item.image, item.particulars or {}) for item in items if item.what == "submitted"]
    brought = {image: bytes.fromhex(str(said["sha256"])) for image, said in submitted}
    if not brought:
        return
    Image.objects.lock_bytes(*brought.values())
    asked = {
        "images": uuid_array(image for image in brought if image is not None),
        "accepted": CaseState.FULFILLED,
        "revoked": guarding(CaseState.FULFILLED),
        "restricted": Hold.RESTRICTED,
        "guards": list(GUARDS),
        "at": act.at,
    }
    ask(HOLD, asked)
