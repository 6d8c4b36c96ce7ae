"""Each door keeps what it tells, just that, and before it tells it; and what people read of it."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pyarrow as pa
import pytest
from django.db import connection

from consent.acts.unfold import unfold
from consent.exclusions import deltas
from consent.models import Disclosure
from consentkit.closes import open_close
from consentkit.fingerprints.views import VERSION
from registry import originals
from registry.log.recorder import head_size
from registry.log.signer import verifier
from registry.models import Image
from service.api import arrow, streams
from tests import oracle
from tests.api.conftest import Doors, slug
from tests.drawn import jpeg
from tests.world import World, altered, digest_of, opened_collection, views_of_file

Told = tuple[str, set[UUID], int, int | None]  # how, images, size, since
Ask = Callable[[Doors, str, str], Any]  # with a key, and the cursor that it has
SAID = {"purpose": "ai_training"}


def told() -> list[Told]:
    """What was kept, in its order."""
    return [(row.how, _ids(row), row.size, row.since) for row in Disclosure.objects.order_by("serial")]


def _ids(row: Disclosure) -> set[UUID]:
    return {UUID(bytes=bytes(row.images)[at : at + 16]) for at in range(0, len(row.images), 16)}


def scopes(row: Disclosure) -> list[tuple[str, str]]:
    return [scope for bit, scope in enumerate(oracle.SCOPES) if row.scopes & 2**bit]


def stream(*batches: list[str]) -> bytes:
    schema = pa.schema([("key", pa.string())], metadata=SAID)
    out = io.BytesIO()
    with pa.ipc.new_stream(out, schema) as writer:
        for keys in batches:
            writer.write_batch(pa.record_batch([pa.array(keys, pa.string())], schema=schema))
    return out.getvalue()


def unfolded() -> None:
    while unfold():
        pass


def test_a_check_keeps_the_images_that_answered(world: World, doors: Doors) -> None:
    ines, joan, key = world.person("ines"), world.person("joan"), doors.key("ai_training", "evaluation")
    given, taken, raw = world.image(ines), world.image(ines), world.image(ines, registered=False)
    world.image(ines)  # which nobody asks about
    world.grant(ines, [given])
    world.withdraw(ines, [taken])
    assert world.image(joan, content=originals.original(given).read_bytes()) == given
    asked = [str(each) for each in (given, taken, given, raw, uuid4())]
    by_image = doors.check(key, asked, purpose="evaluation")
    digests = [digest_of(each).hex() for each in (taken, given, taken)]
    by_digest = doors.check(key, [*digests, "0" * 64], by="sha256")
    assert told() == [
        ("check", {given, taken, raw}, by_image["size"], None),
        ("check", {given, taken}, by_digest["size"], None),
    ]
    first, second = Disclosure.objects.order_by("serial")
    assert (scopes(first), scopes(second)) == ([("evaluation", "research")], [("ai_training", "research")])
    assert abs((first.at - datetime.now(UTC)).total_seconds()) < 60


def test_strangers_and_other_collections_leave_nothing(world: World, doors: Doors) -> None:
    image = world.image(world.person("ines"))
    doors.check(doors.key(), [str(uuid4())])
    doors.check(doors.key(), ["0" * 64], by="sha256")
    doors.check(doors.key(collection=opened_collection("Other", at=world.at)), [str(image)])
    assert slug(doors.post("checks", doors.key(), {"purpose": "evaluation", "by": "image", "keys": [str(image)]}))
    assert told() == []


def test_a_stream_keeps_the_same_in_pieces(world: World, doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "AT_ONCE", 3)
    monkeypatch.setattr(arrow, "PIECE", 16 * 4)
    key, images = doors.key(), [world.image(world.person("ines")) for _ in range(9)]
    keys = [digest_of(image).hex() for image in images]
    body = stream(keys[:5], ["0" * 64, keys[0]], keys[5:])
    kept: list[Told] = []

    def ask() -> Any:
        answer = doors.raw("checks", key, body, kind=streams.MEDIA_TYPE)
        kept.extend(told())  # all is kept before the first byte is rendered
        return pa.ipc.open_stream(io.BytesIO(b"".join(answer.streaming_content))).read_all()

    assert len(ask()) == 11
    assert kept == told()
    assert [len(each[1]) for each in kept] == [4, 4, 2]
    assert set.union(*(each[1] for each in kept)) == set(images)
    assert {each[2] for each in kept} == {head_size()}


def test_a_match_keeps_the_images_that_it_names(world: World, doors: Doors) -> None:
    ines, key = world.person("ines"), doors.key()
    shown, other = (world.upload(ines, jpeg(seed)) for seed in (1, 2))
    pictures = [
        {"key": name, "views": views_of_file(content).hex()}
        for name, content in (("a", altered(jpeg(1), mirror=True)), ("b", jpeg(1)), ("c", jpeg(9)))
    ]
    body = {"purpose": "ai_training", "version": VERSION, "pictures": pictures}
    assert doors.post("matches", key, body).status_code == 200
    assert told() == []  # nothing is protected, so nothing of ours was named
    world.withdraw(ines, [shown])
    world.protect()
    answer = doors.post("matches", key, body).json()
    assert [bool(each["matches"]) for each in answer["pictures"]] == [True, True, False]
    assert told() == [("match", {shown}, answer["size"], None)]
    assert other not in told()[0][1]


def test_a_snapshot_is_kept_each_time_that_its_list_is_sent(world: World, doors: Doors) -> None:
    key = doors.key("ai_training", "evaluation", audience="commercial")
    for _ in range(3):
        world.image(world.person("ines"))
    first = doors.get("snapshot", key)
    assert doors.get("snapshot", key, If_None_Match=first.headers["ETag"]).status_code == 304
    doors.get("snapshot", key)
    size = first.json()["size"]
    assert told() == [("snapshot", set(), size, None)] * 2
    row = Disclosure.objects.first()
    assert row is not None
    assert row.count == 3
    assert scopes(row) == [("ai_training", "commercial"), ("evaluation", "commercial")]
    part = first.json()["parts"][0]["sha256"]
    assert doors.get(f"snapshot/parts/{part}", key).status_code == 200
    assert len(told()) == 2  # the list named it
    # Another pipeline has the same rows, and was told of no list: it would read them off the record.
    other = doors.key("ai_training", "evaluation", audience="commercial")
    assert doors.get(f"snapshot/parts/{part}", other).status_code == 404
    assert doors.get("snapshot", other).json()["parts"][0]["sha256"] == part
    assert doors.get(f"snapshot/parts/{part}", other).status_code == 200


def test_each_page_of_a_delta_is_kept(world: World, doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deltas, "PAGE", 2)
    key = doors.key()
    begun = open_close(doors.get("snapshot", key).json()["close"], verifier())
    for _ in range(3):
        world.image(world.person("ines"))
    page = doors.get(f"deltas?from={begun.cursor}", key).json()
    last = doors.get(f"deltas?from={page['next']}", key).json()
    close = open_close(last["close"], verifier())
    assert told()[1:] == [("delta", set(), head_size(), begun.size)] * 2
    assert list(Disclosure.objects.filter(how="delta").order_by("serial").values_list("count", flat=True)) == [2, 1]
    doors.get(f"deltas?from={close.cursor}", key)
    assert len(told()) == 3  # its cursor knew all of it
    world.person("somebody")
    assert doors.get(f"deltas?from={close.cursor}", key).json()["rows"] == []
    assert told()[3:] == [("delta", set(), head_size(), close.size)]  # that nothing changed is news


ASKED: dict[str, Ask] = {
    "check": lambda doors, key, _: doors.post("checks", key, {**SAID, "by": "sha256", "keys": [_digest()]}),
    "stream": lambda doors, key, _: doors.raw("checks", key, stream([_digest()]), kind=streams.MEDIA_TYPE),
    "match": lambda doors, key, _: doors.post("matches", key, {**SAID, "version": VERSION, "pictures": [_picture()]}),
    "snapshot": lambda doors, key, _: doors.get("snapshot", key),
    "delta": lambda doors, key, cursor: doors.get(f"deltas?from={cursor}", key),
}


def _digest() -> str:
    return bytes(Image.objects.get().sha256).hex()


def _picture() -> dict[str, str]:
    return {"key": "a", "views": views_of_file(jpeg(1)).hex()}


@pytest.mark.parametrize("how", ASKED)
def test_no_record_no_answer(world: World, doors: Doors, how: str) -> None:
    """The record is refused, by a trigger that says what a full disk says."""
    ines, key = world.person("ines"), doors.key()
    begun = open_close(doors.get("snapshot", key).json()["close"], verifier())
    image = world.upload(ines, jpeg(1))
    world.grant(ines)
    world.withdraw(ines)
    world.protect()
    before = told()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ "
            "BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$; "
            "CREATE TRIGGER fails BEFORE INSERT ON consent_disclosure FOR EACH STATEMENT EXECUTE FUNCTION fail()"
        )
    answer = ASKED[how](doors, key, begun.cursor)
    assert (answer.status_code, slug(answer)) == (507, "storage-full")
    assert str(image).encode() not in answer.content
    assert told() == before
    world.withdraw(ines, [image], purposes=["evaluation"])  # law 9
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER fails ON consent_disclosure")
    assert ASKED[how](doors, key, begun.cursor).status_code == 200
    assert len(told()) == len(before) + 1


def test_a_database_that_takes_no_changes_answers_strangers_alone(world: World, doors: Doors) -> None:
    image, key = world.image(world.person("ines")), doors.key()
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        known = doors.post("checks", key, {"purpose": "ai_training", "by": "image", "keys": [str(image)]})
        unknown = doors.decisions(key, uuid4())
        cursor.execute("SET default_transaction_read_only = off")
    assert (known.status_code, slug(known)) == (503, "unavailable")
    assert unknown == [("unknown", None)]


def test_people_read_who_asked_and_who_takes_the_list(world: World, doors: Doors) -> None:
    ines, joan, key, other = world.person("ines"), world.person("joan"), doors.key(), doors.key("evaluation")
    mine, also = world.image(ines), world.image(ines)
    path, token = f"me/images/{mine}", doors.token(ines)
    assert doors.get(path, token).json()["informed"] == []
    doors.check(key, [str(mine)])
    doors.get("snapshot", other)
    assert doors.get(path, token).json()["informed"][0]["asked"] is None  # not yet
    unfolded()
    asked, listed = doors.get(path, token).json()["informed"]
    assert (asked["organisation"], asked["purposes"], asked["audience"]) == ("lab", ["ai_training"], "research")
    assert asked["asked"].keys() == {"purposes", "first_at"}
    assert (asked["asked"]["purposes"], asked["listed"]) == (["ai_training"], None)
    assert (listed["purposes"], listed["asked"]) == (["evaluation"], None)
    assert listed["listed"].keys() == {"last_at", "size"}
    (on_the_list,) = doors.get(f"me/images/{also}", token).json()["informed"]
    assert on_the_list == listed
    later = world.image(joan)
    assert doors.get(f"me/images/{later}", doors.token(joan)).json()["informed"] == []  # that list is older
    assert doors.get(path, doors.token(joan)).status_code == 404
