"""What is lost when a process is killed: time, and nothing else."""

import os
import signal
from functools import partial

import pytest
import redis
from PIL import Image

from consentkit.notes import Verifier
from consentkit.receipts import verify
from tests.drawn import file, jpeg, portrait
from tests.processes.registry import Caller, Registry, command, eventually

CLAIM_AND_SWEEP = 75  # seconds: a claim ends after 30, a sweep comes every 15; the rest is starting and decoding


def has(caller: Caller, path: str) -> bool:
    return caller.get(path).status == 200


def excludes(lab: Caller, image: str) -> bool:
    """Whether it answers already: each process that serves finds out by itself that the database is back, and says 503
    until then. What it answers is never anything else than *excluded*.
    """
    said = lab.post("/api/v1/checks", {"purpose": "ai_training", "by": "image", "keys": [image]})
    if said.status == 503:
        return False
    assert said.status == 200, said.body
    assert [decided["decision"] for decided in said.json()["decisions"]] == ["excluded"]
    return True


def test_the_story_with_nobody_killed(live: Registry) -> None:
    ines, lab = live.person("ines"), live.pipeline()
    image = ines.bring(jpeg(seed=1))
    eventually(lambda: live.row(image)[0] == "registered", within=30)
    eventually(lambda: ines.grant().status == 201, within=10)
    assert lab.decisions(image) == ["permitted"]
    taken = ines.withdraw()
    assert taken.status == 201
    assert lab.decisions(image) == ["excluded"]
    receipt = taken.json()["receipt"]
    eventually(lambda: ines.get(receipt).status == 200, within=5)
    proved = verify(ines.get(receipt).body, Verifier.parse(live.log_key))
    assert (proved.index, proved.kind) == (taken.json()["index"], "withdrawn")
    assert [item["image"] for item in proved.items] == [image]


def test_a_worker_killed_in_the_midst_of_a_picture(live: Registry) -> None:
    """The claim ends by itself, and the sweep gives the picture to the next worker."""
    kim = live.person("kim")
    large = file(portrait(seed=2).resize((5600, 7000), Image.Resampling.BICUBIC), "PNG", compress_level=1)
    image = kim.bring(large)
    eventually(lambda: live.row(image)[2], within=20, every=0.01)
    os.killpg(live.child("celery", "worker"), signal.SIGKILL)
    assert live.row(image) == ("submitted", 1, True)
    eventually(lambda: live.row(image)[0] == "registered", within=CLAIM_AND_SWEEP)
    assert live.row(image)[1] == 2


def test_a_message_that_was_lost(live: Registry) -> None:
    """The broker forgets everything and the worker dies: the picture's own state is the queue."""
    lee = live.person("lee")
    worker = live.child("celery", "worker")
    os.killpg(worker, signal.SIGSTOP)
    image = lee.bring(jpeg(seed=3))
    with redis.Redis(unix_socket_path=str(live.home / "run" / "broker.sock")) as broker:
        broker.flushall()
    os.killpg(worker, signal.SIGKILL)
    assert live.row(image)[0] == "submitted"
    eventually(lambda: live.row(image)[0] == "registered", within=45)


def test_a_publisher_that_was_killed_is_back_in_seconds(live: Registry) -> None:
    olu = live.person("olu")
    os.kill(live.child("manage.py", "publish"), signal.SIGKILL)
    taken = olu.withdraw()
    assert taken.status == 201
    eventually(lambda: olu.get(taken.json()["receipt"]).status == 200, within=15)


def test_a_withdrawal_outlives_the_database_server(live: Registry) -> None:
    """kill -9 right after 201: the withdrawal is there when the server is back (I2)."""
    mia, lab = live.person("mia"), live.pipeline()
    image = mia.bring(jpeg(seed=44))
    eventually(lambda: live.row(image)[0] == "registered", within=30)
    for _ in range(2):
        eventually(lambda: mia.grant().status == 201, within=20)
        assert lab.decisions(image) == ["permitted"]
        taken = mia.withdraw()
        os.kill(live.postmaster(), signal.SIGKILL)
        assert taken.status == 201
        eventually(lambda: mia.get("/api/v1/me/images").status == 200, within=40)
        eventually(partial(excludes, lab, image), within=40)
        receipt = taken.json()["receipt"]
        eventually(partial(has, mia, receipt), within=20)
        proved = verify(mia.get(receipt).body, Verifier.parse(live.log_key))
        assert proved.kind == "withdrawn"
    assert "equal" in live.manage("fsck")


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP])
def test_withdrawing_needs_no_broker(live: Registry, fault: signal.Signals) -> None:
    """Dead or hung (law 9, I5): people bring, permit and withdraw as always."""
    nia = live.person(f"nia{int(fault)}")
    broker = live.child("valkey", str(live.home))
    os.kill(broker, fault)
    try:
        image = nia.bring(jpeg(seed=5 + int(fault)))
        taken = nia.withdraw()
    finally:
        if fault is signal.SIGSTOP:
            os.kill(broker, signal.SIGCONT)
    assert taken.status == 201
    assert taken.seconds < 1
    eventually(lambda: live.row(image)[0] == "registered", within=60)


def test_a_second_registry_on_the_same_home_refuses_to_start(live: Registry) -> None:
    done = command("serve", "--port", "1", "--bare", "--home", str(live.home))
    assert done.returncode != 0
    assert "in use" in done.stderr
    assert (live.home / "run.json").exists()
