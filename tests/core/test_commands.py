"""Commands beside a running server: what they refuse, they refuse in one line."""

import re
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from consent.reads.pipelines import Asker, pipeline_of_key
from registry.log import publisher
from registry.log.recorder import head_size
from registry.models import Account
from registry.reads.people import bearer, steward_of_token
from tests import threads
from tests.world import World

NO_ADDRESSES = ["nobody", "", "a@b@example.org", "a b@example.org", f"{'a' * 243}@example.org", "\u0130@example.org"]


@pytest.mark.parametrize("command", ["person", "steward"])
@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_only_addresses_are_enrolled(world: World, command: str, text: str) -> None:
    before = head_size()
    with pytest.raises(CommandError, match="is not an e-mail address"):
        call_command(command, "add", text)
    assert (head_size(), Account.objects.count()) == (before, 0)


@pytest.mark.parametrize("command", ["person", "steward"])
def test_an_address_is_enrolled(world: World, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    call_command(command, "add", "Ines@example.org")
    assert len(capsys.readouterr().out.split()[-1]) > 40
    assert Account.objects.get().email == "ines@example.org"


def test_publishing_once_beside_a_publisher_is_refused(world: World) -> None:
    """It would wait for as long as the other runs."""
    world.person("ines")
    before = publisher.latest()
    with psycopg.connect(**threads._parameters(), autocommit=True) as running:
        running.execute("SELECT pg_advisory_lock(%s)", [publisher.ADVISORY_LOCK])
        with pytest.raises(CommandError, match="Another publisher is running"):
            call_command("publish", "--once")
    assert publisher.latest() == before
    call_command("publish", "--once")
    latest = publisher.latest()
    assert latest is not None
    assert latest.size == head_size()


def run(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    call_command(*words)
    return capsys.readouterr().out


def test_an_operator_replaces_a_pipelines_key(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    former = run(capsys, "pipeline", "add", "Face lab", "--purpose", "ai_training").split()[-1]
    with pytest.raises(CommandError, match="pipeline key add"):
        call_command("pipeline", "add", "Face lab", "--purpose", "ai_training")
    fresh = run(capsys, "pipeline", "key", "add", "Face lab", "--label", "2027").split()[-1]
    at = timezone.now()
    assert pipeline_of_key(former, at=at) == replace_end(pipeline_of_key(fresh, at=at), pipeline_of_key(former, at=at))
    run(capsys, "pipeline", "key", "revoke", "Face lab", "key-1")
    assert pipeline_of_key(former, at=timezone.now()) is None
    listed = run(capsys, "pipeline", "key", "list", "Face lab")
    assert re.findall(r"^(\S+)  .*?(revoked|in force)", listed, re.M) == [("2027", "in force"), ("key-1", "revoked")]
    assert fresh not in listed
    assert "in force until" in run(capsys, "pipeline", "list")
    run(capsys, "pipeline", "disable", "Face lab")
    assert "disabled" in run(capsys, "pipeline", "list")
    assert pipeline_of_key(fresh, at=timezone.now()) is None
    for words in (["disable", "nobody"], ["key", "list", "nobody"], ["key", "revoke", "Face lab", "key-1"]):
        with pytest.raises(CommandError):
            call_command("pipeline", *words)


def replace_end(of: Asker | None, like: Asker | None) -> Asker | None:
    """The same asker, with the end of another key."""
    assert of is not None
    assert like is not None
    return replace(of, key_expires_at=like.key_expires_at)


@pytest.mark.usefixtures("database")
def test_a_key_that_ends_soon_is_announced_in_the_lists(capsys: pytest.CaptureFixture[str]) -> None:
    world = World.begun(ago=timedelta(days=370))
    world.pipeline("late")
    world.later(days=30)
    world.publish()
    world.pipeline("lab")
    for words in (("pipeline", "list"), ("pipeline", "key", "list", "lab")):
        assert "it ends soon" in run(capsys, *words)
    assert "no key in force" in run(capsys, "pipeline", "list")
    assert "expired" in run(capsys, "pipeline", "key", "list", "late")


def test_an_operator_ends_a_persons_tokens(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    token = run(capsys, "person", "add", "ines@example.org").split()[-1]
    phone = run(capsys, "person", "token", "add", "Ines@example.org", "--label", "phone").split()[-1]
    listed = run(capsys, "person", "token", "list", "ines@example.org")
    assert re.findall(r"^(\S+)  ", listed, re.M) == ["phone", "token-1"]
    run(capsys, "person", "token", "revoke", "ines@example.org", "token-1")
    assert (bearer(token, at=timezone.now()) is None, bearer(phone, at=timezone.now()) is None) == (True, False)
    run(capsys, "person", "token", "revoke", "ines@example.org", "--all")
    assert bearer(phone, at=timezone.now()) is None
    for words in (["revoke", "ines@example.org", "phone"], ["add", "nobody@example.org"]):
        with pytest.raises(CommandError):
            call_command("person", "token", *words)
    assert "Signed in nowhere" in run(capsys, "person", "session", "end", "ines@example.org")


def test_an_operator_removes_a_steward(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    token = run(capsys, "steward", "add", "sam@example.org").split()[-1]
    office = run(capsys, "steward", "token", "add", "sam@example.org", "--label", "office").split()[-1]
    run(capsys, "steward", "token", "revoke", "sam@example.org", "token-1")
    assert steward_of_token(token, at=timezone.now()) is None
    assert steward_of_token(office, at=timezone.now())
    assert "tokens in force: 1" in run(capsys, "steward", "list")
    run(capsys, "steward", "remove", "sam@example.org")
    assert steward_of_token(office, at=timezone.now()) is None
    assert "There is no steward" in run(capsys, "steward", "list")
    with pytest.raises(CommandError):
        call_command("steward", "remove", "sam@example.org")
