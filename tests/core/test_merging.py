"""What merging must not let through: damaged files, wrong merges, changes that nobody found, rows in doubt."""

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any, cast
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from consent.acts.publish_snapshot import publish_snapshot
from consent.exclusions import merging, parts, snapshots
from consent.exclusions.feed import Feed, Totals
from consent.exclusions.merging import NotMerged
from consent.exclusions.rebuild import rebuild
from consent.models import Snapshot
from consentkit.closes import Part
from registry.log.readiness import LogInDoubt
from registry.models import Image
from tests.core.conftest import Kept, by_rows, path
from tests.threads import connected

ROWS = st.dictionaries(
    st.tuples(st.sampled_from([b"a" * 32, b"b" * 32, b"b" * 31 + bytes(1)]), st.integers(0, 5)), st.integers(1, 9)
)


@given(old=ROWS, changed=ROWS)
def test_merging_is_a_dictionary_s_update(old: dict[Any, int], changed: dict[Any, int]) -> None:
    found = merging._with(table(old), table(changed))
    assert found.equals(table(old | changed))
    assert found["sha256"].num_chunks <= 1


def table(rows: dict[tuple[bytes, int], int]) -> Any:
    """In order."""
    schema = pa.schema([("sha256", pa.binary(32)), ("image", pa.string()), ("ai_training_until", pa.int64())])
    ruled = [(sha256, str(UUID(int=image)), until) for (sha256, image), until in sorted(rows.items())]
    columns = [list(column) for column in zip(*ruled, strict=True)] or [[], [], []]
    return pa.Table.from_arrays([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)


# Not signed

DAMAGED: dict[str, Callable[[Path], object]] = {
    "altered": lambda file: file.write_bytes(file.read_bytes()[:-20] + b"x" + file.read_bytes()[-19:]),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "missing": lambda file: file.unlink(),
}


@pytest.mark.parametrize("touched", [True, False])
@pytest.mark.parametrize("how", DAMAGED)
def test_a_damaged_part_is_in_no_new_snapshot(kept: Kept, how: str, touched: bool) -> None:
    ines = kept.world.person("ines")
    images = [kept.world.image(ines) for _ in range(12)]
    before = kept.published()
    kept.world.withdraw(ines, images[:1])
    digit = bytes(Image.objects.get(id=images[0]).sha256).hex()[0]
    DAMAGED[how](path(next(part for part in before.parts if (part.prefix == digit) == touched)))
    kept.whole = 0
    after = kept.published()
    assert kept.whole == 16
    for part in after.parts:
        assert hashlib.sha256(path(part).read_bytes()).hexdigest() == part.sha256
    assert {row["image"]: row["ai_training_reason"] for row in by_rows(after)} == {
        str(image): "remove" if image == images[0] else "not_covered" for image in images
    }


def test_a_part_of_other_columns_is_not_merged(kept: Kept) -> None:
    """As another version may have written them."""
    kept.world.image(kept.world.person("ines"))
    (part,) = (part for part in kept.published().parts if part.rows)
    merging._read(kept.feed, part)
    other = Feed(kept.feed.collection, ("ai_training",), "research")
    with pytest.raises(NotMerged):
        merging._read(other, part)
    with pytest.raises(NotMerged):
        merging._read(kept.feed, Part(part.prefix, part.sha256, part.bytes, part.rows + 1))


def permitting_another(table: Any, changed: Any) -> Any:
    """The first row that did not change permits."""
    images, touched = table["image"].to_pylist(), set(changed["image"].to_pylist())
    ends = table["ai_training_until"].to_pylist()
    ends[next(at for at, image in enumerate(images) if image not in touched)] = 4_102_444_800
    at = table.schema.get_field_index("ai_training_until")
    return table.set_column(at, "ai_training_until", pa.array(ends, pa.int64()))


def misplaced(new: Any, changed: Any) -> Any:
    """The changed row behind all others, or before them if that is its place."""
    is_changed = pc.is_in(new["image"], value_set=changed["image"].combine_chunks())
    one, others = new.filter(is_changed), new.filter(pc.invert(is_changed))
    behind = pa.concat_tables([others, one])
    return pa.concat_tables([one, others]) if behind.equals(new) else behind


MERGE = merging._with
WRONG: dict[str, Callable[[Any, Any], Any]] = {
    "forgotten": lambda old, changed: old,
    "a row lost": lambda old, changed: MERGE(old, changed).slice(1),
    "another row lost instead": lambda old, changed: pa.concat_tables([changed, changed]),
    "beside the old one": lambda old, changed: pa.concat_tables([old, changed]),
    "a change of its own": lambda old, changed: permitting_another(MERGE(old, changed), changed),
    "all out of order": lambda old, changed: MERGE(old, changed).take(pa.array(np.arange(len(old))[::-1])),
    "out of its order": lambda old, changed: misplaced(MERGE(old, changed), changed),
    "of another image": lambda old, changed: MERGE(old, changed.set_column(1, "image", pa.array([str(UUID(int=7))]))),
}


@pytest.mark.parametrize("how", WRONG)
def test_a_wrong_merge_is_not_signed(kept: Kept, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    monkeypatch.setattr(snapshots, "PIECES", ((10**6, 0),))
    ines = kept.world.person("ines")
    images = [kept.world.image(ines) for _ in range(6)]
    kept.published()
    kept.world.withdraw(ines, images[:1])
    monkeypatch.setattr(merging, "_with", WRONG[how])
    kept.whole = 0
    after = kept.published()
    assert kept.whole == 1
    assert after.parts == kept.made_of_all_rows()
    assert [row["image"] for row in by_rows(after) if row["ai_training_reason"] == "remove"] == [str(images[0])]


@pytest.mark.parametrize("withdrawn", [True, False])
@pytest.mark.parametrize("lost", [slice(0, 1), slice(0, None)])
def test_a_change_that_was_not_found_is_not_forgotten(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, lost: slice, withdrawn: bool
) -> None:
    ines = kept.world.person("ines")
    images = [kept.world.image(ines) for _ in range(6)]
    kept.published()
    if withdrawn:
        kept.world.withdraw(ines, images)
    else:
        kept.world.image(ines)
    find = merging.changes

    def some(feed: Feed, base: parts.Built, *, now: Totals) -> Any:
        return np.delete(cast("Any", find(feed, base, now=now)), lost)

    monkeypatch.setattr(snapshots, "changes", some)
    kept.whole = 0
    after = kept.published()
    assert kept.whole == 16
    assert after.parts == kept.made_of_all_rows()


def test_a_row_of_another_part_is_not_signed(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else would tell of a new row: count and sum are right, and so is the order inside the part."""
    ines = kept.world.person("ines")
    kept.published()
    kept.world.image(ines)
    make = merging._made_anew

    def elsewhere(feed: Feed, part: Part, changed: Any) -> Any:
        return make(feed, replace(part, prefix=f"{(int(part.prefix, 16) + 1) % 16:x}"), changed)

    monkeypatch.setattr(merging, "_made_anew", elsewhere)
    kept.whole = 0
    assert kept.published().parts == kept.made_of_all_rows()
    assert kept.whole == 16


def test_parts_are_merged_outside_any_transaction(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database ends one that is idle for ten seconds, and a thousand changes among ten million take as long."""
    ines = kept.world.person("ines")
    kept.world.image(ines)
    kept.published()
    kept.world.image(ines)
    inside = []

    def written(feed: Feed, prefix: str, batches: Any) -> Part:
        inside.append(connection.in_atomic_block)
        return parts.write(feed, prefix, batches)

    monkeypatch.setattr(merging, "write", written)
    assert len(by_rows(kept.published())) == 2
    assert inside == [False]


@pytest.mark.unchecked("rows are changed behind the registry's back")
def test_what_was_made_of_rows_in_doubt_is_no_base(kept: Kept) -> None:
    """The totals stood, so merging could not tell: rebuilding rows ends what was made of the old ones."""
    ines = kept.world.person("ines")
    kept.world.image(ines)
    kept.world.withdraw(ines)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE consent_standing SET until[1] = 4102444800, reason[1] = NULL")
    assert by_rows(kept.published())[0]["ai_training_reason"] is None
    rebuild()
    assert not Snapshot.objects.exists()
    assert by_rows(kept.published())[0]["ai_training_reason"] == "remove"


@pytest.mark.unchecked("a row is changed behind the registry's back")
def test_a_row_that_the_kept_one_lacked_is_missed(kept: Kept) -> None:
    """Somebody took it out and put it back: no act says so, but the count does."""
    ines = kept.world.person("ines")
    first, second = kept.world.image(ines), kept.world.image(ines)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE gone AS SELECT * FROM consent_standing WHERE image_id = %s", [first])
        cursor.execute("DELETE FROM consent_standing WHERE image_id = %s", [first])
        assert len(by_rows(kept.published())) == 1
        cursor.execute("INSERT INTO consent_standing SELECT * FROM gone")
    kept.world.withdraw(ines, [second])
    assert len(by_rows(kept.published())) == 2


def test_after_a_merge_that_took_long_and_failed_the_clock_is_asked_again(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the publisher, who has signed meanwhile, would make the clock look late, each time anew."""
    ines, world = kept.world.person("ines"), kept.world
    world.image(ines)
    kept.published()
    world.image(ines)
    world.publish()

    def long(*_: Any, **__: Any) -> Any:
        world.later(seconds=90)
        world.person("somebody")
        world.publish()
        raise merging.NotMerged("after 90 seconds")

    monkeypatch.setattr(snapshots, "merged", long)
    assert len(by_rows(kept.published())) == 2


def test_law_11_nothing_is_made_of_all_rows_in_doubt(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    ines, world = kept.world.person("ines"), kept.world
    kept.published()
    world.image(ines)
    world.publish()

    def long(*_: Any, **__: Any) -> Any:
        world.image(ines)
        world.later(seconds=31)  # and no checkpoint over it
        raise merging.NotMerged("and meanwhile the publisher died")

    monkeypatch.setattr(snapshots, "merged", long)
    with pytest.raises(LogInDoubt):
        kept.published()


def test_a_list_whose_files_are_gone_is_not_offered_again(kept: Kept) -> None:
    kept.world.image(kept.world.person("ines"))
    first = kept.published()
    path(next(part for part in first.parts if part.rows)).unlink()
    kept.world.publish()
    again = kept.published()
    assert again.size > first.size
    assert len(by_rows(again)) == 1


def test_rebuilding_waits_for_a_snapshot_that_is_being_made(kept: Kept) -> None:
    """Else it would appear afterwards, signed, of the rows that were in doubt."""
    kept.world.image(kept.world.person("ines"))
    begun, end = Event(), Event()

    def clock() -> datetime:
        begun.set()
        end.wait(20)
        return kept.world.at

    with ThreadPoolExecutor(2) as pool:
        making = pool.submit(connected, lambda: publish_snapshot(kept.feed, clock=clock))
        assert begun.wait(20)
        rebuilding = pool.submit(connected, rebuild)
        with pytest.raises(TimeoutError):
            rebuilding.result(timeout=4)  # longer than any other lock is waited for
        end.set()
        making.result()
        rebuilding.result()
    assert not Snapshot.objects.exists()
