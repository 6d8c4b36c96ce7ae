"""Who used my pictures: what a person reads about it."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from pytest_django import Settings

from consent.acts.acknowledge import acknowledge
from consent.acts.disclose import Telling, disclose_feed, disclose_images
from consent.acts.unfold import unfold
from consent.models import Disclosure
from consent.reads.notifications import notifications
from consent.reads.used import used_by
from consent.rules.disclosures import How
from registry.errors import NotFound
from registry.log.recorder import head_size
from registry.models import Entry, Opening
from service import words
from tests.drawn import jpeg
from tests.world import Pipeline, World, altered


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


def unfolded() -> None:
    while unfold():
        pass


def takes_the_list(world: World, pipeline: Pipeline) -> None:
    asker = world.asker(pipeline)
    telling = Telling(How.SNAPSHOT, asker.purposes, asker.audience, head_size())
    disclose_feed(asker.serial, telling=telling, rows=1, at=world.at)


def test_nobody_has_used_them(world: World) -> None:
    image = world.image(world.person("ines"))
    page = read(world, "ines")
    assert "No organisation has asked about a picture of yours, and none has told us that it used one." in page
    assert "Who asked" not in page
    page = read(world, "ines", f"/pictures/{image}")
    assert "No organisation has told us that it used this picture." in page
    assert "No organisation has asked about this picture yet." in page


def test_who_asked_and_who_takes_the_list(world: World) -> None:
    ines, joan, lab = world.person("ines"), world.person("joan"), world.pipeline("Example Lab", purposes=["evaluation"])
    mine, also, other = (world.image(ines) for _ in range(3))
    theirs = world.image(joan)
    world.asks(lab, mine, also, theirs, purpose="evaluation")
    first = words.day(world.at)
    world.later(days=3)
    world.asks(lab, mine, purpose="evaluation")
    assert "Example Lab" not in read(world, "ines")  # within a minute
    unfolded()
    page = read(world, "ines")
    assert "May ask about: testing (research)." in page
    assert f"It asked about 2 of your pictures (testing), first on {first}." in page
    assert "No organisation has told us that it used a picture of yours." in page
    assert f"It asked about 1 of your pictures (testing), first on {first}." in read(world, "joan")
    assert f"It asked about this picture (testing), first on {first}." in read(world, "ines", f"/pictures/{mine}")
    assert "asked about this picture yet" in read(world, "ines", f"/pictures/{other}")
    assert "takes the list" not in page
    takes_the_list(world, lab)
    listed = "It takes the list of what may be used, and of what may not: last on"
    for address in ("/used", f"/pictures/{other}"):
        assert f"{listed} {words.day(world.at)}." in read(world, "ines", address)
    newcomer = world.image(world.person("bob"))
    for address in ("/used", f"/pictures/{newcomer}"):
        assert "Example Lab" not in read(world, "bob", address)  # brought after that list


def test_that_was_asked_and_none_was_used_and_the_other_way_round(world: World) -> None:
    ines, lab = world.person("ines"), world.pipeline("Example Lab")
    image = world.image(ines)
    world.grant(ines)
    world.attest(lab, image)
    page = read(world, "ines")
    assert "Example Lab, for “face-1”" in page
    assert "No organisation has asked about your pictures yet." in page


def test_whether_it_was_found_by_a_copy_or_by_its_digest_is_not_told(world: World) -> None:
    """A copy is only found of what is protected: of a picture that a case suspends, that would tell of the case."""
    ines, lab = world.person("ines"), world.pipeline("Example Lab")
    image, compared = (world.upload(ines, jpeg(seed)) for seed in (1, 2))
    world.asks(lab, image)
    world.case(image=compared)
    world.protect()
    asker = world.asker(lab)
    found = world.match(lab, altered(jpeg(2), mirror=True))
    assert found.images == compared.bytes
    telling = Telling(How.MATCH, ("ai_training",), asker.audience, found.size)
    disclose_images(asker.serial, telling=telling, images=found.images, at=world.at)
    unfolded()
    (one,), (other,) = (used_by(ines, image=each, at=world.at).informed for each in (image, compared))
    assert one == other


def test_somebody_elses_copy_reads_like_any_other_picture(world: World) -> None:
    """That nobody takes a list with it would tell its contributor that the same bytes came from somebody else."""
    content = jpeg(1)
    image = world.image(world.person("ines"), content=content)
    lab = world.pipeline("Example Lab")
    world.grant(world.person("ines"))
    world.asks(lab, image)
    world.attest(lab, image)
    takes_the_list(world, lab)
    unfolded()
    world.later(seconds=5)
    assert world.image(world.person("joan"), content=content) == image
    assert used_by(world.person("ines"), image=image, at=world.at).informed[0].asked is not None
    told = used_by(world.person("joan"), image=image, at=world.at)
    assert (told.runs, told.informed) == ((), ())


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
    (run,) = used_by(ines, at=world.at).runs
    assert (run.told_at, run.outcome) == (None, None)


def test_who_used_a_picture_is_told_to_its_people_alone(world: World) -> None:
    image = world.image(world.person("ines"))
    with pytest.raises(NotFound):
        used_by(world.person("joan"), image=image, at=world.at)


def test_a_key_that_has_ended_can_ask_no_more(world: World, settings: Settings) -> None:
    ines, lab = world.person("ines"), world.pipeline("Example Lab")
    world.asks(lab, world.image(ines))
    unfolded()
    assert used_by(ines, at=world.at).informed[0].purposes != ()
    (told,) = used_by(ines, at=world.at + timedelta(days=4_000)).informed
    assert told.purposes == ()
    assert words.may_ask(told) == "It can ask no more."
    assert told.asked is not None


def test_who_took_the_list_before_a_picture_came_was_not_told_of_it(world: World) -> None:
    """Just before: the list is true at the very size at which the picture's entry stands."""
    ines, lab = world.person("ines"), world.pipeline("Example Lab")
    takes_the_list(world, lab)
    newest = Disclosure.objects.latest("serial")
    image = world.image(ines, registered=False)
    acts = Opening.objects.filter(image=image).values("act")
    assert Entry.objects.filter(act__in=acts).earliest("index").index == newest.size
    assert used_by(ines, at=world.at).informed == ()
