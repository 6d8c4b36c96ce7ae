"""What is recorded is what was on the screen: two windows, an altered form, a picture that comes meanwhile (law 12)."""

import re
from pathlib import Path
from uuid import UUID

import pytest
from django.test import Client
from pytest_django import Settings

from consent.acts.publish_notice import publish_notice
from consent.models import Grant, GrantLine
from registry.models import Person
from tests.world import NOTICE, World


@pytest.fixture(autouse=True)
def static(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()


@pytest.fixture
def browser(world: World) -> Client:
    client = Client()
    account = Person.objects.get(id=world.person("ines")).account
    assert account is not None
    client.force_login(account)
    return client


def to_the_check(browser: Client, pictures: str, *, purposes: list[str], audience: str = "research") -> str:
    """Walk the steps in a window of its own; the address of its last page."""
    begun = browser.get(f"/allow?{pictures}")
    flow = begun.url.removesuffix("/notice")  # type: ignore[attr-defined]
    page = browser.get(begun.url).content.decode()  # type: ignore[attr-defined]
    (notice,) = re.findall(r'name="notice" value="([^"]+)"', page)
    browser.post(f"{flow}/notice", {"notice": notice})
    browser.post(f"{flow}/purposes", {"purposes": purposes})
    browser.post(f"{flow}/audience", {"audience": audience})
    browser.post(f"{flow}/until", {"until": "longest"})
    return f"{flow}/check"


def shown(browser: Client, check: str) -> str:
    (digest,) = re.findall(r'name="shown" value="([0-9a-f]{64})"', browser.get(check).content.decode())
    return str(digest)


def test_two_windows_do_not_mix(world: World, browser: Client) -> None:
    ines = world.person("ines")
    one, *others = [world.image(ines) for _ in range(6)]
    world.publish()
    first = to_the_check(browser, f"pictures={one}", purposes=["evaluation"])
    digest = shown(browser, first)
    to_the_check(browser, "pictures=all", purposes=["ai_training", "ai_generative_training"], audience="commercial")
    assert browser.post(first, {"shown": digest}).status_code == 302
    (grant,) = Grant.objects.all()
    assert grant.audience == "research"
    assert set(GrantLine.objects.values_list("image", "purpose")) == {(one, 4)}
    assert others


def test_the_same_flow_changed_elsewhere_is_refused_and_shown_anew(world: World, browser: Client) -> None:
    image = world.image(world.person("ines"))
    world.publish()
    check = to_the_check(browser, f"pictures={image}", purposes=["evaluation"])
    digest = shown(browser, check)
    browser.post(check.replace("/check", "/purposes"), {"purposes": ["evaluation", "ai_training"]})
    refused = browser.post(check, {"shown": digest})
    assert refused.status_code == 409
    assert "Look at it once more" in refused.content.decode()
    assert not Grant.objects.exists()
    (now,) = re.findall(r'name="shown" value="([0-9a-f]{64})"', refused.content.decode())
    assert browser.post(check, {"shown": now}).status_code == 302


@pytest.mark.parametrize("digest", ["", "00" * 32, "no hex"])
def test_a_form_without_what_was_shown_allows_nothing(world: World, browser: Client, digest: str) -> None:
    image = world.image(world.person("ines"))
    world.publish()
    check = to_the_check(browser, f"pictures={image}", purposes=["evaluation"])
    assert browser.post(check, {"shown": digest}).status_code == 409
    assert not Grant.objects.exists()


def test_all_are_the_pictures_that_were_listed(world: World, browser: Client) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    world.publish()
    check = to_the_check(browser, "pictures=all", purposes=["evaluation"])
    digest = shown(browser, check)
    world.later(seconds=1)
    world.image(ines)  # in another window
    assert browser.post(check, {"shown": digest}).status_code == 302
    assert set(GrantLine.objects.values_list("image", flat=True)) == {image}


def test_a_notice_that_changed_meanwhile_is_read_first(world: World, browser: Client) -> None:
    image = world.image(world.person("ines"))
    world.publish()
    check = to_the_check(browser, f"pictures={image}", purposes=["evaluation"])
    publish_notice(world.collection, text=NOTICE, at=world.at)
    world.publish()
    refused = browser.post(check, {"shown": shown(browser, check)})
    assert refused.status_code == 409
    assert "Read the notice that holds now" in refused.content.decode()


def test_a_double_click_is_one_act(world: World, browser: Client) -> None:
    image = world.image(world.person("ines"))
    world.publish()
    check = to_the_check(browser, f"pictures={image}", purposes=["evaluation"])
    digest = shown(browser, check)
    assert {browser.post(check, {"shown": digest}).status_code for _ in range(2)} == {302}
    assert Grant.objects.count() == 1


def test_what_was_said_about_a_picture_is_corrected_on_its_page(world: World, browser: Client) -> None:
    image = world.image(world.person("ines"), depicts="self unknown")
    assert "me, people I don’t know" in browser.get(f"/pictures/{image}").content.decode()
    page = f"/pictures/{image}/correct"
    assert browser.get(page).content.decode().count(" checked") == 2
    assert browser.post(page, {}).status_code == 422
    assert browser.post(page, {"depicts": ["nobody", "self"]}).status_code == 422
    assert browser.post(page, {"depicts": ["self", "others"], "addresses": "jo@example.org"}).status_code == 302
    assert "me, jo@example.org" in browser.get(f"/pictures/{image}").content.decode()
    foreign = world.image(world.person("joan"))
    for number in (foreign, UUID(int=7)):
        assert browser.get(f"/pictures/{number}/correct").status_code == 404
        assert browser.post(f"/pictures/{number}/correct", {"depicts": ["self"]}).status_code == 404
