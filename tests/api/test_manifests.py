"""Manifests through the doors: attested as JSON and as a stream, read again, and what each bad body is refused with."""

import secrets
from typing import Any
from uuid import UUID, uuid4

import pyarrow as pa
import pytest

from consent.models import Manifest
from consentkit.receipts import verify
from registry.log.recorder import head_size
from registry.log.signer import verifier
from service.api import manifests
from service.api.streams import MEDIA_TYPE
from tests import statements
from tests.api.conftest import Doors, slug
from tests.world import World, digest_of

ORDER = [
    *("manifest", "name", "model", "purpose", "filtered_size", "counts", "reasons", "inputs", "outputs"),
    *("keys", "images", "attested_at", "index", "receipt"),
]


def granted(world: World, count: int = 1) -> list[UUID]:
    ines = world.person("ines")
    images = [world.image(ines) for _ in range(count)]
    world.grant(ines, images)
    return images


def body(keys: list[bytes], **otherwise: Any) -> dict[str, Any]:
    size = otherwise.pop("size", None)
    note = statements.note(keys, size=head_size() if size is None else size, **otherwise)
    return {"statement": note, "keys": [key.hex() for key in keys]}


def stream(keys: Any, *, name: str = "key", batches: int = 1, **metadata: str) -> bytes:
    schema = pa.schema([(name, keys.type)], metadata=metadata)
    out = pa.BufferOutputStream()
    with pa.ipc.new_stream(out, schema) as writer:
        for batch in range(batches):
            writer.write_batch(pa.record_batch([keys[batch::batches]], schema=schema))
    return bytes(out.getvalue())


def fixed(keys: list[bytes | None]) -> Any:
    return pa.array(keys, pa.binary(32))


def send(doors: Doors, key: str, sent: bytes) -> Any:
    return doors.raw("manifests", key, sent, kind=MEDIA_TYPE)


def test_attested_read_and_proved(world: World, doors: Doors) -> None:
    key, images = doors.key(), granted(world, 2)
    sent = body([digest_of(image) for image in images])
    done = doors.post("manifests", key, sent)
    assert done.status_code == 201, done.content
    said = done.json()
    assert list(said) == ["manifest", "index", "receipt"]
    assert said["index"] == head_size() - 1
    again = doors.post("manifests", key, sent)
    assert (again.status_code, again.json()) == (200, said)
    listed = doors.get("manifests", key).json()
    assert [list(each) for each in listed["manifests"]] == [ORDER]
    one = doors.get(f"manifests/{said['manifest']}", key).json()
    assert one == {"size": head_size(), **listed["manifests"][0], "statement": sent["statement"]}
    assert doors.get(f"manifests?after={listed['next']}", key).json()["manifests"] == []
    waits = doors.get(said["receipt"], key)
    assert (waits.status_code, waits.headers["Retry-After"]) == (202, "1")
    world.publish()
    proved = verify(doors.get(said["receipt"], key).content, verifier())
    assert proved.index == said["index"]
    assert proved.items[0]["manifest"] == said["manifest"]


def test_a_stream_says_the_same(world: World, doors: Doors) -> None:
    key = doors.key()
    keys = [digest_of(image) for image in granted(world, 5)] + [secrets.token_bytes(32)]
    said = body(keys)
    first = send(doors, key, stream(fixed([*keys]), statement=said["statement"]))
    assert first.status_code == 201, first.content
    assert doors.post("manifests", key, said).json() == first.json()
    assert (Manifest.objects.get().sent, Manifest.objects.get().images) == (6, 5)
    halves = keys[::2] + keys[1::2]
    again = body(halves, name="in two batches")
    assert send(doors, key, stream(fixed([*keys]), batches=2, statement=again["statement"])).status_code == 201


def test_what_is_withdrawn_is_told_and_listed(world: World, doors: Doors) -> None:
    key, other, images = doors.key(), doors.key(), granted(world, 22)
    said = doors.post("manifests", key, body([digest_of(image) for image in images])).json()
    path = f"manifests/{said['manifest']}/affected"
    clean = doors.get(path, key).json()
    assert clean == {
        "size": head_size(),
        "counts": {"remove": 0, "wait": 0, "not_covered": 0, "unknown": 0},
        "images": [],
        "next": None,
    }
    withdrawn = world.withdraw(world.person("ines"))
    world.look_over()
    (word,) = doors.get("notifications", key).json()["notifications"]
    assert list(word) == ["id", "at", "kind", "manifest", "count", "images", "rest", "outcome"]
    assert (word["kind"], word["manifest"], word["count"]) == ("manifest", said["manifest"], 22)
    assert len(word["images"]) == 20
    page = doors.get(word["rest"], key).json()
    assert page["images"][:20] == word["images"]
    assert {each["image"] for each in page["images"]} == {str(image) for image in images}
    assert {each["reason"] for each in page["images"]} == {"remove"}
    assert doors.get(f"{word['rest']}?after={page['images'][19]['image']}&limit=1", key).json()["next"] is not None
    found = doors.get(f"{path}?limit=21", key).json()
    assert found["counts"]["remove"] == 22
    assert {each["since"] for each in found["images"]} == {withdrawn.index}
    rest = doors.get(f"{path}?after={found['next']}", key).json()
    assert list(rest) == ["size", "images", "next"]
    assert [len(found["images"]), len(rest["images"]), rest["next"]] == [21, 1, None]
    answered = doors.post(f"notifications/{word['id']}/outcome", key, {"outcome": "retrained"})
    assert answered.json() == {"id": word["id"], "outcome": "retrained"}
    for absent in (said["manifest"], str(uuid4())):
        for address in ("", "/receipt", "/affected"):
            assert slug(doors.get(f"manifests/{absent}{address}", other)) == "not-found"
    assert slug(doors.get(word["rest"], other)) == "not-found"
    assert doors.get("manifests", other).json()["manifests"] == []


def test_bad_bodies_have_their_refusals(world: World, doors: Doors, subtests: pytest.Subtests) -> None:
    key = doors.key()
    keys = [digest_of(image) for image in granted(world, 2)]
    good = body(keys)
    foreign = [secrets.token_bytes(32)]
    cases: dict[str, tuple[object, int, str]] = {
        "no statement": ({"keys": good["keys"]}, 422, "field-required"),
        "a field more": ({**good, "model": "x"}, 422, "unknown-field"),
        "no keys": ({**good, "keys": []}, 422, "bulk-empty"),
        "capitals": ({**good, "keys": [each.upper() for each in good["keys"]]}, 422, "digest-malformed"),
        "a number": ({**good, "keys": [1]}, 422, "field-invalid"),
        "no note": ({**good, "statement": "hello"}, 422, "statement-malformed"),
        "half a surrogate": ({**good, "statement": "\ud800"}, 422, "text-invalid"),
        "altered": ({**good, "statement": good["statement"].replace("face-1", "face-2")}, 422, "statement-unsigned"),
        "unknown purpose": (body(keys, purpose="x"), 422, "purpose-unknown"),
        "a purpose of others": (body(keys, purpose="evaluation"), 403, "scope-missing"),
        "ahead": (body(keys, size=head_size() + 1), 422, "size-ahead"),
        "other keys": ({**good, "keys": good["keys"][::-1]}, 422, "keys-differ"),
        "nobody knows them": (body(foreign), 422, "keys-not-ours"),
        "a list": ([good], 400, "json-not-object"),
    }
    for row, (sent, status, expected) in cases.items():
        with subtests.test(row):
            answer = doors.post("manifests", key, sent)
            assert (answer.status_code, slug(answer)) == (status, expected)
    assert slug(doors.post("manifests?after=1", key, good)) == "request-ambiguous"
    assert slug(doors.post("manifests", None, good)) == "credentials-invalid"
    assert slug(doors.post("manifests", doors.token(world.person("ines")), good)) == "scope-missing"
    many = {**good, "keys": ["00" * 32] * 100_001}
    assert slug(doors.post("manifests", key, many)) == "bulk-too-large"
    assert not Manifest.objects.exists()


def test_bad_streams_have_their_refusals(
    world: World, doors: Doors, subtests: pytest.Subtests, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = doors.key()
    keys: list[bytes] = [digest_of(image) for image in granted(world, 3)]
    note = body(keys)["statement"]
    good = stream(fixed([*keys]), statement=note)
    texts = pa.array([each.hex() for each in keys])
    cases: dict[str, tuple[bytes, str]] = {
        "cut": (good[:-40], "arrow-malformed"),
        "noise": (secrets.token_bytes(500), "arrow-malformed"),
        "texts": (stream(texts, statement=note), "field-invalid"),
        "another column": (stream(fixed([*keys]), name="sha256", statement=note), "field-invalid"),
        "16 bytes": (stream(pa.array([b"x" * 16], pa.binary(16)), statement=note), "field-invalid"),
        "a null": (stream(fixed([*keys[:2], None]), statement=note), "digest-malformed"),
        "no statement": (stream(fixed([*keys])), "field-required"),
        "no keys": (stream(fixed([]), statement=note), "bulk-empty"),
        "less than were signed": (stream(fixed([*keys[:2]]), statement=note), "keys-differ"),
    }
    for row, (sent, expected) in cases.items():
        with subtests.test(row):
            assert slug(send(doors, key, sent)) == expected
    monkeypatch.setattr(manifests, "MOST", 2)
    assert slug(send(doors, key, good)) == "bulk-too-large"
    assert not Manifest.objects.exists()


def test_questions_are_read_strictly(world: World, doors: Doors, subtests: pytest.Subtests) -> None:
    key, (image,) = doors.key(), granted(world)
    said = doors.post("manifests", key, body([digest_of(image)])).json()
    path = f"manifests/{said['manifest']}"
    cases = {
        "manifests?after=x": "field-invalid",
        "manifests?limit=0": "page-size-invalid",
        "manifests?from=1": "unknown-field",
        f"{path}?after=1": "unknown-field",
        f"{path}/affected?after=1": "field-invalid",
        f"{path}/affected?limit=5001": "page-size-invalid",
        f"manifests/{said['manifest'].upper()}": "not-found",
        "manifests/1": "not-found",
    }
    for address, expected in cases.items():
        with subtests.test(address):
            assert slug(doors.get(address, key)) == expected
    world.publish()
    assert slug(doors.post(path, key, {})) == "method-not-allowed"
