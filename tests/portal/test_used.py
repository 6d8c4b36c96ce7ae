"""Who used my pictures: what a person reads about it."""

from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from pytest_django import Settings

from consent.acts.acknowledge import acknowledge
from consent.reads.notifications import notifications
from consent.reads.used import used_by
from registry.errors import NotFound
from tests.world import World


@pytest.fixture(autouse=True)
def static(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()


def read(world: World, name: str, address: str = "/used") -> str:
    client = Client()
    client.force_login(get_user_model().objects.get(email=f"{name}@example.org"))
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_nobody_has_used_them(world: World) -> None:
    image = world.image(world.person("ines"))
    assert "No organisation has told us that it used a picture of yours." in read(world, "ines")
    assert "No organisation has told us that it used this picture." in read(world, "ines", f"/pictures/{image}")


def test_what_was_trained_and_what_was_answered(world: World) -> None:
    ines, joan, lab = world.person("ines"), world.person("joan"), world.pipeline("Example Lab")
    mine, also, theirs = world.image(ines), world.image(ines), world.image(joan)
    for person in (ines, joan):
        world.grant(person)
    world.attest(lab, mine, also, theirs)
    page = read(world, "ines")
    assert "Example Lab, for “face-1” (" in page
    assert "2 pictures." in page
    assert "1 picture." in read(world, "joan")
    assert "Told on" not in page
    world.withdraw(ines, [mine])
    world.look_over()
    assert "It has not answered yet." in read(world, "ines")
    (word,) = notifications(world.asker(lab), after=0, limit=9).notifications
    acknowledge(word.id, pipeline=world.asker(lab).serial, outcome="retrained", at=world.at)
    assert "It answered: made again without your pictures." in read(world, "ines")
    assert "It answered" in read(world, "ines", f"/pictures/{mine}")
    for untouched in (read(world, "joan"), read(world, "ines", f"/pictures/{also}")):
        assert "Told on" not in untouched


def test_that_a_picture_is_compared_is_not_told(world: World) -> None:
    ines, lab = world.person("ines"), world.pipeline("Example Lab")
    image = world.image(ines)
    world.grant(ines)
    world.attest(lab, image)
    world.case(image=image)
    assert world.look_over() == 1
    (run,) = used_by(ines).runs
    assert (run.told_at, run.outcome) == (None, None)


def test_who_used_a_picture_is_told_to_its_people_alone(world: World) -> None:
    image = world.image(world.person("ines"))
    with pytest.raises(NotFound):
        used_by(world.person("joan"), image=image)
