"""Webhooks, against a real endpoint in a process of its own: what arrives, in which order, and what never leaves."""

import json
import multiprocessing
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings
from standardwebhooks import Webhook as UsualLibrary

from consent.acts.acknowledge import acknowledge
from consent.acts.deliver import Answered, settle, take
from consent.acts.disable_pipeline import disable_pipeline, enable_pipeline
from consent.acts.enrol_webhook import enrol_webhook
from consent.acts.issue_webhook_secret import issue_webhook_secret
from consent.acts.notify import notify
from consent.acts.revoke_webhook_secret import revoke_webhook_secret
from consent.acts.stop_webhook import resume_webhook, stop_webhook
from consent.errors import LastSecret
from consent.models import Notification, Webhook
from consent.reads.webhooks import any_due, secrets_of, webhooks
from consent.rules.likeness import Sighting
from consentkit.errors import BadSignature
from consentkit.webhooks import verify
from registry.errors import NotFound
from service import tasks
from service.hooks import egress, letter
from tests.core.dying import AFTER, BEFORE
from tests.threads import together
from tests.world import Pipeline, World

NETWORKS = [ip_network("127.0.0.0/8")]


@dataclass
class Received:
    """An endpoint that listens at `port`, and what came there."""

    port: int
    queue: "SimpleQueue[dict[str, Any]]" = field(default_factory=SimpleQueue)

    def next(self) -> dict[str, Any]:
        return self.queue.get(timeout=10)

    def all(self) -> list[dict[str, Any]]:
        found = []
        try:
            while True:
                found.append(self.queue.get(timeout=0.2))
        except Empty:
            return found


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of hooks.test and 127.0.0.1, signed by itself; key and certificate in one file."""
    key, at = Ed25519PrivateKey.generate(), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hooks.test")])
    names = x509.SubjectAlternativeName([x509.DNSName("hooks.test"), x509.IPAddress(ip_address("127.0.0.1"))])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(at - timedelta(days=1)).not_valid_after(at + timedelta(days=1))
    made = made.add_extension(names, critical=False).add_extension(x509.BasicConstraints(True, None), critical=True)
    file = tmp_path_factory.mktemp("tls") / "hooks.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + made.sign(key, None).public_bytes(Encoding.PEM))
    return file


@pytest.fixture
def endpoint(certificate: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Iterator[Received]:
    """Trusted and allowed; all else is as always."""
    argv = [sys.executable, str(Path(__file__).parent / "receiver.py"), str(certificate)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        received = Received(int(server.stdout.readline()))
        reader = Thread(target=lambda: [received.queue.put(json.loads(line)) for line in server.stdout or ()])
        reader.start()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        egress._trust.cache_clear()
        settings.WEBHOOK_NETWORKS, settings.WEBHOOK_PORTS = NETWORKS, [received.port]
        yield received
        server.kill()
        reader.join()
        egress._trust.cache_clear()


@dataclass
class Told:
    """A pipeline with one webhook, which is told of copies of one image."""

    world: World
    lab: Pipeline
    hook: UUID
    secret: UUID
    image: UUID

    def copies(self, *keys: str) -> list[UUID]:
        """Notifications of these, in their order."""
        serial = self.world.asker(self.lab).serial
        for key in keys:
            notify([Sighting(serial, key, self.image, 5, "none")], at=self.world.at)
        return list(Notification.objects.filter(key__in=keys).order_by("serial").values_list("id", flat=True))

    def row(self) -> Webhook:
        return Webhook.objects.get(id=self.hook)

    def wait_over(self) -> None:
        """As if the pause had passed."""
        Webhook.objects.filter(id=self.hook).update(next_at=timezone.now())


def hooked(world: World, url: str) -> Told:
    lab, image = world.pipeline(), world.image(world.person("ines"))
    made, _ = enrol_webhook(str(lab.id), url=url, reach=egress.reach(), at=world.at)
    return Told(world, lab, made.webhook, made.secret, image)


@pytest.fixture
def told(world: World, endpoint: Received) -> Callable[[str], Told]:
    return lambda path: hooked(world, f"https://127.0.0.1:{endpoint.port}/{path}")


Telling = Callable[[str], Told]


def test_it_arrives_signed_and_in_order(told: Telling, endpoint: Received) -> None:
    lab = told("200")
    numbers = lab.copies("a", "b", "c")
    tasks.deliver()
    came = endpoint.all()
    shared, public = letter.secret(lab.secret), letter.public_key(lab.secret)
    assert [each["headers"]["webhook-id"] for each in came] == list(map(str, numbers))
    for each in came:
        UsualLibrary(shared).verify(each["body"], each["headers"])
        for secret in (shared, public):
            assert verify(each["headers"], each["body"].encode(), secret).type == "notification.created"
        assert set(json.loads(each["body"])) == {"type", "timestamp", "data"}
        assert set(json.loads(each["body"])["data"]) == {"id"}
        assert each["headers"]["host"] == f"127.0.0.1:{endpoint.port}"
    assert (lab.row().attempts, lab.row().fault, lab.row().status) == (0, "", 200)
    tasks.deliver()
    assert endpoint.all() == []
    assert set(Notification.objects.values_list("outcome", flat=True)) == {None}


FAULTS = [
    ("500", 500, "it answered 500"),
    ("404", 404, "it answered 404"),
    ("redirect", 307, "it redirects, which is not followed"),
    ("garbage", None, "the connection broke, or it is no HTTP"),
]


@pytest.mark.parametrize(("path", "status", "words"), FAULTS)
def test_what_fails_is_tried_again_under_the_same_name(
    told: Telling, endpoint: Received, path: str, status: int | None, words: str
) -> None:
    lab = told(path)
    first, _second = lab.copies("a", "b")
    before = timezone.now()
    tasks.deliver()
    row = lab.row()
    assert (row.attempts, row.status, row.fault, row.delivered) == (1, status, words, 0)
    assert timedelta(seconds=5) <= row.next_at - before <= timedelta(seconds=9)
    tasks.deliver()
    assert row.next_at == lab.row().next_at
    lab.wait_over()
    tasks.deliver()
    came = endpoint.all()
    assert [each["headers"]["webhook-id"] for each in came] == [str(first)] * 2
    assert len({each["body"] for each in came}) == 1
    assert lab.row().attempts == 2
    Webhook.objects.filter(id=lab.hook).update(url=f"https://127.0.0.1:{endpoint.port}/200")
    lab.wait_over()
    tasks.deliver()
    assert len(endpoint.all()) == 2
    assert (lab.row().attempts, lab.row().fault) == (0, "")


@pytest.mark.parametrize("path", ["drip-head", "drip-body"])
def test_who_trickles_is_not_waited_for(
    told: Telling, endpoint: Received, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A status is an answer: the body is not read. Without one, it is over in time."""
    monkeypatch.setattr(egress, "SECONDS", 1.0)
    lab = told(path)
    lab.copies("a")
    begun = time.monotonic()
    tasks.deliver()
    assert time.monotonic() - begun < 4
    assert lab.row().fault == ("no answer within 10 seconds" if path == "drip-head" else "")


def test_an_outage_loses_nothing(told: Telling, endpoint: Received, settings: Settings) -> None:
    lab = told("200")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        Webhook.objects.update(url=f"https://127.0.0.1:{port}/200")
        settings.WEBHOOK_PORTS = [endpoint.port, port]
        numbers = lab.copies("a", "b", "c")
        for _ in range(3):
            tasks.deliver()
            lab.wait_over()
        assert (lab.row().attempts, lab.row().fault) == (3, "no connection")
    Webhook.objects.update(url=f"https://127.0.0.1:{endpoint.port}/200")
    tasks.deliver()
    assert [each["headers"]["webhook-id"] for each in endpoint.all()] == list(map(str, numbers))


def test_a_certificate_of_somebody_else_is_refused(
    told: Telling, endpoint: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = told("200")
    monkeypatch.setattr(egress, "resolved", lambda to: [ip_address("127.0.0.1")])
    Webhook.objects.update(url=f"https://other.test:{endpoint.port}/200")
    lab.copies("a")
    tasks.deliver()
    assert lab.row().fault == "its certificate is not valid"
    assert endpoint.all() == []


def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """A name server that answers this, then that; the questions that it was asked."""
    asked: list[str] = []
    left = list(answers)
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *rest: Any, **named: Any) -> Any:
        if host != "hooks.test":
            return real(host, port, *rest, **named)
        asked.append(host)
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


@pytest.mark.parametrize(
    "answer",
    [
        ["8.8.8.8", "10.0.0.1"],
        ["127.0.0.1", "192.168.0.1"],
        ["::ffff:10.0.0.1"],
        ["64:ff9b::a00:1"],
        ["169.254.169.254"],
        [],
    ],
)
def test_one_bad_address_refuses_the_name(
    told: Telling, endpoint: Received, answer: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = told("200")
    Webhook.objects.update(url=f"https://hooks.test:{endpoint.port}/200")
    names(monkeypatch, answer)
    lab.copies("a")
    tasks.deliver()
    assert lab.row().fault == "the name leads to an address that is not allowed"
    assert endpoint.all() == []


def test_the_address_that_was_judged_is_the_one_that_is_used(
    told: Telling, endpoint: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name changes its mind after the check; Host, and the name that TLS asks for, stay the endpoint's."""
    lab = told("200")
    Webhook.objects.update(url=f"https://hooks.test:{endpoint.port}/200")
    asked = names(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])
    lab.copies("a")
    tasks.deliver()
    (came,) = endpoint.all()
    assert came["headers"]["host"] == f"hooks.test:{endpoint.port}"
    assert (asked, lab.row().fault) == (["hooks.test"], "")
    lab.copies("b")
    tasks.deliver()
    assert (len(asked), lab.row().fault) == (2, "the name leads to an address that is not allowed")


def test_without_the_operators_leave_nothing_goes_inside(told: Telling, endpoint: Received, settings: Settings) -> None:
    lab = told("200")
    lab.copies("a")
    settings.WEBHOOK_NETWORKS = ()
    tasks.deliver()
    assert lab.row().fault == "the address is not allowed"
    assert endpoint.all() == []


def test_whoever_is_gone_is_asked_no_more(told: Telling, endpoint: Received) -> None:
    lab = told("410")
    lab.copies("a")
    tasks.deliver()
    assert (lab.row().stopped, any_due(at=timezone.now() + timedelta(days=9))) == ("gone", False)
    assert len(endpoint.all()) == 1


def test_whoever_is_silent_for_three_days_is_asked_no_more_until_resumed(world: World) -> None:
    lab = hooked(world, "https://hooks.example/")
    lab.copies("a")
    at = begun = timezone.now()
    while (owed := take(at=at)) is not None:
        assert settle(owed, Answered(None, "no connection"), chance=0, at=at)
        at = max(at, lab.row().next_at)
    assert (lab.row().stopped, lab.row().attempts) == ("silent", 14)
    assert at - begun > timedelta(hours=72)
    resume_webhook(lab.hook, at=at)
    owed = take(at=at)
    assert owed is not None
    assert owed.attempt == 1
    stop_webhook(lab.hook, at=at)
    assert settle(owed, Answered(None, "no connection"), chance=0, at=at)
    assert lab.row().stopped == "operator"


def test_what_was_answered_is_not_told(told: Telling, endpoint: Received) -> None:
    lab = told("200")
    first, second = lab.copies("a", "b")
    acknowledge(first, pipeline=lab.world.asker(lab.lab).serial, outcome="deleted", at=lab.world.at)
    tasks.deliver()
    assert [each["headers"]["webhook-id"] for each in endpoint.all()] == [str(second)]


def test_senders_at_once_send_it_once_and_in_order(told: Telling, endpoint: Received) -> None:
    lab = told("200")
    numbers = lab.copies(*map(str, range(12)))
    assert together(*[tasks.deliver] * 3) == [None] * 3
    tasks.deliver()
    assert [each["headers"]["webhook-id"] for each in endpoint.all()] == list(map(str, numbers))


@pytest.mark.parametrize(
    ("place", "when", "came"),
    [
        ("take", BEFORE, 1),
        ("take", AFTER, 1),
        ("post", BEFORE, 1),
        ("post", AFTER, 2),
        ("settle", BEFORE, 2),
        ("settle", AFTER, 1),
    ],
)
def test_a_sender_killed_anywhere_loses_nothing(
    told: Telling, endpoint: Received, certificate: Path, place: str, when: str, came: int
) -> None:
    """What is sent twice has one name; nothing comes out of turn."""
    lab = told("200")
    numbers = lab.copies("a", "b")
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["tests.core.dying", "tests.workers.delivering"])
    from tests.workers.delivering import die

    allowed = (NETWORKS, endpoint.port, certificate)
    child = server.Process(target=die, args=(connection.settings_dict["NAME"], *allowed, place, when))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    if lab.row().attempts:
        assert take(at=timezone.now()) is None
        assert take(at=timezone.now() + timedelta(seconds=61)) is not None
    lab.wait_over()
    tasks.deliver()
    expected = [str(numbers[0])] * came + [str(numbers[1])]
    assert [each["headers"]["webhook-id"] for each in endpoint.all()] == expected


def test_the_answer_of_a_lost_lease_does_not_count(world: World) -> None:
    lab = hooked(world, "https://hooks.example/")
    lab.copies("a")
    at = timezone.now()
    slow = take(at=at)
    quick = take(at=at + timedelta(seconds=61))
    assert slow is not None
    assert quick is not None
    assert not settle(slow, Answered(410, "it answered 410"), chance=0, at=at)
    assert settle(quick, Answered(200), chance=0, at=at)
    assert not settle(quick, Answered(500, "it answered 500"), chance=0, at=at)
    assert (lab.row().stopped, lab.row().status) == ("", 200)


def test_the_sweep_finds_what_a_lost_message_missed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(tasks.deliver, "delay", lambda: sent.append("deliver"))
    lab = hooked(world, "https://hooks.example/")
    tasks.sweep()
    assert sent == []
    lab.copies("a")
    tasks.sweep()
    assert sent == ["deliver"]


def test_nobody_can_sign_with_what_is_stored(world: World, settings: Settings) -> None:
    one, other = hooked(world, "https://hooks.example/"), hooked(world, "https://hooks.example/")
    known = {letter.secret(one.secret), letter.secret(other.secret)}
    assert len(known) == 2
    settings.SECRET_KEY = secrets.token_urlsafe(32)
    assert letter.secret(one.secret) not in known


def test_an_operator_adds_lists_and_stops(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.pipeline("face lab")
    call_command("webhook", "list")
    assert "There is no webhook." in capsys.readouterr().out
    call_command("webhook", "add", "face lab", "https://hooks.example/a")
    said = capsys.readouterr().out.split()
    (found,) = webhooks()
    (secret,) = secrets_of(found.id, at=timezone.now())
    assert said[-1] == letter.secret(secret.id)
    assert letter.public_key(secret.id) in said
    call_command("webhook", "list")
    assert listed(capsys) == (str(found.id), "in use")
    call_command("webhook", "disable", str(found.id))
    call_command("webhook", "list")
    assert listed(capsys) == (str(found.id), "stopped")
    call_command("webhook", "enable", str(found.id))
    assert webhooks()[0].stopped == ""
    for argv in (["add", "face lab", "http://hooks.example/"], ["disable", str(UUID(int=0))]):
        with pytest.raises(CommandError):
            call_command("webhook", *argv)


def listed(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    parts = capsys.readouterr().out.strip().split("  ")
    return parts[0], parts[-1]


def test_while_secrets_overlap_both_verify_and_then_only_the_new_one(told: Telling, endpoint: Received) -> None:
    lab = told("200")
    made = issue_webhook_secret(lab.hook, at=timezone.now(), overlap=timedelta(hours=1))
    former, fresh = letter.secret(lab.secret), letter.secret(made.secret)
    lab.copies("a")
    tasks.deliver()
    (came,) = endpoint.all()
    for secret in (former, fresh, letter.public_key(lab.secret), letter.public_key(made.secret)):
        assert verify(came["headers"], came["body"].encode(), secret)
    for secret in (former, fresh):
        UsualLibrary(secret).verify(came["body"], came["headers"])
    revoke_webhook_secret(lab.hook, label="secret-1", at=timezone.now())
    lab.copies("b")
    tasks.deliver()
    (came,) = endpoint.all()
    assert verify(came["headers"], came["body"].encode(), fresh)
    with pytest.raises(BadSignature):
        verify(came["headers"], came["body"].encode(), former)


def test_a_secret_ends_with_its_overlap_by_itself(world: World) -> None:
    lab = hooked(world, "https://hooks.example/")
    made = issue_webhook_secret(lab.hook, at=world.at + timedelta(seconds=1), overlap=timedelta(hours=1))
    lab.copies("a")
    owed = take(at=world.at + timedelta(minutes=59))
    assert owed is not None
    assert owed.secrets == (made.secret, lab.secret)
    lab.wait_over()
    owed = take(at=timezone.now() + timedelta(hours=2))
    assert owed is not None
    assert owed.secrets == (made.secret,)
    assert [each.ended for each in secrets_of(lab.hook, at=world.at + timedelta(hours=2))] == ["", "expired"]


def test_a_webhook_is_never_without_a_secret(world: World) -> None:
    lab, other = hooked(world, "https://hooks.example/"), hooked(world, "https://hooks.example/")
    issue_webhook_secret(other.hook, at=world.at, label="others")
    with pytest.raises(LastSecret):
        revoke_webhook_secret(lab.hook, label="secret-1", at=world.at)
    for hook, label in ((lab.hook, "others"), (UUID(int=0), "secret-1")):
        with pytest.raises(NotFound):
            revoke_webhook_secret(hook, label=label, at=world.at)
    made = issue_webhook_secret(lab.hook, at=world.at, overlap=timedelta(0))
    lab.copies("a")
    owed = take(at=timezone.now())
    assert owed is not None
    assert owed.secrets == (made.secret,)


def test_a_former_secret_of_the_server_signs_while_it_is_kept(
    told: Telling, endpoint: Received, settings: Settings
) -> None:
    lab, former = told("200"), settings.SECRET_KEY
    known = letter.secret(lab.secret)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = secrets.token_urlsafe(48), [former]
    lab.copies("a")
    tasks.deliver()
    (came,) = endpoint.all()
    for secret in (known, letter.secret(lab.secret)):
        assert verify(came["headers"], came["body"].encode(), secret)
    settings.SECRET_KEY_FALLBACKS = []
    lab.copies("b")
    tasks.deliver()
    (came,) = endpoint.all()
    with pytest.raises(BadSignature):
        verify(came["headers"], came["body"].encode(), known)


def test_a_disabled_pipeline_is_sent_nothing(told: Telling, endpoint: Received) -> None:
    lab = told("200")
    lab.copies("a")
    disable_pipeline(str(lab.lab.id), at=timezone.now())
    tasks.deliver()
    assert endpoint.all() == []
    enable_pipeline(str(lab.lab.id), at=timezone.now())
    tasks.deliver()
    assert len(endpoint.all()) == 1


def test_an_operator_replaces_a_secret(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    lab = hooked(world, "https://hooks.example/")
    call_command("webhook", "secret", "add", str(lab.hook), "--label", "2027")
    fresh = capsys.readouterr().out.split()[-1]
    call_command("webhook", "secret", "list", str(lab.hook))
    said = capsys.readouterr().out
    assert re.findall(r"^(\S+) ", said, re.M) == ["2027", "secret-1"]
    assert "signs until" in said
    assert fresh not in said
    call_command("webhook", "secret", "revoke", str(lab.hook), "secret-1")
    call_command("webhook", "secret", "list", str(lab.hook))
    assert "revoked" in capsys.readouterr().out
