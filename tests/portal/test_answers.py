"""Who has answered and who is late, as a steward sees it; a browser looks at the same page elsewhere."""

import re
import secrets
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from pytest_django import Settings

from consent.acts.acknowledge import acknowledge
from consent.acts.acknowledge_sync import acknowledge_sync
from consent.acts.deliver import Answered, settle, take
from consent.acts.enrol_webhook import enrol_webhook
from consent.acts.notify import notify
from consent.models import Notification
from consent.reads.answers import Show, answers
from consent.rules.endpoints import Reach
from consent.rules.likeness import Sighting
from registry.acts.enrol_steward import enrol_steward
from tests.world import Pipeline, World


@pytest.fixture(autouse=True)
def static(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()


@pytest.fixture
def sam(world: World) -> Client:
    account, _ = enrol_steward("sam@registry.example", secret=secrets.token_urlsafe(32), at=world.at)
    client = Client()
    client.force_login(get_user_model().objects.get(pk=account))
    return client


def told(world: World, lab: Pipeline, *keys: str, image: UUID | None = None) -> None:
    image = image or world.image(world.person("ines"))
    notify([Sighting(world.asker(lab).serial, key, image, 5, "none") for key in keys], at=world.at)


def answer(world: World, lab: Pipeline, key: str, outcome: str) -> None:
    number = Notification.objects.get(key=key).id
    acknowledge(number, pipeline=world.asker(lab).serial, outcome=outcome, at=world.at)


def counts(world: World) -> dict[str, tuple[int, int, int]]:
    found = answers(show=Show.ALL, pipeline=None, at=world.at, limit=1)
    return {each.name: (each.late, each.waiting, each.answered) for each in found.organisations}


def test_late_is_who_has_not_answered_within_fourteen_days(world: World) -> None:
    quick, slow = world.pipeline("quick"), world.pipeline("slow")
    told(world, quick, "a", "b")
    told(world, slow, "c", "d")
    world.later(days=14)
    answer(world, quick, "a", "deleted")
    assert counts(world) == {"quick": (0, 1, 1), "slow": (0, 2, 0)}
    world.later(seconds=1)
    assert list(counts(world).items()) == [("slow", (2, 0, 0)), ("quick", (1, 0, 1))]
    answer(world, slow, "c", "exempt")
    assert counts(world)["slow"] == (1, 0, 1)


def test_a_withdrawal_from_an_attested_run_is_one_of_them(world: World) -> None:
    lab, ines = world.pipeline(), world.person("ines")
    images = [world.image(ines) for _ in range(2)]
    world.grant(ines)
    world.attest(lab, *images, model="face-1")
    world.withdraw(ines)
    world.look_over()
    (word,) = answers(show=Show.WAITING, pipeline=lab.id, at=world.at, limit=5).words
    assert (word.kind, word.images, word.model, word.received) == ("manifest", 2, "face-1", False)
    assert word.due_at == word.created_at + timedelta(days=14)


def test_what_a_webhook_received_is_said(world: World) -> None:
    lab = world.pipeline()
    told(world, lab, "a")
    enrol_webhook(str(lab.id), url="https://hooks.example/", reach=Reach(), at=world.at)
    owed = take(at=world.at)
    assert owed is not None
    settle(owed, Answered(200), chance=0, at=world.at)
    told(world, lab, "b")
    words = answers(show=Show.ALL, pipeline=None, at=world.at, limit=5).words
    assert [word.received for word in words] == [True, False]


def test_pages_miss_nothing(world: World) -> None:
    lab = world.pipeline()
    told(world, lab, *map(str, range(7)))
    pages = [answers(show=Show.ALL, pipeline=None, at=world.at, after=after, limit=3) for after in (0, 3, 6)]
    assert [(len(page.words), page.more) for page in pages] == [(3, True), (3, True), (1, False)]


def test_the_page_filters_and_counts(world: World, sam: Client) -> None:
    assert "No pipeline was told anything yet." in read(sam, "/desk/answers")
    quick, slow, image = world.pipeline("quick"), world.pipeline("slow"), world.image(world.person("ines"))
    world.at -= timedelta(days=20)
    told(world, slow, "c", image=image)
    world.later(days=20)
    told(world, quick, "a", "b", image=image)
    answer(world, quick, "a", "retrained")
    page = read(sam, "/desk/answers")
    assert "1 answer is late." in page
    assert "Overdue by 6 days" in page
    assert "Model trained anew" in page
    assert re.findall(r"(All|Late|Waiting, in time|Answered) \((\d)\)", page) == [
        ("All", "3"),
        ("Late", "1"),
        ("Waiting, in time", "1"),
        ("Answered", "1"),
    ]
    late = read(sam, "/desk/answers?show=late")
    assert "Overdue by 6 days" in late
    assert "Due in" not in late
    assert "Nothing here." in read(sam, f"/desk/answers?show=late&pipeline={quick.id}")
    for nonsense in ("show=x", "pipeline=x", "page=-1", "page=99999", "page=\u0663"):
        read(sam, f"/desk/answers?{nonsense}")
    assert Client().get("/desk/answers").status_code == 302


def read(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_picture_says_how_many_know_that_it_was_stopped(world: World) -> None:
    """Until then nothing is said, and nothing once it is allowed again."""
    ines = world.person("ines")
    image = world.image(ines)
    labs = [world.pipeline(f"lab {number}") for number in range(3)]
    client = Client()
    client.force_login(get_user_model().objects.get(email="ines@example.org"))
    world.grant(ines)
    assert "organisation" not in spread(client, image)
    index = world.withdraw(ines).index
    assert "0 of 3 organisations updated" in spread(client, image)
    for lab in labs[:2]:
        acknowledge_sync(world.asker(lab).serial, size=index + 1)
    assert "2 of 3 organisations updated" in spread(client, image)
    world.grant(ines)
    assert "updated" not in spread(client, image)


def spread(client: Client, image: UUID) -> str:
    """The page's words before who used it."""
    return read(client, f"/pictures/{image}").partition("Who used it")[0]
