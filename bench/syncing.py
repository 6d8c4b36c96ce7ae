"""`sync`: a thousand changes brought to a client over HTTP, beside its first sync of everything."""

import tempfile
import time
from typing import Final

from bench.figure import Figure
from bench.registry import running
from consentkit.registry import Registry

IMAGES: Final = 100_000
CHANGES: Final = 1_000


def run() -> list[Figure]:
    """Images are seeded by SQL; the change is one withdrawal."""
    with running() as registry, tempfile.TemporaryDirectory(prefix="registry-bench-") as home:
        from django.utils import timezone

        from bench import seeds
        from bench.pipelines import asker
        from consent.acts.withdraw import Withdrawing, withdraw
        from registry.acts.enrol_person import enrol_person

        person = enrol_person("ines@example.org", at=timezone.now()).person
        images = seeds.images(person, first=1, last=IMAGES)
        _, key = asker()
        client = Registry(registry.url, key, log_key=registry.log_key, home=home)
        whole = _taken(client)
        withdraw(person, withdrawing=Withdrawing(images[:CHANGES]), at=timezone.now())
        time.sleep(2)  # until it is published: waiting is not syncing
        changes = _taken(client)
    peer = f"the first sync of {IMAGES:,} images ({whole:.2f} s)"
    return [Figure("sync", changes, "s", peer, changes / whole, "", None)]


def _taken(client: Registry) -> float:
    began = time.perf_counter()
    client.sync()
    return time.perf_counter() - began
