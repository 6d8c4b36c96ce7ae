"""What a pipeline attested, through a whole registry: how soon it is told, and what is lost when a worker is killed."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from consent.models.notifications import LOCK
from consentkit.filtered import Stamp, beside, write
from consentkit.filtering import Judge, filter_file
from consentkit.registry import Registry as Client
from tests.drawn import jpeg
from tests.processes.registry import Caller, Registry, eventually

SOON = 30  # seconds; a worker that was told needs less than one on an idle machine
SWEEP = 75  # a sweep comes every 15; the rest is starting


def attested(live: Registry, tmp_path: Path, seed: int) -> tuple[Caller, Client, str]:
    """Somebody's granted picture, filtered and attested by the client; the manifest's number."""
    person, lab = live.person(f"person-{seed}"), live.pipeline(f"lab-{seed}")
    image = person.bring(jpeg(seed))
    eventually(lambda: live.row(image)[0] == "registered", within=SOON)
    eventually(lambda: person.grant().status == 201, within=SOON)
    client = Client(live.url, lab.secret, log_key=live.log_key, home=tmp_path / "home")
    source, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    ((digest,),) = live.rows("SELECT encode(sha256, 'hex') FROM registry_image WHERE id = %s", image)
    pq.write_table(pa.table({"sha256": [digest, "00" * 32]}), source)
    judge, stamp = Judge(client.sync(), "ai_training", 86_400, time.time), Stamp.of(source)
    summary = filter_file(source, out, judge=judge)
    assert summary.kept == 1
    write(out, source=stamp, judge=judge, summary=summary, key=None, scope=None)
    done = client.attest(beside(out), model="face-1")
    assert done.receipt is not None
    assert client.affected(done.manifest) == []
    return person, client, done.manifest


def told(client: Client) -> list[Any]:
    return [(each.manifest, each.count) for each in client.notifications()]  # type: ignore[union-attr] # no deposits


def test_a_withdrawal_is_told_at_once(live: Registry, tmp_path: Path) -> None:
    person, client, manifest = attested(live, tmp_path, 31)
    assert person.withdraw().status == 201
    assert [each.reason for each in client.affected(manifest)] == ["remove"]
    took = eventually(lambda: told(client) == [(manifest, 1)], within=SOON, every=0.02)
    sys.stdout.write(f"told {took:.2f} s after the withdrawal was acknowledged\n")
    (word,) = client.notifications()
    client.answer(word.id, outcome="retrained")
    assert [each.outcome for each in client.notifications()] == ["retrained"]


def test_a_worker_killed_in_the_midst_of_a_look(live: Registry, tmp_path: Path) -> None:
    """It waits for its turn to notify, and dies there: the next finds all as it was, and tells it once."""
    person, client, manifest = attested(live, tmp_path, 33)
    waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"
    with live.link() as link:
        link.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        assert person.withdraw().status == 201
        eventually(lambda: bool(live.rows(waits, LOCK & 0xFFFFFFFF)), within=SOON)
        os.killpg(live.child("celery", "worker"), signal.SIGKILL)
    eventually(lambda: told(client) == [(manifest, 1)], within=SWEEP)
