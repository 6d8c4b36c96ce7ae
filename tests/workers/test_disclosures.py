"""Workers write down by image what was disclosed, and put each day's root in the log; once, whoever does it."""

import pytest

from consent.acts import unfold as unfolding
from consent.models import DisclosedImage, DisclosureDay
from consent.reads.disclosures import any_to_unfold
from registry.log.recorder import head_size
from service import tasks
from service.celery import app
from tests.threads import together
from tests.world import World


def asked(world: World, times: int) -> None:
    lab, ines = world.pipeline(), world.person("ines")
    for _ in range(times):
        world.asks(lab, world.image(ines), world.image(ines))


def test_workers_at_once_unfold_each_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfolding, "ROWS", 2)
    asked(world, 7)
    assert together(*[tasks.unfold] * 3) == [None] * 3
    tasks.unfold()
    assert DisclosedImage.objects.count() == 14
    assert not any_to_unfold()


def test_the_sweep_finds_what_was_disclosed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(tasks.unfold, "delay", lambda: sent.append("unfold"))
    tasks.sweep()
    asked(world, 1)
    tasks.unfold()
    tasks.sweep()
    assert sent == []
    asked(world, 1)
    tasks.sweep()
    assert sent == ["unfold"]


def test_a_day_is_logged_when_it_is_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.timezone, "now", lambda: world.at)
    asked(world, 3)
    size = head_size()
    world.later(days=1)
    assert together(*[tasks.log_disclosures] * 3) == [None] * 3
    tasks.log_disclosures()
    assert head_size() == size + 1
    assert DisclosureDay.objects.get().count == 3
    world.asks(world.pipeline("other"), world.image(world.person("joan")))
    size = head_size()
    tasks.log_disclosures()  # today is not over
    assert head_size() == size


def test_beat_has_a_day_closed_every_hour() -> None:
    assert app.conf.beat_schedule["disclosures"]["task"] == tasks.log_disclosures.name
