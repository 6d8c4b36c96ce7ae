"""Contributors with a registered picture, made by acts."""

import os
from uuid import UUID, uuid4

from django.utils import timezone

from consentkit.fingerprints import Fingerprint
from registry.acts.enrol_person import enrol_person
from registry.acts.register import Measured, register
from registry.acts.submit import Bytes, Statement, submit


def contributor(email: str) -> tuple[UUID, UUID]:
    """A person and their picture (a random digest: nothing is decoded)."""
    person, image = enrol_person(email, at=timezone.now()).person, uuid4()
    submit(person, brought=Bytes(image, os.urandom(32), 1, "image/jpeg"), statement=Statement(), at=timezone.now())
    found = Measured(64, 64, [Fingerprint("phash256", 1, os.urandom(32))])
    register(image, measured=found, at=timezone.now())
    return person, image
