"""One account a mailbox: addresses are compared in one form, and what cannot be mailed is refused."""

import pytest
from django.db import IntegrityError
from hypothesis import given
from hypothesis import strategies as st

from registry.acts.enrol_person import enrol_person
from registry.acts.enrol_steward import enrol_steward
from registry.errors import AddressInvalid
from registry.models import Account
from registry.rules.addresses import canonical
from tests import threads
from tests.world import World

SAME = {
    "sonja@example.org": [
        "Sonja@Example.ORG",
        "ſonja@example.org",
        "sonja@example.org.",
        "sonja@example。org",
        "ｓｏｎｊａ@ｅｘａｍｐｌｅ.org",
        "sonja＠example.org",
        "sonja@ⓔxample.org",
    ],
    "kim@xn--bcher-kva.example": [
        "KIM@bücher.example",
        "\u212aim@BU\u0308CHER.example",
        "kim@XN--BCHER-KVA.example.",
        "kim@bücher.EXAMPLE",
    ],
    "a+b.c@example.org": ["A+B.C@example.org"],
}
REFUSED = [
    "",
    "nobody",
    "@example.org",
    "a@",
    "a@b@example.org",
    "a b@example.org",
    "a@example.org\n",
    "\u0130nes@example.org",
    "\u0131nes@example.org",
    "jörg@example.org",
    "gro\u00df@example.org",
    "іnes@example.org",  # a Cyrillic letter
    "a\u200b@example.org",
    "a@exam\u00adple.org",
    "a@\u202eexample.org",
    "a..b@example.org",
    ".a@example.org",
    "a@example..org",
    "a@example.org..",
    "a@localhost",
    "a@[127.0.0.1]",
    "a@1.2.3.4",
    "a@-example.org",
    "a@xn--example.org",
    "a@mail.invalid",
    '"a b"@example.org',
    "a@example.org\0",
    "\ud800@example.org",
    f"{'a' * 243}@example.org",
    f"a@{'b' * 64}.org",
]


@pytest.mark.parametrize("form", SAME)
def test_one_mailbox_has_one_form(form: str) -> None:
    assert {canonical(written) for written in [form, *SAME[form]]} == {form}


def test_two_mailboxes_have_two() -> None:
    """ß is a letter of its own in a domain, and neither dots nor what follows a plus are ours to leave out."""
    written = ["a@strasse.de", "a@straße.de", "a.b@example.org", "ab@example.org", "ab+c@example.org", "1@example.org"]
    assert len({canonical(each) for each in written}) == len(written)


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_mailed_is_refused(text: str) -> None:
    with pytest.raises(AddressInvalid) as refused:
        canonical(text)
    assert "@example" not in refused.value.detail


@given(st.text(max_size=12), st.sampled_from(["example.org", "bücher.example", "ｅxample。org."]))
def test_the_form_is_ascii_and_stays(local: str, domain: str) -> None:
    try:
        form = canonical(f"{local}@{domain}")
    except AddressInvalid:
        return
    assert form.isascii()
    assert form == form.lower() == canonical(form) == canonical(form.upper())


def test_lookalikes_are_one_person(world: World) -> None:
    written = SAME["sonja@example.org"]
    people = {enrol_person(each, at=world.at).person for each in ["sonja@example.org", *written]}
    assert len(people) == 1
    enrol_steward("ſonja@example.org", secret="s" * 40, at=world.at)
    assert list(Account.objects.values_list("email", "is_steward")) == [("sonja@example.org", True)]


def test_lookalikes_that_race_are_one_account(world: World) -> None:
    jobs = [lambda each=each: enrol_person(each, at=world.at) for each in SAME["sonja@example.org"]]
    assert len({enrolled.person for enrolled in threads.together(*jobs)}) == 1
    assert Account.objects.count() == 1


@pytest.mark.parametrize("written", ["Ines@example.org", "ſ@example.org", "ines @example.org", ""])
def test_the_database_holds_the_one_form_alone(world: World, written: str) -> None:
    with pytest.raises(IntegrityError):
        Account(email=written).save(force_insert=True)
    assert not Account.objects.exists()
