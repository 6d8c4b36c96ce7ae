"""Doors without a key: the log, requests, the description, the pages about problems."""

import gc
import hashlib
import os
import re
import socket
import time
from datetime import timedelta
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema
import pytest
from django.conf import settings
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from consent.acts.prove import end_unproven, known
from consent.models import Case
from consent.models.requests import GUESSES, TERM
from consent.reads.cases import open_cases, waiting_searches
from consent.rules.lifecycle import CaseMove
from consentkit import merkle, tiles
from consentkit.checkpoints import open_checkpoint
from registry import originals
from registry.acts.open_account import open_account
from registry.errors import NotFound, Refusal
from registry.log.recorder import head_size
from registry.log.signer import verifier
from service import limits
from service.explanations import EXPLANATIONS
from service.leftovers import remove_answered
from service.limits import Limit
from service.nudge import nudger
from service.problems import SLUGS
from tests.api.conftest import Doors, slug
from tests.drawn import PNG, file, header, jpeg, listed, png, portrait
from tests.world import World, digest_of, reason

BEAT = 0.25
BYTES, OTHER = jpeg(1), jpeg(2)


def test_anybody_can_rebuild_the_checkpoint_from_entries_and_tiles(world: World, doors: Doors) -> None:
    ines = world.person("ines")
    for _ in range(140):
        world.image(ines)
    world.publish()
    answer = doors.get("/log/checkpoint")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    head = open_checkpoint(answer.content, verifier())
    assert head.size > tiles.TILE_WIDTH
    leaves = []
    for index in range(head.size // 256 + 1):
        path = tiles.entries_path(index, tiles.width_of(0, index, size=head.size))
        leaves += tiles.decode_bundle(doors.get(f"/log/{path}").content)
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    assert merkle.root(head.size, merkle.node_from_leaves(hashes)) == head.root

    def read(level: int, index: int) -> bytes:
        path = tiles.path(level, index, tiles.width_of(level, index, size=head.size))
        answer = doors.get(f"/log/{path}")
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert "immutable" in answer.headers["Cache-Control"]
        return bytes(answer.content)

    assert merkle.root(head.size, tiles.TiledHashes(read, size=head.size)) == head.root


def test_nothing_beyond_the_checkpoint_is_shown(world: World, doors: Doors) -> None:
    """I19's half: what is served is what was signed."""
    size = open_checkpoint(doors.get("/log/checkpoint").content, verifier()).size
    world.person("ines")
    for path in (
        f"tile/0/000.p/{size + 1}",
        f"tile/entries/000.p/{size + 1}",
        "tile/0/000",
        "tile/1/000",
        "tile/0/001.p/1",
        "tile/0/0",
        "tile/0/000.p/256",
        "tile/64/000",
        "tile/x/000",
        "tile/entries/",
    ):
        assert slug(doors.get(f"/log/{path}")) == "not-found"
    assert len(doors.get(f"/log/tile/0/000.p/{size}").content) == 32 * size


def request(doors: Doors, **form: Any) -> Any:
    return doors.client.post("/api/v1/requests", form)


def codes(reference: str) -> list[str]:
    """The codes in the letters about a request."""
    letters = [letter.body for letter in mail.outbox if reference in letter.subject]
    return [found for letter in letters for found in re.findall(r"code: ([A-Z2-9]{8})", letter)]


def prove(doors: Doors, reference: str, *, code: str | None = None) -> Any:
    typed = {"code": codes(reference)[0] if code is None else code}
    return doors.client.post(f"/api/v1/requests/{reference}/proof", typed, content_type="application/json")


def read(doors: Doors, reference: str, *, code: str) -> Any:
    return doors.client.get(f"/api/v1/requests/{reference}", headers={"Authorization": f"Bearer {code}"})


def test_a_hit_and_a_miss_are_one_answer(world: World, doors: Doors) -> None:
    image = world.image(world.person("ines"), content=BYTES)
    hits = [
        {"image": str(image)},
        {"sha256": digest_of(image).hex()},
        {"file": SimpleUploadedFile("x", BYTES)},
    ]
    misses = [
        {"image": "0" * 8 + str(image)[8:]},
        {"sha256": hashlib.sha256(b"").hexdigest()},
        {"file": SimpleUploadedFile("x", OTHER)},
    ]
    request(doors, contact="warm@example.org", sha256="0" * 64)
    said, proven, proofs = set(), set(), []
    for form in hits + misses:
        began = time.monotonic()
        answer = request(doors, contact="Who@Example.org", **form)
        lasted = time.monotonic() - began
        reference = answer.json()["reference"]
        said.add((answer.status_code, answer.content.replace(reference.encode(), b""), f"{answer.headers}"))
        assert len(reference) == 14
        assert lasted >= BEAT
        assert len(codes(reference)) == 1
        proofs.append(prove(doors, reference))
        progress = proofs[-1].json() | {"reference": "", "asked_at": "", "due_at": ""}
        proven.add((proofs[-1].status_code, f"{progress}", len(proofs[-1].content)))
    assert [(status, body) for status, body, _ in said] == [(202, b'{"reference": ""}')]
    assert [status for status, _, _ in proven] == [200]
    assert Case.objects.filter(contact="who@example.org").count() == 6
    key = doors.key()
    assert doors.decisions(key, image) == [("excluded", "wait")]


def test_before_its_code_is_entered_a_request_does_nothing(world: World, doors: Doors) -> None:
    """It is in no queue, and nobody else's code, or a guessed one, makes it count."""
    image = world.image(world.person("ines"), content=BYTES)
    size = head_size()
    first, second = (
        request(doors, contact="who@example.org", file=SimpleUploadedFile("x", BYTES)).json()["reference"]
        for _ in range(2)
    )
    assert (reason(image), open_cases(), head_size(), waiting_searches(9)) == ("no_grant", [], size, [])
    for code in ("", "AAAAAAAA", codes(second)[0]):
        refused = prove(doors, first, code=code)
        assert (refused.status_code, slug(refused)) == (404, "not-found")
        assert read(doors, first, code=code).content == refused.content
    assert prove(doors, "AAAA-AAAA-AAAA", code=codes(first)[0]).content == refused.content
    assert (reason(image), open_cases(), head_size()) == ("no_grant", [], size)
    assert read(doors, first, code=codes(first)[0]).json()["state"] == "unproven"
    typed = f" {codes(first)[0][:4].lower()}-{codes(first)[0][4:]} "
    assert prove(doors, first, code=typed).json()["state"] == "open"
    assert reason(image) == "restricted"
    assert [docket.reference for docket in open_cases()] == [first]
    assert waiting_searches(9) == [open_cases()[0].id]
    entered = head_size()
    assert prove(doors, first).status_code == 200
    assert head_size() == entered, "entered twice, it counts once"


def test_a_request_is_read_with_its_code(world: World, doors: Doors) -> None:
    """State, clock and outcome; the same for a hit and a miss."""
    image = world.image(world.person("ines"), content=BYTES)
    told = []
    for digest in (digest_of(image).hex(), "0" * 64):
        reference = request(doors, contact="who@example.org", sha256=digest).json()["reference"]
        prove(doors, reference)
        (code,) = codes(reference)
        said = [read(doors, reference, code=code).json()]
        world.resolve(Case.objects.get(reference=reference).id, CaseMove.REJECT)
        said.append(read(doors, reference, code=code).json())
        told.append([{name: each[name] for name in ("state", "outcome")} for each in said])
        assert set(said[0]) == {"reference", "state", "outcome", "asked_at", "due_at"}
    assert told[0] == told[1]
    assert told[0] == [{"state": "open", "outcome": None}, {"state": "decided", "outcome": "rejected"}]


def test_wrong_codes_run_out(doors: Doors) -> None:
    reference = request(doors, contact="who@example.org", sha256="0" * 64).json()["reference"]
    for _ in range(GUESSES - 1):
        prove(doors, reference, code="AAAAAAAA")
    assert read(doors, reference, code=codes(reference)[0]).status_code == 200, "right ones use up nothing"
    prove(doors, reference, code="AAAAAAAA")
    assert prove(doors, reference).status_code == 404
    assert open_cases() == []


def test_a_request_that_nobody_proves_ends(doors: Doors) -> None:
    reference = request(doors, contact="who@example.org", file=SimpleUploadedFile("x", BYTES)).json()["reference"]
    for path in files():
        os.utime(path, (0, 0))
    assert remove_answered(timezone.now() + timedelta(hours=2)) == 0, "its picture is kept for as long"
    assert end_unproven(at=timezone.now() + TERM - timedelta(minutes=1)) == 0
    with pytest.raises(NotFound):
        known(reference, code=codes(reference)[0], at=timezone.now() + TERM + timedelta(minutes=1))
    assert end_unproven(at=timezone.now() + TERM + timedelta(minutes=1)) == 1
    assert prove(doors, reference).status_code == 404


@pytest.mark.parametrize("how", ["a folder", "a server that does not answer"])
def test_where_no_mail_can_go_out_a_request_counts_at_once(
    world: World, doors: Doors, settings: Settings, tmp_path: Path, how: str
) -> None:
    """Law 14: missing mail keeps nobody from stopping. But it spends nothing of the address's allowance."""
    image = world.image(world.person("ines"), content=BYTES)
    if how == "a folder":
        settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
        settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    else:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", closed_port()
    answer = request(doors, contact="who@example.org", sha256=digest_of(image).hex())
    assert (answer.status_code, reason(image)) == (202, "restricted")
    case = Case.objects.get(reference=answer.json()["reference"])
    assert case.claimant == str(case.id)
    if how == "a folder":
        letters = "".join(path.read_text() for path in Path(settings.EMAIL_FILE_PATH).iterdir())
        (code,) = re.findall(r"code: ([A-Z2-9]{8})", letters)
        prove(doors, case.reference, code=code)
        assert Case.objects.get(id=case.id).claimant == "who@example.org"


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_the_page_takes_the_code(world: World, doors: Doors) -> None:
    image = world.image(world.person("ines"), content=BYTES)
    form = {"contact": "who@example.org", "number": digest_of(image).hex()}
    page = doors.client.post("/requests/new", form)
    (reference,) = re.findall(rb"<b>([0-9A-Z-]{14})</b>", page.content)
    typed = {"reference": reference.decode(), "code": "AAAAAAAA"}
    assert doors.client.get("/requests/proof").status_code == 200
    assert doors.client.post("/requests/proof", typed).status_code == 404
    assert reason(image) == "no_grant"
    shown = doors.client.post("/requests/proof", typed | {"code": codes(reference.decode())[0]})
    assert (shown.status_code, reason(image)) == (200, "restricted")
    assert "Your request counts" in shown.content.decode()


def test_whoever_is_signed_in_with_the_address_has_proven_it(world: World, doors: Doors) -> None:
    """With another address they have not."""
    account = open_account("who@example.org")
    doors.client.force_login(account)
    image = world.image(world.person("ines"), content=BYTES)
    form = {"number": digest_of(image).hex()}
    doors.client.post("/requests/new", form | {"contact": "other@example.org"})
    assert (reason(image), open_cases()) == ("no_grant", [])
    doors.client.post("/requests/new", form | {"contact": "Who@example.org"})
    assert (reason(image), Case.objects.get().claimant) == ("restricted", "who@example.org")


def test_the_page_says_one_thing_for_hit_and_miss(world: World, doors: Doors) -> None:
    world.image(world.person("ines"), content=BYTES)
    said = set()
    for content in (BYTES, OTHER):
        form = {"contact": "who@example.org", "file": SimpleUploadedFile("x", content)}
        answer = doors.client.post("/requests/new", form)
        (reference,) = re.findall(rb"<b>([0-9A-Z-]{14})</b>", answer.content)
        page = re.sub(rb'nonce="[^"]*"', b"", answer.content.replace(reference, b""))
        page = re.sub(rb'name="csrfmiddlewaretoken" value="[^"]*"', b"", page)
        said.add((answer.status_code, page, frozenset(answer.headers)))
    assert [status for status, _, _ in said] == [202]


def test_the_picture_is_kept_for_the_search_and_nothing_else_is(world: World, doors: Doors) -> None:
    answer = request(doors, contact="who@example.org", file=SimpleUploadedFile("x", BYTES))
    prove(doors, answer.json()["reference"])
    case = Case.objects.get(reference=answer.json()["reference"])
    assert case.search == "waiting"
    assert originals.asked(case.id).read_bytes() == BYTES
    prove(doors, request(doors, contact="who@example.org", sha256="0" * 64).json()["reference"])
    assert Case.objects.get(asked="0" * 64).search == "none"
    assert files() == [originals.asked(case.id)]


def test_a_request_tells_the_workers_whatever_was_hit(
    world: World, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hit or miss: the same messages, once the case is there."""
    told: list[str] = []
    for task in ("protect", "search"):
        monkeypatch.setattr(nudger, task, partial(lambda name, *_: told.append(f"{name} {Case.objects.count()}"), task))
    world.image(world.person("ines"), content=BYTES)
    for number, content in enumerate((BYTES, OTHER), start=1):
        told.clear()
        answer = request(doors, contact="who@example.org", file=SimpleUploadedFile("x", content))
        assert told == []
        prove(doors, answer.json()["reference"])
        assert told == [f"protect {number}", f"search {number}"]
    prove(doors, request(doors, contact="who@example.org", sha256="0" * 64).json()["reference"])
    assert told[2:] == ["protect 3"]


NO_PICTURES = {
    "empty": (b"", 422, "image-empty"),
    "text": (b"no picture at all", 422, "image-unrecognised"),
    "SVG": (b"<svg><script/></svg>", 415, "format-not-allowed"),
    "GIF": (b"GIF89a" + bytes(99), 415, "format-not-allowed"),
    "half a picture": (jpeg(progressive=True)[:9000], 422, "image-truncated"),
    "a damaged picture": (png()[:-40] + bytes(99), 422, "image-corrupt"),
    "a film": (file(portrait(1), "WEBP", save_all=True, append_images=[portrait(2)]), 422, "image-animated"),
    "two pictures": (listed(BYTES, (0x020003, OTHER)), 422, "image-animated"),
    "too many pixels": (PNG + header(16_000, 2_501), 422, "image-too-large"),
    "too large": (BYTES + bytes(40 * 2**20), 413, "upload-too-large"),
}


@pytest.mark.parametrize("name", NO_PICTURES)
def test_a_file_that_is_no_picture_is_refused_for_what_it_is(world: World, doors: Doors, name: str) -> None:
    """Before anything is looked up: the same for bytes that are there."""
    content, status, expected = NO_PICTURES[name]
    world.image(world.person("ines"), content=content or b"x", registered=False)
    began = len(files())
    answer = request(doors, contact="a@example.org", file=SimpleUploadedFile("x", content))
    assert (answer.status_code, slug(answer)) == (status, expected)
    visitor = Client(enforce_csrf_checks=True, raise_request_exception=False)
    visitor.get("/requests/new")
    form = {"contact": "a@example.org", "csrfmiddlewaretoken": visitor.cookies["csrf"].value}
    page = visitor.post("/requests/new", {**form, "file": SimpleUploadedFile("x.jpg", content)})
    assert page.status_code == status
    assert page.headers["Content-Type"].startswith("text/html")
    gc.collect()
    assert (len(files()), Case.objects.count()) == (began, 0)


def test_a_page_from_elsewhere_lodges_nothing(doors: Doors) -> None:
    visitor = Client(enforce_csrf_checks=True)
    answer = visitor.post("/requests/new", {"contact": "a@example.org", "number": "0" * 64})
    assert (answer.status_code, Case.objects.count()) == (403, 0)


def files() -> list[Path]:
    return [path for path in Path(settings.IMAGE_DIR).rglob("*") if path.is_file()]


def test_requests_that_say_too_little_or_too_much(world: World, doors: Doors) -> None:
    digest = "0" * 64
    assert slug(request(doors, contact="a@example.org")) == "field-required"
    assert slug(request(doors, sha256=digest)) == "field-required"
    assert slug(request(doors, contact="a@example.org", sha256=digest, image=str(world.collection))) == (
        "request-ambiguous"
    )
    assert slug(request(doors, contact="a@example.org", sha256="A" * 64)) == "digest-malformed"
    assert slug(request(doors, contact="a@example.org", image="x")) == "digest-malformed"
    for contact in (
        "nobody",
        "",
        f"{'a' * 243}@example.org",
        "\u0130@example.org",
        "a@b@example.org",
        "a@example.org\n",
    ):
        assert slug(request(doors, contact=contact, sha256=digest)) == "field-invalid"
    assert slug(request(doors, contact="a@example.org", sha256=digest, name="A")) == "unknown-field"
    assert Case.objects.count() == 0
    assert request(doors, contact=f"{'a' * 242}@example.org", sha256=digest).status_code == 202


@pytest.mark.parametrize("field", ["sha256", "image"])
def test_an_empty_field_is_no_number(doors: Doors, field: str) -> None:
    answer = request(doors, contact="a@example.org", **{field: ""})
    assert (answer.status_code, slug(answer), answer.json()["field"]) == (422, "digest-malformed", field)
    answer = request(doors, contact="a@example.org", sha256="0" * 64, image="")
    assert (answer.status_code, slug(answer)) == (400, "request-ambiguous")


def test_asking_often_is_limited(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REQUESTS", Limit("requests", 2, timedelta(hours=1)))
    image = str(UUID(int=1))
    for _ in range(2):
        assert request(doors, contact="a@example.org", image=image).status_code == 202
    answer = request(doors, contact="a@example.org", image=image)
    assert (answer.status_code, slug(answer)) == (429, "rate-limited")
    assert 0 < int(answer.headers["Retry-After"]) <= 3600


def test_the_description_is_whole(doors: Doors) -> None:
    found = doors.get("openapi.json").json()
    assert set(found["paths"]) == {
        "/api/v1/checkpoints",
        "/api/v1/checks",
        "/api/v1/deltas",
        "/api/v1/manifests",
        "/api/v1/manifests/{manifest}",
        "/api/v1/manifests/{manifest}/affected",
        "/api/v1/manifests/{manifest}/receipt",
        "/api/v1/matches",
        "/api/v1/me/grants",
        "/api/v1/me/images",
        "/api/v1/me/images/{image}",
        "/api/v1/me/receipts/{index}",
        "/api/v1/me/tokens",
        "/api/v1/me/tokens/{token}",
        "/api/v1/me/withdrawals",
        "/api/v1/notices/current",
        "/api/v1/notices/{digest}",
        "/api/v1/notifications",
        "/api/v1/notifications/{notification}/images",
        "/api/v1/notifications/{notification}/outcome",
        "/api/v1/requests",
        "/api/v1/requests/{reference}",
        "/api/v1/requests/{reference}/proof",
        "/api/v1/snapshot",
        "/api/v1/snapshot/parts/{sha256}",
    }
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (path, method)
            problems = [kinds for status, kinds in operation["responses"].items() if int(status) >= 400]
            assert all(list(each["content"]) == ["application/problem+json"] for each in problems)
    asked = found["paths"]["/api/v1/matches"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert doors.post("matches", doors.key(), asked["example"]).status_code == 200


def test_every_example_is_as_described(doors: Doors, subtests: pytest.Subtests) -> None:
    for path, methods in doors.get("openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            said = {"body": operation.get("requestBody", {}), **operation["responses"]}
            for where, each in said.items():
                for kind, content in each.get("content", {}).items():
                    if kind in ("application/json", "multipart/form-data"):
                        with subtests.test(f"{method} {path} {where}"):
                            jsonschema.validate(content["schema"]["example"], without_nullable(content["schema"]))


def without_nullable(schema: Any) -> Any:
    """OpenAPI 3.0's word for it, in JSON Schema's."""
    if isinstance(schema, list):
        return [without_nullable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: without_nullable(value) for name, value in schema.items() if name not in ("nullable", "example")}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") else plain


def test_the_description_is_read_and_nothing_else(doors: Doors, subtests: pytest.Subtests) -> None:
    for path, method in product(("openapi.json", "docs"), ("OPTIONS", "POST", "TRACE", "PUT")):
        with subtests.test(f"{method} {path}"):
            answer = doors.client.generic(method, f"/api/v1/{path}")
            assert (answer.status_code, slug(answer)) == (405, "method-not-allowed")
            assert answer.headers["Allow"] == "GET, HEAD"
        assert doors.client.head(f"/api/v1/{path}").status_code == 200


def test_the_description_can_be_read_without_the_network(doors: Doors) -> None:
    page = doors.get("docs")
    assert page.status_code == 200
    assert b"//" not in page.content.replace(b"<!--", b"").replace(b"http://testserver", b"")
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self';" in f"{policy};"
    assert doors.get("docs?script=").headers["Content-Type"].startswith("application/javascript")


def leaves(kind: type[Refusal]) -> set[type[Refusal]]:
    below = kind.__subclasses__()
    return {kind} if not below else {leaf for each in below for leaf in leaves(each)}


def test_every_refusal_has_a_problem_and_every_problem_a_page(doors: Doors) -> None:
    assert {leaf.slug for leaf in leaves(Refusal)} <= SLUGS.keys()
    for name, (status, title) in SLUGS.items():
        assert name in EXPLANATIONS
        page = doors.get(f"/problems/{name}")
        assert page.status_code == 200
        assert f"{status} {name}" in page.content.decode()
        assert title
    assert doors.get("/problems/nothing").status_code == 404
