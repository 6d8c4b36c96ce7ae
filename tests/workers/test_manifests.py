"""The look at manifests as a worker does it: whoever is first does it all, and a message too many does nothing."""

from functools import partial
from typing import Any
from uuid import UUID

import pytest

from consent.models import Notification
from consent.reads.lookouts import behind
from service import tasks
from tests.threads import together
from tests.world import World


def attested(world: World, runs: int) -> list[UUID]:
    """Ines' images, in as many runs."""
    lab, ines = world.pipeline(), world.person("ines")
    images = [world.image(ines) for _ in range(3)]
    world.grant(ines)
    for run in range(runs):
        world.attest(lab, *images, name=f"run {run}")
    return images


def test_a_worker_looks_until_nothing_is_left(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "BATCH", 2)
    for image in attested(world, 5):
        world.withdraw(world.person("ines"), [image])
    tasks.look_over()
    assert Notification.objects.count() == 15
    assert behind() is None
    tasks.look_over()
    assert Notification.objects.count() == 15


def test_workers_at_once_tell_it_once(world: World) -> None:
    images = attested(world, 4)
    jobs: list[Any] = [partial(world.withdraw, world.person("ines"), [image]) for image in images]
    assert together(*jobs, *[tasks.look_over] * 3)[3:] == [None] * 3
    tasks.look_over()
    assert Notification.objects.count() == 12
    assert behind() is None


def test_the_sweep_finds_what_a_lost_message_missed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(tasks.look_over, "delay", lambda: sent.append("look_over"))
    monkeypatch.setattr(tasks.protect, "delay", lambda: None)
    attested(world, 1)
    tasks.look_over()
    tasks.sweep()
    assert sent == []
    world.withdraw(world.person("ines"))
    tasks.sweep()
    assert sent == ["look_over"]
