"""`attest`: a training run of ten million rows attested over HTTP, and what of it is affected after a withdrawal.

The act beside its floor: COPY of the same keys and a bare INSERT of the pairs into a table with the same two indexes.
"""

import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.apart import apart
from bench.figure import Figure
from bench.memory import most_held
from bench.publishing import Client
from bench.registry import running

IMAGES: Final = 10_000_000
WITHDRAWN: Final = 10_000
GROUP: Final = 1 << 20
FLOOR: Final = """
    CREATE TABLE floor_pair (manifest bigint, image uuid, PRIMARY KEY (manifest, image), UNIQUE (image, manifest));
    CREATE TEMPORARY TABLE floor_key (key bytea NOT NULL)
"""
PAIRS: Final = """
    INSERT INTO floor_pair SELECT 1, image_id FROM consent_standing
    WHERE sha256 IN (SELECT key FROM floor_key) ORDER BY image_id
"""


def run() -> list[Figure]:
    with running() as registry, tempfile.TemporaryDirectory(prefix="registry-bench-") as folder:
        from django.utils import timezone

        from bench import seeds
        from bench.pipelines import asker
        from consent.acts.withdraw import Withdrawing, withdraw
        from registry.acts.enrol_person import enrol_person

        _, key = asker()
        seeds.standings(first=1, last=IMAGES)
        seeds.totals(first=1, last=IMAGES)
        person = enrol_person("ines@example.org", at=timezone.now()).person
        images = seeds.images(person, first=IMAGES + 1, last=IMAGES + WITHDRAWN)
        _write(Path(folder) / "in.parquet")
        client = Client(registry.url, key, registry.log_key, str(Path(folder) / "home"))
        kept = apart(_filtered, client, folder)
        floor = _floor(IMAGES * 4 // 5)
        taken, memory, number = apart(_attested, client, folder)
        withdraw(person, withdrawing=Withdrawing(images), at=timezone.now())
        asked, found = apart(_affected, client, number)
    if (kept, found) != (IMAGES * 4 // 5, 0):
        raise RuntimeError(f"{kept} rows were kept, {found} are affected")
    peer = f"COPY of the keys and a bare INSERT ({floor:.1f} s); {kept:,} keys, client {memory:,.0f} MiB"
    return [
        Figure("attest", taken, "s", peer, taken / floor, "", None),
        Figure("affected", asked, "s", f"attesting the same ({taken:.1f} s)", asked / taken, "", None),
    ]


def _write(path: Path) -> None:
    from bench import seeds

    with pq.ParquetWriter(path, pa.schema({"sha256": pa.string()})) as out:
        for first in range(1, IMAGES + 1, GROUP):
            keys = seeds.digests(list(range(first, min(first + GROUP, IMAGES + 1))))
            out.write_table(pa.table({"sha256": keys}), row_group_size=GROUP)


def _filtered(client: Client, folder: str) -> int:
    from consentkit import filtered
    from consentkit.filtering import Judge, filter_file
    from consentkit.registry import Registry

    registry = Registry(client.url, client.key, log_key=client.log_key, home=client.home)
    source, out = Path(folder) / "in.parquet", Path(folder) / "out.parquet"
    begun = filtered.Stamp.of(source)
    judge = Judge(registry.sync(), "ai_training", registry.settings.max_age, time.time)
    summary = filter_file(source, out, judge=judge)
    filtered.write(out, source=begun, judge=judge, summary=summary, key=None, scope=None)
    return summary.kept


def _floor(keys: int) -> float:
    from django.db import connection

    from bench import seeds

    permitted = [number for number in range(1, IMAGES + 1) if number % 5 < 4]
    rows = np.frombuffer(bytes.fromhex("".join(seeds.digests(permitted))), np.uint8).reshape(keys, 32)
    with connection.cursor() as cursor:
        cursor.execute(FLOOR)
        began = time.perf_counter()
        with cursor.copy("COPY floor_key FROM STDIN (FORMAT binary)") as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
            head = np.frombuffer(b"\0\1\0\0\0\x20", np.uint8)
            for start in range(0, keys, GROUP):
                some = rows[start : start + GROUP]
                copy.write(np.concatenate([np.tile(head, (len(some), 1)), some], axis=1).tobytes())
            copy.write(b"\xff\xff")
        cursor.execute(PAIRS)
        taken = time.perf_counter() - began
        cursor.execute("DROP TABLE floor_pair, floor_key")
    return taken


def _attested(client: Client, folder: str) -> tuple[float, float, str]:
    """Seconds, the most memory that the client held, in MiB, and the manifest's number."""
    from consentkit.registry import Registry

    registry = Registry(client.url, client.key, log_key=client.log_key, home=client.home)
    began = time.perf_counter()
    done = registry.attest(Path(folder) / "out.parquet.manifest.json", model="bench")
    return time.perf_counter() - began, most_held(), done.manifest


def _affected(client: Client, number: str) -> tuple[float, int]:
    from consentkit.registry import Registry

    registry = Registry(client.url, client.key, log_key=client.log_key, home=client.home)
    began = time.perf_counter()
    found = registry.affected(number)
    return time.perf_counter() - began, len(found)
