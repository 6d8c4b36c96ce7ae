"""Making a collection public: before the first image, once, and people are told."""

from pathlib import Path
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from consent.reads.notices import current_notice
from registry.acts.make_public import make_public
from registry.errors import CollectionHasImages, CollectionNotPublic, CollectionUnclear, NotFound
from registry.log.recorder import head_size
from registry.models import Collection, Image
from registry.reads.collections import public_collection
from tests.mirror.conftest import publishing
from tests.threads import together
from tests.world import World, opened_collection


def test_it_is_one_entry_once(world: World) -> None:
    before = head_size()
    with pytest.raises(CollectionNotPublic):
        public_collection(None)
    done = make_public(None, at=world.at)
    assert done is not None
    assert (done.index, head_size()) == (before, before + 1)
    assert public_collection(None) == world.collection
    assert current_notice().public
    assert make_public(world.collection, at=world.at) is None
    assert head_size() == before + 1


def test_not_after_the_first_image(world: World) -> None:
    world.image(world.person("ines"))
    before = head_size()
    with pytest.raises(CollectionHasImages):
        make_public(None, at=world.at)
    assert (head_size(), Collection.objects.get().public) == (before, False)


def test_an_image_that_comes_at_the_same_moment(world: World) -> None:
    """Either it came first and the collection stays as it was, or its people could have read that it is public. The
    checker holds the log's order against that.
    """
    ines = world.person("ines")
    for _ in range(20):
        collection = opened_collection("Another", at=world.at)
        image, done = together(
            lambda c=collection: world.image(ines, collection=c), lambda c=collection: make_public(c, at=world.at)
        )
        assert not isinstance(image, Exception)
        public = Collection.objects.get(id=collection).public
        assert public == (not isinstance(done, CollectionHasImages))


def test_which_one_is_meant(world: World) -> None:
    opened_collection("Another", at=world.at)
    with pytest.raises(CollectionUnclear):
        make_public(None, at=world.at)
    with pytest.raises(NotFound):
        make_public(uuid4(), at=world.at)


def test_the_commands(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="not public"):
        call_command("publish", "--static", tmp_path / "feed", "--once")
    assert not (tmp_path / "feed").exists()
    call_command("collection", "public")
    call_command("collection", "public")
    call_command("collection", "list")
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith("Public, by entry")
    assert (second, third) == ("It is public already.", f"{world.collection}  public  Faces")
    with pytest.raises(CommandError, match="for --static DIR"):
        call_command("publish", "--once", "--audience", "research")
    with publishing():
        call_command("publish", "--static", tmp_path / "feed", "--once")
    assert "written at size" in capsys.readouterr().out
    world.image(world.person("ines"))
    with pytest.raises(CommandError, match="holds the feed of"):
        call_command("publish", "--static", tmp_path / "feed", "--once", "--audience", "commercial")


def test_people_are_told_before_they_add_and_before_they_agree(
    world: World, settings: Settings, tmp_path: Path
) -> None:
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()
    client = Client()
    world.person("ines")
    client.force_login(get_user_model().objects.get(email="ines@example.org"))
    assert "Everybody can read the list" not in client.get("/pictures/add").content.decode()
    make_public(None, at=world.at)
    assert "Everybody can read the list" in client.get("/pictures/add").content.decode()
    world.image(world.person("ines"))
    read = client.get("/allow?pictures=all", follow=True).content.decode()
    assert "Who can read the list" in read
    assert client.get("/api/v1/notices/current").json()["public"] is True
    assert "Everybody can read the list that your pictures are in" in client.get("/used").content.decode()
    (image,) = Image.objects.values_list("id", flat=True)
    assert "Everybody can read the list that this picture is in" in client.get(f"/pictures/{image}").content.decode()
