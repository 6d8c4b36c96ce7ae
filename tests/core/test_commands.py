"""Commands beside a running server: what they refuse, they refuse in one line."""

import psycopg
import pytest
from django.core.management import CommandError, call_command

from registry.log import publisher
from registry.log.recorder import head_size
from registry.models import Account
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
