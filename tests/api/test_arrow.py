"""Checks as an Arrow stream say what checks as JSON say."""

import io
from typing import Any

import pyarrow as pa
import pytest

from service.api import arrow, streams
from tests.api.conftest import Doors, slug
from tests.world import World, digest_of

SAID = {"purpose": "ai_training", "by": "sha256"}
DIGEST = "0" * 64


def stream(
    *batches: list[str | None], said: dict[str, str] | None = None, name: str = "key", kind: Any = None, **options: Any
) -> bytes:
    schema = pa.schema([(name, kind or pa.string())], metadata=SAID if said is None else said)
    out = io.BytesIO()
    with pa.ipc.new_stream(out, schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for keys in batches:
            writer.write_batch(pa.record_batch([pa.array(keys, schema.field(0).type)], schema=schema))
    return out.getvalue()


def ask(doors: Doors, key: str, body: bytes, query: str = "") -> Any:
    kind = streams.MEDIA_TYPE
    return doors.raw(f"checks{query}", key, body, kind=kind, Content_Type=kind)  # kept by an empty body, too


def table(answer: Any) -> Any:
    assert answer.status_code == 200, answer.content
    assert answer.headers["Content-Type"] == streams.MEDIA_TYPE
    return pa.ipc.open_stream(io.BytesIO(b"".join(answer.streaming_content))).read_all()


def test_it_says_what_json_says(world: World, doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "AT_ONCE", 3)
    ines, key = world.person("ines"), doors.key()
    images = [world.image(ines) for _ in range(5)]
    world.grant(ines, images[:3])
    world.withdraw(ines, images[:1])
    asked = [*(digest_of(image).hex() for image in images), DIGEST, digest_of(images[1]).hex()]
    found = table(ask(doors, key, stream(asked[:4], asked[4:])))
    by_json = doors.check(key, asked, by="sha256")
    assert found.to_pylist() == by_json["decisions"]
    assert found.schema.names == ["key", "decision", "reason"]
    metadata = {name.decode(): value.decode() for name, value in found.schema.metadata.items()}
    assert metadata.keys() == {"size", "purpose", "valid_until"}
    assert (metadata["size"], metadata["purpose"]) == (f"{by_json['size']}", "ai_training")
    large = table(ask(doors, key, stream(asked, said={}, kind=pa.large_string()), "?purpose=ai_training"))
    assert large.to_pylist() == by_json["decisions"]
    by_image = stream([str(images[1])], said={"purpose": "ai_training", "by": "image"})
    assert table(ask(doors, key, by_image)).to_pylist()[0]["decision"] == "permitted"


def test_what_is_no_stream_of_keys(doors: Doors, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests) -> None:
    key = doors.key()
    monkeypatch.setattr(arrow, "MOST", 8)
    sound = stream([DIGEST] * 4)
    cases = {
        "empty": (b"", "arrow-malformed"),
        "text": (b"hello", "arrow-malformed"),
        "JSON": (b'{"purpose":"ai_training"}', "arrow-malformed"),
        "cut": (sound[:-200], "arrow-malformed"),
        "compressed": (stream([DIGEST] * 4, compression="zstd"), "arrow-malformed"),
        "no rows": (stream([]), "bulk-empty"),
        "no batches": (stream(), "bulk-empty"),
        "too many": (stream([DIGEST] * 5, [DIGEST] * 4), "bulk-too-large"),
        "null": (stream([DIGEST, None]), "digest-malformed"),
        "capitals": (stream([DIGEST], ["A" * 64]), "digest-malformed"),
        "other column": (stream([DIGEST], name="sha256"), "field-invalid"),
        "numbers": (stream([], kind=pa.int64()), "field-invalid"),
        "dictionary": (stream([DIGEST], kind=pa.dictionary(pa.int32(), pa.string())), "field-invalid"),
        "no purpose": (stream([DIGEST], said={}), "field-required"),
        "purpose unknown": (stream([DIGEST], said={"purpose": "x"}), "purpose-unknown"),
        "purpose of others": (stream([DIGEST], said={"purpose": "evaluation"}), "scope-missing"),
    }
    for name, (body, expected) in cases.items():
        with subtests.test(name):
            answer = ask(doors, key, body)
            assert slug(answer) == expected
            assert expected != "digest-malformed" or answer.json()["position"] == 1
    assert slug(ask(doors, key, sound, "?purpose=evaluation")) == "request-ambiguous"
    assert slug(ask(doors, key, sound, "?audience=research")) == "unknown-field"
    for at in range(0, len(sound), 3):
        bent = sound[:at] + bytes([sound[at] ^ 0x41]) + sound[at + 1 :]
        assert ask(doors, key, bent).status_code < 500
