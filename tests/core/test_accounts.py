"""An account goes to a new address, or two become one: a person who changed their mailbox can still stop."""

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from registry.acts.enrol_person import enrol_person
from registry.acts.join_accounts import join_accounts
from registry.acts.move_account import move_account
from registry.acts.open_account import open_account
from registry.errors import AccountNotJoined, AddressInvalid, AddressTaken, NotFound
from registry.log.recorder import head_size
from registry.models import Account, Opening, Person
from registry.reads.people import person_of_account, persons_of_account
from tests import threads
from tests.world import World, reason


def signed_in(address: str) -> Client:
    client = Client()
    client.force_login(
        get_user_model().objects.get(email=address), "allauth.account.auth_backends.AuthenticationBackend"
    )
    return client


@pytest.fixture(autouse=True)
def static(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> None:
    settings.STATIC_ROOT = tmp_path_factory.mktemp("static")


def is_in(client: Client) -> bool:
    return client.get("/pictures").status_code == 200


def test_a_person_moves_to_a_new_address(world: World) -> None:
    ines = world.person("ines")
    client = signed_in("ines@example.org")
    assert is_in(client)
    before = head_size()
    call_command("person", "move", "INES@example.org", "Ines@bücher.example")
    assert head_size() == before + 1
    assert enrol_person("ines@xn--bcher-kva.example", at=world.at).person == ines
    assert not is_in(client)
    assert enrol_person("ines@example.org", at=world.at).person != ines
    assert not [row for row in Opening.objects.all() if b"@" in bytes(row.item)]


def test_a_steward_keeps_their_pseudonym(world: World) -> None:
    steward = world.steward("sam")
    move_account("sam@registry.example", "sam@example.org", at=world.at)
    assert world.steward("other") != steward
    assert Account.objects.get(email="sam@example.org").is_steward


def test_nobody_is_moved_onto_somebody(world: World) -> None:
    world.person("ines"), world.person("max")
    before = head_size()
    for new in ("max@example.org", "ines@example.org", "Max@EXAMPLE.org."):
        with pytest.raises(AddressTaken):
            move_account("ines@example.org", new, at=world.at)
    with pytest.raises(NotFound):
        move_account("nobody@example.org", "new@example.org", at=world.at)
    with pytest.raises(AddressInvalid):
        move_account("ines@example.org", "jörg@example.org", at=world.at)
    with pytest.raises(CommandError, match="join the two accounts"):
        call_command("person", "move", "ines@example.org", "max@example.org")
    assert head_size() == before


def test_an_address_that_somebody_only_typed_is_free(world: World) -> None:
    ines = world.person("ines")
    open_account("new@example.org")
    move_account("ines@example.org", "new@example.org", at=world.at)
    assert person_of_account(Account.objects.get().pk) == ines


def test_two_who_move_to_one_address_at_once(world: World) -> None:
    world.person("ines"), world.person("max")
    said = threads.together(
        *(lambda old=old: move_account(f"{old}@example.org", "new@example.org", at=world.at) for old in ("ines", "max"))
    )
    assert Account.objects.filter(email="new@example.org").count() == 1
    assert sum(isinstance(each, Exception) for each in said) == 1


def test_joined_accounts_are_one_sign_in(world: World) -> None:
    """No standing changes by it; and what is stopped for everything is stopped in both."""
    ines = world.person("ines")
    world.later(seconds=1)
    max_ = world.person("max")  # the second in the list, which is in the order of enrolling
    mine, his = world.image(ines), world.image(max_)
    world.grant(ines)
    world.grant(max_)
    other = signed_in("max@example.org")
    before = head_size()
    call_command("person", "join", "ines@example.org", "max@example.org")
    assert head_size() == before + 1
    assert [reason(mine), reason(his)] == [None, None]
    account = Account.objects.get()
    assert (account.email, persons_of_account(account.pk)) == ("ines@example.org", [ines, max_])
    assert not is_in(other)
    client = signed_in("ines@example.org")
    assert "My other pictures" in client.get("/pictures").content.decode()
    assert client.get(f"/pictures/{his}").status_code == 404
    client.post("/pictures/others", {"group": str(max_)})
    assert client.get(f"/pictures/{his}").status_code == 200
    client.post("/stop", {"pictures": "all"})
    assert [reason(mine), reason(his)] == ["withdrawn", "withdrawn"]


def test_stopping_everything_reaches_the_other_group_from_an_empty_one(world: World) -> None:
    world.person("ines")
    max_ = world.person("max")
    his = world.image(max_)
    world.grant(max_)
    join_accounts("ines@example.org", "max@example.org", at=world.at)
    signed_in("ines@example.org").post("/stop", {"pictures": "all"})
    assert reason(his) == "withdrawn"


def test_nobody_sees_a_group_that_is_not_theirs(world: World) -> None:
    world.person("ines")
    stranger = world.person("max")
    his = world.image(stranger)
    client = signed_in("ines@example.org")
    client.post("/pictures/others", {"group": str(stranger)})
    assert client.get(f"/pictures/{his}").status_code == 404
    assert "My other pictures" not in client.get("/pictures").content.decode()


def test_what_cannot_be_joined(world: World) -> None:
    world.person("ines")
    world.steward("sam")
    enrol_person("sam@registry.example", at=world.at)
    before = head_size()
    for kept, other, refusal in (
        ("ines@example.org", "ines@example.org", AccountNotJoined),
        ("ines@example.org", "sam@registry.example", AccountNotJoined),
        ("ines@example.org", "nobody@example.org", NotFound),
        ("nobody@example.org", "ines@example.org", NotFound),
    ):
        with pytest.raises(refusal):
            join_accounts(kept, other, at=world.at)
    assert (head_size(), Person.objects.exclude(account=None).count()) == (before, 2)
