"""Nobody is kept from signing in: not by strangers, not by a mail server, not by how something is written."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.test import Client
from pytest_django import Settings

from registry.models import Account
from service import limits
from tests import threads
from tests.postbox import Postbox, postbox
from tests.world import World

ASK, ENTER = "/accounts/login/code/", "/accounts/login/code/confirm/"
ELSEWHERE = "203.0.113.7"


@pytest.fixture
def box(world: World, settings: Settings, tmp_path: Path) -> Iterator[Postbox]:
    (tmp_path / "static").mkdir()
    settings.STATIC_ROOT = tmp_path / "static"  # there, so that nobody warns of its absence
    with postbox(settings) as found:
        yield found


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


def ask(client: Client, address: str, **environ: str) -> Any:
    return client.post(ASK, {"email": address}, **environ)


def enter(client: Client, code: str) -> Any:
    return client.post(ENTER, {"code": code})


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def words(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_an_account_is_opened_when_the_code_is_entered(box: Postbox, client: Client) -> None:
    assert ask(client, "Ada@Example.org").status_code == 302
    assert not Account.objects.exists()
    assert enter(client, box.code("ada@example.org")).url == "/pictures"
    assert is_in(client)
    assert Account.objects.get().email == "ada@example.org"


LOOKALIKES = ["ſonja@example.org", "SONJA@EXAMPLE.ORG.", "ｓｏｎｊａ＠ｅｘａｍｐｌｅ．ｏｒｇ", "sonja@example。org"]


@pytest.mark.parametrize("written", LOOKALIKES)
def test_a_lookalike_asks_for_the_owner(box: Postbox, client: Client, written: str) -> None:
    """Its code goes to the one form, so only the owner can enter it; and it locks nobody out."""
    assert ask(Client(), written, REMOTE_ADDR=ELSEWHERE).status_code == 302
    assert ask(client, "sonja@example.org").status_code == 302
    assert [recipient for recipient, _ in box.letters] == ["sonja@example.org"] * 2
    enter(client, box.code("sonja@example.org"))
    assert is_in(client)
    assert Account.objects.count() == 1


@pytest.mark.parametrize(
    "written", ["İnes@example.org", "jörg@example.org", "a@localhost", "a@[127.0.0.1]", "a..b@x.org"]
)
def test_what_cannot_be_mailed_is_refused_with_words(box: Postbox, client: Client, written: str) -> None:
    answer = ask(client, written)
    assert answer.status_code == 200
    assert "Enter an e-mail address like name@example.com." in words(answer)
    assert box.letters == []


def test_strangers_do_not_use_up_an_owners_codes(box: Postbox, client: Client) -> None:
    ask(client, "ines@example.org")
    mine = box.code("ines@example.org")
    answers = [
        ask(Client(), "ines@example.org", REMOTE_ADDR=ELSEWHERE) for _ in range(limits.CODES_TO_ADDRESS.times + 1)
    ]
    assert [answer.status_code for answer in answers] == [302] * limits.CODES_TO_ADDRESS.times + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert "A picture of me is in here" in words(answers[-1])
    stranger = Client()
    ask(stranger, "ines@example.org", REMOTE_ADDR="203.0.113.8")
    for _ in range(12):
        enter(stranger, "BBBB-BBBB")
    another = Client()
    assert ask(another, "ines@example.org").status_code == 302
    assert enter(client, mine).status_code == 302
    assert is_in(client)


def test_a_network_of_ipv6_is_one_source(box: Postbox) -> None:
    for host in range(limits.CODES_TO_ADDRESS.times):
        assert ask(Client(), "ines@example.org", REMOTE_ADDR=f"2001:db8::{host:x}").status_code == 302
    assert ask(Client(), "ines@example.org", REMOTE_ADDR="2001:db8::ffff").status_code == 429
    assert ask(Client(), "ines@example.org", REMOTE_ADDR="2001:db8:0:1::1").status_code == 302


def test_forged_headers_change_nothing(box: Postbox, settings: Settings) -> None:
    """With no proxy the header is nobody's word; with one, only its own entry counts."""
    settings.TRUSTED_PROXIES = 0
    for number in range(limits.CODES_TO_ADDRESS.times):
        ask(Client(), "ines@example.org", REMOTE_ADDR=ELSEWHERE, HTTP_X_FORWARDED_FOR=f"198.51.100.{number}")
    assert ask(Client(), "ines@example.org", REMOTE_ADDR=ELSEWHERE).status_code == 429
    settings.TRUSTED_PROXIES = 1
    forged = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": f"198.51.100.99, {ELSEWHERE}"}
    assert ask(Client(), "ines@example.org", **forged).status_code == 429
    assert (
        ask(Client(), "ines@example.org", REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR="192.0.2.1").status_code == 302
    )


def test_an_unreadable_header_shuts_nobody_out(box: Postbox, settings: Settings) -> None:
    settings.TRUSTED_PROXIES = 1
    for header in ("unknown", "", ",", "garbage, unknown", "\u00e9", "1.2.3.4.5"):
        assert ask(Client(), "ines@example.org", HTTP_X_FORWARDED_FOR=header).status_code == 302


TYPED = {
    "as sent": "{code}",
    "small": "{small}",
    "without a hyphen": "{head}{tail}",
    "spaced": " {head} {tail} ",
    "no-break hyphen": "{head}\u2011{tail}",
    "en dash": "{head}\u2013{tail}",
    "zero width": "{head}\u200b-\ufeff{tail}",
    "full-width": "{wide}",
    "the line of the letter": "Your code: {code}",
    "the subject": "{code} is your code for the Consent Registry",
    "the end of a sentence": "{code}.",
}


@pytest.mark.parametrize("way", TYPED)
def test_a_code_is_read_however_it_is_written(box: Postbox, client: Client, way: str) -> None:
    ask(client, "ines@example.org")
    code = box.code("ines@example.org")
    head, tail = code.split("-")
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in code)
    enter(client, TYPED[way].format(code=code, small=code.lower(), head=head, tail=tail, wide=wide))
    assert is_in(client)


def test_a_text_full_of_codes_is_not_many_guesses(box: Postbox, client: Client) -> None:
    ask(client, "ines@example.org")
    code = box.code("ines@example.org")
    assert "That is not the code." in words(enter(client, f"BBBBBBBB{code}BBBBBBBB"))
    assert not is_in(client)


def test_an_older_code_is_told_from_a_wrong_one(box: Postbox, client: Client) -> None:
    ask(client, "ines@example.org")
    older = box.code("ines@example.org")
    ask(client, "ines@example.org")
    assert "a newer code" in words(enter(client, older))
    enter(client, box.code("ines@example.org"))
    assert is_in(client)


def test_guesses_at_one_moment_are_counted_one_by_one(box: Postbox, client: Client) -> None:
    ask(client, "ines@example.org")
    cookie = client.cookies["session"].value

    def guess() -> int:
        other = Client()
        other.cookies["session"] = cookie
        return int(enter(other, "BBBB-BBBB").status_code)

    judged = [status for status in threads.together(*[guess] * 30) if status == 200]
    assert len(judged) <= limits.GUESSES.times
    assert not is_in(client)


REFUSALS = {
    "no such mailbox": ({"RCPT": "550 5.1.1 <{recipient}> unknown"}, 422, "takes no mail for this address"),
    "come back later": ({"RCPT": "450 4.2.0 <{recipient}> greylisted"}, 503, "cannot send mail just now"),
    "refused after data": ({"DATA": "554 5.7.1 <{recipient}> no"}, 503, "cannot send mail just now"),
    "refused at once": ({"EHLO": "421 busy", "HELO": "421 busy"}, 503, "cannot send mail just now"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusing_mail_server_is_words_and_no_address_is_logged(
    box: Postbox, client: Client, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    box.replies, status, said = REFUSALS[name]
    with caplog.at_level(logging.DEBUG):
        answer = ask(client, "grace.private@example.org")
    _is_a_state(answer, caplog, status=status, said=said)
    box.replies = {}
    ask(client, "grace.private@example.org")
    enter(client, box.code("grace.private@example.org"))
    assert is_in(client)


@pytest.mark.parametrize("trouble", ["no server", "no STARTTLS", "no folder"])
def test_no_mail_server_is_words(
    box: Postbox, client: Client, settings: Settings, caplog: pytest.LogCaptureFixture, trouble: str
) -> None:
    if trouble == "no server":
        settings.EMAIL_PORT = 1
    elif trouble == "no STARTTLS":
        settings.EMAIL_USE_TLS = True
    else:
        settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
        settings.EMAIL_FILE_PATH = "/proc/mail"
    with caplog.at_level(logging.DEBUG):
        answer = ask(client, "grace.private@example.org")
    _is_a_state(answer, caplog, status=503, said="cannot send mail just now")


def _is_a_state(answer: Any, caplog: pytest.LogCaptureFixture, *, status: int, said: str) -> None:
    assert answer.status_code == status
    assert said in words(answer)
    assert 'href="/requests/new"' in answer.content.decode()
    assert "could not be sent" in caplog.text
    assert "grace" not in caplog.text


def test_a_failed_mail_leaves_the_code_before_it_good(box: Postbox, client: Client) -> None:
    ask(client, "ines@example.org")
    code = box.code("ines@example.org")
    box.replies = {"RCPT": "450 later"}
    assert ask(client, "ines@example.org").status_code == 503
    enter(client, code)
    assert is_in(client)


def test_looking_at_the_page_again_voids_no_code(box: Postbox, client: Client) -> None:
    ask(client, "ines@example.org")
    client.get(ASK)
    enter(client, box.code("ines@example.org"))
    assert is_in(client)


def test_nothing_else_counts() -> None:
    """allauth's limits are read, added to and written: not a second, weaker way."""
    assert configured.ACCOUNT_RATE_LIMITS is False
    assert configured.CACHES["default"]["BACKEND"].endswith("DummyCache")
