"""Sign-ins and apps: what acts in somebody's name is listed, never by value, and ended by its owner, at once."""

import re
import secrets
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.base import UpdateError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from registry.acts.enrol_steward import enrol_steward
from registry.acts.forget_sessions import forget_sessions
from registry.acts.remove_steward import remove_steward
from registry.acts.revoke_steward_token import revoke_steward_token
from registry.log.recorder import head_size
from registry.models import Session
from registry.reads.people import bearer
from registry.reads.secrets import sessions_of, tokens_of
from service import tasks
from service.sign_in import browser
from tests.world import World

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/143.0 Safari/537.36 Edg/143.0"
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile Safari/604.1"


@pytest.fixture(autouse=True)
def static(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()


def signed_in(world: World, name: str) -> Client:
    """A browser of this person's."""
    world.person(name)
    client = Client(raise_request_exception=False)
    client.force_login(get_user_model().objects.get(email=f"{name}@example.org"))
    return client


def page(client: Client) -> str:
    answer = client.get("/access")
    assert answer.status_code == 200
    return str(answer.content.decode())


def in_there(client: Client) -> bool:
    return client.get("/pictures").status_code == 200


def numbers(html: str, field: str) -> list[str]:
    return [each for each in re.findall(f'name="{field}" value="([^"]+)"', html) if each != "all"]


def test_another_session_is_ended_at_once_and_this_one_stays(world: World) -> None:
    here, there, stranger = signed_in(world, "ines"), signed_in(world, "ines"), signed_in(world, "tom")
    size = head_size()
    (number,) = numbers(page(here), "session")
    assert here.post("/access/sessions/end", {"session": number}).status_code == 302
    assert (in_there(here), in_there(there), in_there(stranger)) == (True, False, True)
    assert head_size() == size + 1
    assert numbers(page(here), "session") == []
    assert here.post("/access/sessions/end", {"session": number}).status_code == 404


def test_all_other_sessions_are_ended(world: World) -> None:
    here, *there = [signed_in(world, "ines") for _ in range(4)]
    stranger = signed_in(world, "tom")
    assert "Sign out everywhere else" in page(here)
    here.post("/access/sessions/end", {"session": "all"})
    assert in_there(here)
    assert in_there(stranger)
    assert not any(map(in_there, there))
    assert "Sign out everywhere else" not in page(here)
    size = head_size()
    here.post("/access/sessions/end", {"session": "all"})
    assert head_size() == size, "there was none left"


def test_a_session_that_was_ended_is_not_written_again(world: World) -> None:
    """A request that was under way saves its session after the end: that brings nothing back."""
    here, there = signed_in(world, "ines"), signed_in(world, "ines")
    late = there.session
    assert late.keys(), "it was read before the end"
    here.post("/access/sessions/end", {"session": "all"})
    late["stopped"] = {}
    with pytest.raises(UpdateError):
        late.save()
    assert not in_there(there)


@pytest.mark.parametrize("path", ["sessions", "tokens"])
def test_nobody_ends_what_is_somebody_elses(world: World, path: str) -> None:
    ines, tom = signed_in(world, "ines"), signed_in(world, "tom")
    token = world.token(world.person("ines"))
    page(ines)
    (session,) = sessions_of(world.person("ines"), at=timezone.now())
    (held,) = tokens_of(world.person("ines"), at=timezone.now())
    number = {"sessions": session.number, "tokens": held.id}[path]
    size = head_size()
    for sent in (number, UUID(int=1), "", "x"):
        answer = tom.post(f"/access/{path}/end", {path[:-1]: str(sent)})
        assert answer.status_code == 404
    tom.post(f"/access/{path}/end", {path[:-1]: "all"})
    assert head_size() == size
    assert in_there(ines)
    assert bearer(token, at=timezone.now()) is not None


def test_a_token_is_made_shown_once_and_ended(world: World) -> None:
    here = signed_in(world, "ines")
    made = here.post("/access/tokens/add", {"label": "my <b>phone"})
    assert made.status_code == 201
    assert "no-store" in made.headers["Cache-Control"]
    (token,) = re.findall(r"crp_[A-Za-z0-9_-]{40,}", made.content.decode())
    assert bearer(token, at=timezone.now()) is not None
    again = page(here)
    assert token not in again
    assert "my &lt;b&gt;phone" in again
    assert here.post("/access/tokens/add", {"label": "my <b>phone"}).status_code == 409
    for wrong in ("", "x" * 61, "a\x07b"):
        assert here.post("/access/tokens/add", {"label": wrong}).status_code == 422
    (number,) = numbers(again, "token")
    here.post("/access/tokens/end", {"token": number})
    assert bearer(token, at=timezone.now()) is None
    assert "ended by hand" in page(here)
    assert "No app has a token of yours." in page(here)


def test_the_page_shows_no_value(world: World) -> None:
    here, there = signed_in(world, "ines"), signed_in(world, "ines")
    token = world.token(world.person("ines"))
    shown = page(here)
    for client in (here, there):
        assert client.session.session_key not in shown
    assert token not in shown
    assert Session.objects.filter(account__isnull=False).count() == 2


def test_it_says_which_browser_and_only_which(world: World) -> None:
    assert [browser(each) for each in (FIREFOX, EDGE, PHONE, "curl/8", "")] == [
        "Firefox, Linux",
        "Edge, Windows",
        "Safari, iPhone",
        "",
        "",
    ]


def test_a_removed_steward_finds_no_desk_with_the_next_request(world: World) -> None:
    account, _ = enrol_steward("sam@registry.example", secret=secrets.token_urlsafe(32), at=world.at)
    desk, again = Client(), Client()
    desk.force_login(get_user_model().objects.get(pk=account))
    assert desk.get("/desk/").status_code == 200
    remove_steward("sam@registry.example", at=timezone.now())
    assert desk.get("/desk/").status_code == 302, "signed out"
    again.force_login(get_user_model().objects.get(pk=account))
    assert again.get("/desk/").status_code == 404
    assert again.get("/desk/closed").status_code == 404


def test_sessions_of_a_stewards_token_end_with_it(world: World) -> None:
    secret = secrets.token_urlsafe(32)
    enrol_steward("sam@registry.example", secret=secret, at=timezone.now())
    desk = Client()
    assert desk.post("/desk/sign-in", {"token": secret}).status_code == 302
    assert desk.get("/desk/").status_code == 200
    revoke_steward_token("sam@registry.example", label="token-1", at=timezone.now())
    assert desk.get("/desk/").status_code == 302
    assert desk.post("/desk/sign-in", {"token": secret}).status_code == 422


def test_a_session_outlives_a_change_of_the_servers_secret(world: World, settings: Settings) -> None:
    here, former = signed_in(world, "ines"), settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = secrets.token_urlsafe(48), [former]
    assert in_there(here)
    settings.SECRET_KEY_FALLBACKS = []
    assert in_there(here), "the first request wrote it anew"
    settings.SECRET_KEY = secrets.token_urlsafe(48)
    assert not in_there(here)


def test_sessions_whose_time_is_over_are_forgotten(world: World) -> None:
    here = signed_in(world, "ines")
    tasks.tidy()
    assert in_there(here)
    assert forget_sessions(at=timezone.now() + timedelta(hours=9)) == 1
    assert Session.objects.count() == 0
