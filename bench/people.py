"""Contributors with a registered picture, made by acts."""

import os
from uuid import UUID, uuid4

from django.utils import timezone

from consent.acts.register_checked import register_checked
from consentkit.fingerprints import Fingerprint
from registry.acts.enrol_person import enrol_person
from registry.acts.register import Measured
from registry.acts.statements import Statement
from registry.acts.submit import Bytes, submit
from registry.rules.subjects import Subjects


def contributor(email: str) -> tuple[UUID, UUID]:
    """A person and their picture (a random digest: nothing is decoded)."""
    person, image = enrol_person(email, at=timezone.now()).person, uuid4()
    brought = Bytes(image, os.urandom(32), 1, "image/jpeg")
    submit(person, brought=brought, statement=Statement(Subjects(oneself=True)), at=timezone.now())
    found = Measured(64, 64, [Fingerprint("phash256", 1, os.urandom(32))])
    register_checked(image, person=person, measured=found, seen=0, at=timezone.now())
    return person, image
