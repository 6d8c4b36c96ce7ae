"""Snapshots and deltas: a pipeline's own copy, in step with the registry and never ahead of a withdrawal."""

import hashlib
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow.parquet as pq
import pytest
from django.conf import settings
from pytest_django import Settings

from consent.acts.publish_snapshot import publish_snapshot
from consent.exclusions import deltas, parts, snapshots
from consent.exclusions.cursors import Cursor
from consent.exclusions.feed import Feed
from consent.models import Pipeline
from consentkit.closes import Close, open_close, open_list
from consentkit.errors import BadProof
from consentkit.published import particulars, require_leaf
from consentkit.scopes import FEED_MODULUS, row_digest, scope
from registry.log.readiness import LONGEST_WAIT
from registry.log.signer import verifier
from registry.models import Entry
from tests.api.conftest import Doors, slug
from tests.world import World, digest_of

PURPOSES = ("ai_training", "evaluation")
Rows = dict[str, dict[str, Any]]


def snapshot(doors: Doors, key: str) -> tuple[Rows, Close, Any]:
    """The rows by image, the close, and the whole answer, after checking everything that is signed."""
    answer = doors.get("snapshot", key).json()
    listed, close = open_list(answer["list"], verifier()), open_close(answer["close"], verifier())
    assert [vars(part) for part in listed.parts] == answer["parts"]
    assert listed.size == close.size == answer["size"]
    rows: Rows = {}
    for part in answer["parts"]:
        content = b"".join(doors.get(f"snapshot/parts/{part['sha256']}", key).streaming_content)
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (part["sha256"], part["bytes"])
        found = pq.read_table(io.BytesIO(content)).to_pylist()
        assert len(found) == part["rows"]
        assert [row["sha256"].hex()[: len(part["prefix"])] for row in found] == [part["prefix"]] * len(found)
        assert found == sorted(found, key=lambda row: (row["sha256"], row["image"]))
        rows |= {row["image"]: {**row, "sha256": row["sha256"].hex()} for row in found}
    return rows, close, answer


def changes(doors: Doors, key: str, cursor: str) -> tuple[list[dict[str, Any]], Close, int]:
    """All rows behind a cursor in their order, the close, and how many pages it took."""
    rows: list[dict[str, Any]] = []
    pages = 0
    while True:
        page = doors.get(f"deltas?from={cursor}", key).json()
        rows += page["rows"]
        pages += 1
        if "close" in page:
            assert "next" not in page
            return rows, open_close(page["close"], verifier()), pages
        cursor = page["next"]


def digest(rows: Iterable[dict[str, Any]], audience: str = "research") -> str:
    total = sum(
        row_digest(
            UUID(row["image"]).bytes,
            bytes.fromhex(row["sha256"]),
            scope(purpose, audience),
            row[f"{purpose}_until"],
            row[f"{purpose}_reason"],
        )
        for row in rows
        for purpose in PURPOSES
    )
    return f"{total % FEED_MODULUS:064x}"


def story(world: World) -> None:
    """Some of everything that can happen to an image."""
    ines, joan = world.person("ines"), world.person("joan")
    images = [world.image(ines) for _ in range(6)] + [world.image(ines, registered=False)]
    world.image(joan, content=b"the same bytes")
    world.image(ines, content=b"the same bytes")
    world.grant(ines, images[:4])
    world.withdraw(ines, images[:1], purposes=["evaluation"])
    world.case(image=images[1])


def test_a_snapshot_holds_every_row_and_its_close_adds_up(world: World, doors: Doors) -> None:
    story(world)
    rows, close, answer = snapshot(doors, doors.key(*PURPOSES))
    assert (len(rows), digest(rows.values())) == (close.count, close.digest)
    assert list(answer) == ["size", "audience", "purposes", "parts", "list", "close", "logged"]
    assert close.not_after - close.issued_at == 7 * 86_400
    assert (answer["audience"], answer["purposes"]) == ("research", list(PURPOSES))
    assert {row["ai_training_reason"] for row in rows.values()} == {None, "wait", "not_covered", "unknown"}


def test_law_5_snapshot_and_delta_make_the_next_snapshot(
    world: World, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deltas, "PAGE", 2)
    key, ines = doors.key(*PURPOSES), world.person("ines")
    story(world)
    rows, close, _ = snapshot(doors, key)
    world.withdraw(ines)
    fresh = world.image(ines)
    world.grant(ines, [fresh], purposes=["evaluation"])
    changed, end, pages = changes(doors, key, close.cursor)
    assert pages > 2
    rows |= {row["image"]: {name: row[name] for name in next(iter(rows.values()))} for row in changed}
    assert (len(rows), digest(rows.values())) == (end.count, end.digest)
    assert snapshot(doors, key)[0] == rows
    assert changes(doors, key, end.cursor)[0] == []


def test_a_row_that_changes_between_pages_comes_again(
    world: World, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I10: a withdrawal while pages are fetched is in the last of them."""
    monkeypatch.setattr(deltas, "PAGE", 2)
    key, ines = doors.key(*PURPOSES), world.person("ines")
    _, close, _ = snapshot(doors, key)
    images = [world.image(ines) for _ in range(3)]
    world.grant(ines)
    first = doors.get(f"deltas?from={close.cursor}", key).json()
    world.withdraw(ines, [UUID(first["rows"][0]["image"])])
    rest, end, _ = changes(doors, key, first["next"])
    applied = {row["image"]: row for row in first["rows"] + rest}
    assert len(applied) == len(images)
    assert (end.count, end.digest) == (len(applied), digest(applied.values()))
    assert applied[first["rows"][0]["image"]]["ai_training_reason"] == "remove"


def test_law_2_an_offered_snapshot_never_outlives_a_withdrawal(world: World, doors: Doors) -> None:
    key, ines = doors.key(), world.person("ines")
    image = world.image(ines)
    world.grant(ines)
    first = doors.get("snapshot", key)
    world.person("somebody-else")
    again = doors.get("snapshot", key)
    assert (again.json(), again.headers["ETag"]) == (first.json(), first.headers["ETag"])
    unchanged = doors.get("snapshot", key, If_None_Match=first.headers["ETag"])
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    taken = world.withdraw(ines)
    rows, close, _ = snapshot(doors, key)
    assert rows[str(image)]["ai_training_reason"] == "remove"
    assert close.size == taken.index + 1
    assert doors.get("snapshot", key, If_None_Match=first.headers["ETag"]).status_code == 200


def test_a_published_snapshot_is_in_the_log_once(world: World, doors: Doors) -> None:
    key = doors.key(*PURPOSES)
    story(world)
    before = Entry.objects.count()
    rows, close, answer = snapshot(doors, key)
    listed = open_list(answer["list"], verifier())
    assert (listed.size, answer["logged"]["index"], Entry.objects.count()) == (before, before, before + 1)
    said = particulars(answer["list"], listed, close)
    salt = bytes.fromhex(answer["logged"]["salt"])
    require_leaf(bytes(Entry.objects.get(index=before).leaf), salt=salt, said=said)
    with pytest.raises(BadProof):
        require_leaf(bytes(Entry.objects.get(index=before).leaf), salt=salt, said=said | {"count": len(rows) + 1})
    # Its own entry changes no row: neither this key nor another of the same scopes has one built anew.
    assert snapshot(doors, key)[2] == answer
    assert snapshot(doors, doors.key(*PURPOSES))[2] == answer
    assert doors.get(f"deltas?from={close.cursor}", key).json()["rows"] == []
    assert Entry.objects.count() == before + 2  # the second key
    world.withdraw(world.person("ines"))
    again = snapshot(doors, key)[2]
    assert again["logged"]["index"] == again["size"] == Entry.objects.count() - 1


def test_law_9_a_snapshot_that_took_long_is_no_entry_that_waits_long(world: World) -> None:
    """Else each build of half a minute would have every permission read unknown until the checkpoint over it."""
    begun = world.at
    ended = begun + 2 * LONGEST_WAIT
    times = iter([begun, ended])
    feed = Feed(world.collection, PURPOSES, "research")
    made = publish_snapshot(feed, clock=lambda: next(times))
    assert Entry.objects.get(index=made.logged.index).recorded_at == ended
    assert open_close(made.close, verifier()).issued_at == int(begun.timestamp())


def test_parts_are_cut_by_prefix(world: World, doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    ines = world.person("ines")
    images = [world.image(ines) for _ in range(20)]
    for pieces, count in ((((10, 0), (100, 1)), 16), (((1, 0), (2, 1)), 256)):
        monkeypatch.setattr(snapshots, "PIECES", pieces)
        world.image(ines)
        rows, close, answer = snapshot(doors, doors.key(*PURPOSES))
        assert len(answer["parts"]) == count
        assert rows.keys() >= {str(image) for image in images}
        assert (len(rows), digest(rows.values())) == (close.count, close.digest)


def test_ranges_of_a_part(world: World, doors: Doors) -> None:
    key = doors.key()
    world.image(world.person("ines"))
    listed = snapshot(doors, key)[2]["parts"][0]
    path, length = f"snapshot/parts/{listed['sha256']}", listed["bytes"]
    whole = b"".join(doors.get(path, key).streaming_content)
    for asked, start, stop in (("0-9", 0, 10), ("-5", length - 5, length), (f"7-{10**9}", 7, length)):
        answer = doors.get(path, key, Range=f"bytes={asked}")
        assert (answer.status_code, b"".join(answer.streaming_content)) == (206, whole[start:stop])
        assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{length}"
    for ignored in ("bytes=9-3", "bytes=0-1,4-5", "bytes=-", "lines=1-2", "bytes=x"):
        assert doors.get(path, key, Range=ignored).status_code == 200
    beyond = doors.get(path, key, Range=f"bytes={length}-")
    assert (beyond.status_code, slug(beyond)) == (416, "range-not-satisfiable")
    assert beyond.headers["Content-Range"] == f"bytes */{length}"
    assert doors.get(path, key, Range="bytes=0-1", If_Range='"other"').status_code == 200
    assert doors.get(path, key, If_None_Match=f'"{listed["sha256"]}"').status_code == 304


def test_a_snapshot_whose_cursor_leads_nowhere_is_built_anew(world: World, doors: Doors, settings: Settings) -> None:
    """Its cursor was written with a secret that has changed since: a client that took it could not go on."""
    key = doors.key()
    _, old, _ = snapshot(doors, key)
    settings.SECRET_KEY = f"{settings.SECRET_KEY} changed"
    assert slug(doors.get(f"deltas?from={old.cursor}", key)) == "cursor-altered"
    _, fresh, _ = snapshot(doors, key)
    assert doors.get(f"deltas?from={fresh.cursor}", key).status_code == 200
    assert snapshot(doors, key)[1] == fresh


def test_a_part_is_only_for_keys_of_its_scopes(world: World, doors: Doors) -> None:
    world.image(world.person("ines"))
    path = f"snapshot/parts/{snapshot(doors, doors.key())[2]['parts'][0]['sha256']}"
    assert slug(doors.get(path, doors.key("evaluation"))) == "not-found"
    assert slug(doors.get(path)) == "credentials-invalid"
    assert slug(doors.get(f"snapshot/parts/{'0' * 64}", doors.key())) == "not-found"
    other = doors.key()
    assert doors.get("snapshot", other).status_code == 200
    assert doors.get(path, other).status_code == 200


def test_cursors_of_others_and_of_the_future(world: World, doors: Doors) -> None:
    key = doors.key()
    _, close, _ = snapshot(doors, key)
    feed = Feed(world.collection, ("ai_training",), "research")
    assert slug(doors.get(f"deltas?from={close.cursor}", doors.key("evaluation"))) == "resync-required"
    assert slug(doors.get(f"deltas?from={close.cursor}", doors.key(audience="commercial"))) == "resync-required"
    ahead = Cursor(close.size + 1_000).encode(feed)
    assert slug(doors.get(f"deltas?from={ahead}", key)) == "resync-required"
    assert slug(doors.get("deltas", key)) == "cursor-altered"


def test_coming_back_with_a_close_says_how_far_a_pipeline_has_come(world: World, doors: Doors) -> None:
    key, ines = doors.key(), world.person("ines")
    image = world.image(ines)
    world.grant(ines)
    path, token = f"me/images/{image}", doors.token(ines)
    _, close, _ = snapshot(doors, key)
    assert doors.get(path, token).json()["synced"] == {"synced": 0, "pipelines": 1}
    doors.get(f"deltas?from={close.cursor}", key)
    assert Pipeline.objects.get().synced_size == close.size
    assert doors.get(path, token).json()["synced"] == {"synced": 1, "pipelines": 1}
    world.withdraw(ines)
    assert doors.get(path, token).json()["synced"] == {"synced": 0, "pipelines": 1}


def test_law_11_in_doubt_neither_is_given(world: World, doors: Doors) -> None:
    key = doors.key()
    _, close, _ = snapshot(doors, key)
    path = Path(settings.CHECKPOINT_DIR) / "checkpoint"
    kept = path.read_text()
    path.unlink()
    for asked in ("snapshot", f"deltas?from={close.cursor}"):
        answer = doors.get(asked, key)
        assert (answer.status_code, slug(answer)) == (503, "log-in-doubt")
        assert answer.headers["Retry-After"]
    path.write_text(kept)
    assert doors.get("snapshot", key).status_code == 200


def test_the_cursor_says_nothing_that_the_note_does_not_sign(world: World, doors: Doors) -> None:
    answer = doors.get("snapshot", doors.key()).json()
    line = json.loads(answer["close"].split("\n")[1])
    assert list(line) == ["count", "cursor", "digest", "issued_at", "not_after", "size"]
    assert answer["close"].split("\n")[0] == f"{verifier().name}/feed"


def test_old_parts_are_pruned(world: World, doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    key, ines = doors.key(), world.person("ines")
    world.image(ines)
    old = snapshot(doors, key)[2]["parts"][0]["sha256"]
    monkeypatch.setattr(snapshots, "KEPT", snapshots.KEPT * 0)
    world.image(ines)
    new = doors.get("snapshot", key).json()["parts"][0]["sha256"]
    assert {path.name for path in parts.folder().iterdir()} == {new}
    assert old != new


def test_digests_are_those_of_the_bytes(world: World, doors: Doors) -> None:
    image = world.image(world.person("ines"))
    rows, _, _ = snapshot(doors, doors.key())
    assert rows[str(image)]["sha256"] == digest_of(image).hex()
