"""`publish` and `sync_10m`: ten million standings built into a snapshot, brought to a client, and a thousand changes.

The snapshot beside the floor: the same rows in the same order, read out of the database and thrown away. Those made
out of it, after one change and after a thousand, beside itself.
"""

import tempfile
import time
from dataclasses import dataclass
from typing import Final

from bench.apart import apart
from bench.figure import Figure
from bench.memory import most_held
from bench.registry import running
from consentkit.closes import Part

IMAGES: Final = 10_000_000
CHANGES: Final = 1_000
FLOOR: Final = """
    COPY (SELECT sha256, uuid_send(image_id), coalesce(until[1], 0), coalesce(reason[1], 0) FROM consent_standing
          ORDER BY sha256, image_id) TO STDOUT (FORMAT binary)
"""


@dataclass(frozen=True)
class Client:
    """What a pipeline has; `home` is where it keeps its state."""

    url: str
    key: str
    log_key: str
    home: str


def run() -> list[Figure]:
    """Images are seeded by SQL; each change is one withdrawal."""
    with running() as registry, tempfile.TemporaryDirectory(prefix="registry-bench-") as home:
        from django.utils import timezone

        from bench import seeds
        from bench.pipelines import asker
        from consent.acts.publish_snapshot import publish_snapshot
        from consent.acts.withdraw import Withdrawing, withdraw
        from consent.models import Snapshot
        from consent.reads.feed import feed_of
        from registry.acts.enrol_person import enrol_person

        pipeline, key = asker()
        seeds.standings(first=1, last=IMAGES)
        seeds.totals(first=1, last=IMAGES)
        person = enrol_person("ines@example.org", at=timezone.now()).person
        images = seeds.images(person, first=IMAGES + 1, last=IMAGES + 1 + 2 * CHANGES)

        def published(changed: slice) -> tuple[float, tuple[Part, ...]]:
            """Seconds, and the parts."""
            if images[changed]:
                withdraw(person, withdrawing=Withdrawing(images[changed]), at=timezone.now())
            began = time.perf_counter()
            parts = publish_snapshot(feed_of(pipeline), clock=timezone.now).parts
            return time.perf_counter() - began, parts

        floor = _read()
        first, parts = published(slice(0))
        one, after_one = published(slice(1))
        many, after_many = published(slice(1, 1 + CHANGES))
        Snapshot.objects.all().delete()  # the client's first sync waits for its own
        client = Client(registry.url, key, registry.log_key, home)
        whole, memory = apart(_synced, client)
        withdraw(person, withdrawing=Withdrawing(images[1 + CHANGES :]), at=timezone.now())
        time.sleep(2)  # until it is published: waiting is not syncing
        changes, _ = apart(_synced, client)
    size = sum(each.bytes for each in parts) / 2**20
    peer = f"reading the same rows ({floor:.1f} s); {len(parts)} parts, {size:,.0f} MiB"
    return [
        Figure("publish", first, "s", peer, first / floor, "", None),
        Figure("publish_one", one, "s", _beside(first, parts, after_one), one / first, "", None),
        Figure("publish_1000", many, "s", _beside(first, after_one, after_many), many / first, "", None),
        Figure("sync_10m_first", whole, "s", f"building included; peak memory {memory:,.0f} MiB", None, "", None),
        Figure("sync_10m", changes, "s", f"its first sync ({whole:.1f} s)", changes / whole, "", None),
    ]


def _beside(whole: float, before: tuple[Part, ...], after: tuple[Part, ...]) -> str:
    anew = len(set(after) - set(before))
    return f"the snapshot of all rows ({whole:.1f} s); {anew} parts made anew"


def _read() -> float:
    from django.db import connection

    began = time.perf_counter()
    with connection.cursor() as cursor, cursor.copy(FLOOR) as copy:
        for _ in copy:
            pass
    return time.perf_counter() - began


def _synced(client: Client) -> tuple[float, float]:
    """Seconds, and the most memory that the process held, in MiB."""
    from consentkit.registry import Registry

    registry = Registry(client.url, client.key, log_key=client.log_key, home=client.home)
    began = time.perf_counter()
    registry.sync()
    return time.perf_counter() - began, most_held()
