"""Doors without a key: the log, requests, the description, the pages about problems."""

import hashlib
import time
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from consent.models import Case
from consentkit import merkle, tiles
from consentkit.checkpoints import open_checkpoint
from registry.errors import Refusal
from registry.log.signer import verifier
from service import limits
from service.explanations import EXPLANATIONS
from service.problems import SLUGS
from tests.api.conftest import Doors, slug
from tests.world import World, digest_of

BEAT = 0.25


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


def test_a_hit_and_a_miss_are_one_answer(world: World, doors: Doors) -> None:
    image = world.image(world.person("ines"), content=b"\xff\xd8\xff the bytes")
    hits = [
        {"image": str(image)},
        {"sha256": digest_of(image).hex()},
        {"file": SimpleUploadedFile("x", b"\xff\xd8\xff the bytes")},
    ]
    misses = [
        {"image": "0" * 8 + str(image)[8:]},
        {"sha256": hashlib.sha256(b"").hexdigest()},
        {"file": SimpleUploadedFile("x", b"no picture at all")},
    ]
    request(doors, contact="warm@example.org", sha256="0" * 64)
    for form in hits + misses:
        began = time.monotonic()
        answer = request(doors, contact="Who@Example.org", **form)
        lasted = time.monotonic() - began
        assert (answer.status_code, list(answer.json())) == (202, ["reference"])
        assert len(answer.json()["reference"]) == 14
        assert lasted >= BEAT
    assert Case.objects.filter(contact="who@example.org").count() == 6
    key = doors.key()
    assert doors.decisions(key, image) == [("excluded", "wait")]


def test_requests_that_say_too_little_or_too_much(world: World, doors: Doors) -> None:
    digest = "0" * 64
    assert slug(request(doors, contact="a@example.org")) == "field-required"
    assert slug(request(doors, sha256=digest)) == "field-required"
    assert slug(request(doors, contact="a@example.org", sha256=digest, image=str(world.collection))) == (
        "request-ambiguous"
    )
    assert slug(request(doors, contact="a@example.org", sha256="A" * 64)) == "digest-malformed"
    assert slug(request(doors, contact="a@example.org", image="x")) == "digest-malformed"
    assert slug(request(doors, contact="nobody", sha256=digest)) == "field-invalid"
    assert slug(request(doors, contact="a@example.org", sha256=digest, name="A")) == "unknown-field"
    assert Case.objects.count() == 0


def test_asking_often_is_limited(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ALLOWED", 2)
    image = str(UUID(int=1))
    for _ in range(2):
        assert request(doors, contact="a@example.org", image=image).status_code == 202
    answer = request(doors, contact="a@example.org", image=image)
    assert (answer.status_code, slug(answer)) == (429, "rate-limited")
    assert 0 < int(answer.headers["Retry-After"]) <= 3600


def test_the_description_is_whole(doors: Doors) -> None:
    found = doors.get("openapi.json").json()
    assert set(found["paths"]) == {
        "/api/v1/checks",
        "/api/v1/deltas",
        "/api/v1/me/grants",
        "/api/v1/me/images",
        "/api/v1/me/images/{image}",
        "/api/v1/me/receipts/{index}",
        "/api/v1/me/withdrawals",
        "/api/v1/notices/current",
        "/api/v1/requests",
        "/api/v1/snapshot",
        "/api/v1/snapshot/parts/{sha256}",
    }
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (path, method)
            problems = [kinds for status, kinds in operation["responses"].items() if int(status) >= 400]
            assert all(list(each["content"]) == ["application/problem+json"] for each in problems)


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
