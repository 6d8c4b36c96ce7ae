"""The log of disclosures: what is kept, that a day's root covers all of it, and that it is unfolded by image."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import TypeVar
from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import DatabaseError, OperationalError, connection

from consent.acts import close_day as closing
from consent.acts import unfold as unfolding
from consent.acts.close_day import close_day
from consent.acts.disclose import Telling, disclose_feed, disclose_images
from consent.acts.unfold import unfold
from consent.models import DisclosedImage, Disclosure, DisclosureDay, Unfolded, disclosures
from consent.models.disclosures import settled
from consent.reads.disclosures import any_to_unfold
from consent.reads.replay import differences
from consent.rules.disclosures import How, set_of
from consentkit import canonical
from consentkit.entries import Kind, Leaf
from registry.log.recorder import head_size
from registry.models import Entry, Opening
from tests import oracle
from tests.checker import check_world
from tests.threads import Gate, _parameters, connected, together
from tests.world import World, opened_collection

T = TypeVar("T")
SAID = "pipeline_id, how, scopes, size, count, images, at"
CHECKED = Telling(How.CHECK, ("ai_training",), "research", 1)


def images(world: World, count: int, name: str = "ines") -> list[UUID]:
    return [world.image(world.person(name)) for _ in range(count)]


def tomorrow(world: World) -> datetime:
    return world.later(days=1)


def unfold_all() -> None:
    while unfold():
        pass


def until_done(work: Callable[[], T]) -> T:
    """As beat calls it again and again."""
    while not (done := work()):
        time.sleep(0.01)
    return done


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


# What is kept


def test_a_set_is_in_order_and_has_nothing_twice() -> None:
    ids = [uuid4().bytes for _ in range(500)]
    alike = [bytes(8) + each[8:] for each in ids]  # the first half says nothing about their order
    for given in (ids, alike, [*ids, *alike, *ids[:3]], ids[:1], []):
        assert set_of(b"".join(given)) == b"".join(sorted(set(given)))


def test_what_is_kept_of_a_check(world: World) -> None:
    lab, (one, two, _) = world.pipeline(), images(world, 3)
    checked = world.asks(lab, two, one, two, uuid4(), purpose="evaluation")
    row = Disclosure.objects.get()
    assert bytes(row.images) == b"".join(sorted([one.bytes, two.bytes]))
    assert (row.how, row.count, row.size, row.since, row.at) == ("check", 2, checked.size, None, world.at)
    assert oracle.SCOPES[row.scopes.bit_length() - 1] == ("evaluation", "research")
    assert row.pipeline.id == lab.id


def test_an_answer_about_nothing_of_ours_leaves_nothing(world: World) -> None:
    world.asks(world.pipeline(), uuid4(), world.collection)
    elsewhere = world.pipeline("other", collection=opened_collection("Other", at=world.at))
    world.asks(elsewhere, *images(world, 2))
    assert not Disclosure.objects.exists()


def test_a_set_is_stored_as_it_is(world: World) -> None:
    """To compress random ids takes time and saves nothing; "e" is EXTERNAL."""
    with connection.cursor() as cursor:
        of = "attrelid = 'consent_disclosure'::regclass AND attname = 'images'"
        cursor.execute(f"SELECT attstorage FROM pg_attribute WHERE {of}")
        assert cursor.fetchone() == ("e",)


@pytest.mark.parametrize(
    ("how", "since", "count", "ids"),
    [
        ("check", None, 2, bytes(16)),  # counts more than it names
        ("check", None, 0, b""),
        ("match", 3, 1, bytes(16)),
        ("snapshot", None, 1, bytes(16)),
        ("delta", None, 1, b""),
        ("gift", None, 1, bytes(16)),
    ],
)
def test_the_database_refuses_what_is_no_disclosure(
    world: World, how: str, since: int | None, count: int, ids: bytes
) -> None:
    pipeline = world.asker(world.pipeline()).serial
    row = Disclosure(pipeline_id=pipeline, how=how, scopes=1, size=3, since=since, count=count, images=ids, at=world.at)
    with pytest.raises(DatabaseError, match="disclosure_"):
        row.save(force_insert=True)


# The daily root


def test_a_day_has_one_entry_that_says_no_more_than_its_root(world: World) -> None:
    lab, pictures = world.pipeline(), images(world, 3)
    world.asks(lab, *pictures)
    disclose_feed(
        world.asker(lab).serial, telling=Telling(How.SNAPSHOT, ("ai_training",), "research", 4), rows=3, at=world.at
    )
    size = head_size()
    assert close_day(at=world.at) is None  # it is not over
    closed = close_day(at=tomorrow(world))
    assert closed is not None
    assert (closed.index, head_size()) == (size, size + 1)
    assert close_day(at=world.at) is close_day(at=world.later(days=3)) is None
    entry, day = Entry.objects.get(index=size), DisclosureDay.objects.get()
    assert Leaf.decode(bytes(entry.leaf)).kind is Kind.DISCLOSURES_LOGGED
    opening = Opening.objects.get(act=entry.act)
    said = {"what": "disclosures_logged", "first": day.first, "last": day.last, "count": 2, "root": day.root.hex()}
    assert canonical.decode(bytes(opening.item)) == said
    assert (opening.image, opening.person) == (None, None)
    assert (day.first, day.last) == tuple(Disclosure.objects.order_by("serial").values_list("serial", flat=True))


def test_each_day_begins_behind_the_one_before(world: World) -> None:
    lab, (image,) = world.pipeline(), images(world, 1)
    for _ in range(3):
        for _ in range(2):
            world.asks(lab, image)
        assert close_day(at=tomorrow(world)) is not None
    days = list(DisclosureDay.objects.order_by("last"))
    assert [day.count for day in days] == [2, 2, 2]
    assert all(earlier.last < later.first for earlier, later in pairwise(days))
    check_world()


def test_what_was_begun_before_midnight_and_kept_after_it_is_in_the_next_root(world: World) -> None:
    """A root is of a range of serials: what is of yesterday behind one of today is not taken out of order."""
    lab, (image,) = world.pipeline(), images(world, 1)
    world.at = world.later(days=1).replace(hour=23, minute=59, second=59)
    world.asks(lab, image)
    asker, late = world.asker(lab), world.at
    world.later(seconds=2)
    world.asks(lab, image)
    disclose_images(asker.serial, telling=CHECKED, images=image.bytes, at=late)
    assert close_day(at=world.at) is not None
    assert [day.count for day in DisclosureDay.objects.all()] == [1]
    assert close_day(at=tomorrow(world)) is not None
    assert [day.count for day in DisclosureDay.objects.order_by("last")] == [1, 2]


def test_a_day_of_very_many_is_closed_in_several(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "MOST", 2)
    lab, (image,) = world.pipeline(), images(world, 1)
    for _ in range(5):
        world.asks(lab, image)
    tomorrow(world)
    while close_day(at=world.at):
        pass
    assert [day.count for day in DisclosureDay.objects.order_by("last")] == [2, 2, 1]


def test_two_who_close_a_day_at_once_write_one_entry(world: World) -> None:
    lab, pictures = world.pipeline(), images(world, 4)
    for picture in pictures:
        world.asks(lab, picture)
    at, size = tomorrow(world), head_size()
    closed = together(*[partial(close_day, at=at)] * 4)
    assert sum(each is not None for each in closed) == 1, closed
    assert head_size() == size + 1
    assert DisclosureDay.objects.get().count == 4


# What commits late


def test_a_disclosure_that_commits_late_is_in_the_root_and_in_the_projection(world: World) -> None:
    """It has its serial and has not committed, while one of a higher serial has; both are waited for."""
    lab, other, (slow, fast) = world.pipeline(), world.pipeline("other"), images(world, 2)
    gate = Gate("consent_disclosure", "AFTER INSERT")
    at = world.at + timedelta(days=1)
    with ThreadPoolExecutor(2) as pool:
        with gate.stopped(lambda: world.asks(lab, slow)) as late:
            world.asks(other, fast)
            assert [bytes(row.images) for row in Disclosure.objects.all()] == [fast.bytes]
            works = [pool.submit(connected, partial(until_done, work)) for work in (partial(close_day, at=at), unfold)]
            with pytest.raises(TimeoutError):
                works[0].result(timeout=0.5)
            assert not works[1].done()
        late.result()
        closed, unfolded = [work.result() for work in works]
    assert closed is not None
    assert unfolded
    first, second = Disclosure.objects.order_by("serial")
    assert (bytes(first.images), bytes(second.images)) == (slow.bytes, fast.bytes)
    assert DisclosureDay.objects.get().count == 2
    assert set(DisclosedImage.objects.values_list("image", flat=True)) == {slow, fast}
    assert Unfolded.objects.get().serial == second.serial


def test_one_that_is_given_up_leaves_a_hole_and_nothing_else(world: World) -> None:
    lab, (image,) = world.pipeline(), images(world, 1)
    pipeline = world.asker(lab).serial
    with pytest.raises(DatabaseError):
        disclose_images(-1, telling=CHECKED, images=image.bytes, at=world.at)  # no such pipeline
    assert settled() == 0
    disclose_images(pipeline, telling=CHECKED, images=image.bytes, at=world.at)
    unfold_all()
    assert Unfolded.objects.get().serial == settled() == Disclosure.objects.get().serial == 2
    assert close_day(at=tomorrow(world)) is not None


# By image


def test_the_first_question_of_each_scope_stays(world: World) -> None:
    lab, (one, two) = world.pipeline(), images(world, 2)
    for asked, purpose in (([one], "ai_training"), ([two, one], "ai_training"), ([one], "evaluation")):
        world.asks(lab, *asked, purpose=purpose)
    assert any_to_unfold()
    unfold_all()
    assert not any_to_unfold()
    serials = list(Disclosure.objects.order_by("serial").values_list("serial", flat=True))
    found = set(DisclosedImage.objects.values_list("image", "scope", "first"))
    assert found == {(one, 0, serials[0]), (two, 0, serials[1]), (one, 8, serials[2])}
    assert not unfold()


def test_it_is_unfolded_in_pieces_and_by_whoever_is_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfolding, "ENOUGH", 3)
    monkeypatch.setattr(unfolding, "ROWS", 4)
    lab, pictures = world.pipeline(), images(world, 6)
    disclose_feed(
        world.asker(lab).serial, telling=Telling(How.DELTA, ("ai_training",), "research", 4, 2), rows=0, at=world.at
    )
    for count in (2, 2, 1, 6, 1, 1, 1, 1):
        world.asks(lab, *pictures[:count])
    assert unfold()
    assert Unfolded.objects.get().serial == 3  # the feed names none; two, two more, and that is enough
    check_world()
    assert together(*[unfold_all] * 4) == [None] * 4
    unfold_all()
    assert set(DisclosedImage.objects.values_list("image", flat=True)) == set(pictures)


# fsck


@pytest.mark.unchecked("rows are changed by somebody who may drop the triggers")
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE consent_disclosure SET images = sha256(images) || substring(images FROM 33) WHERE serial = 2",
        "UPDATE consent_disclosure SET size = size - 1 WHERE serial = 2",
        "UPDATE consent_disclosure SET at = at + interval '1 microsecond' WHERE serial = 2",
        "UPDATE consent_disclosure SET pipeline_id = (SELECT max(serial) FROM consent_pipeline) WHERE serial = 2",
        "DELETE FROM consent_disclosure WHERE serial = 2",
        f"INSERT INTO consent_disclosure (serial, {SAID}) SELECT 4, {SAID} FROM consent_disclosure WHERE serial = 1",
        "UPDATE consent_disclosureday SET root = sha256(root) WHERE first = 1",
        "DELETE FROM consent_disclosureday",
    ],
)
def test_fsck_finds_what_was_changed(world: World, sql: str) -> None:
    lab, pictures = world.pipeline(), images(world, 3)
    for _ in range(3):
        world.asks(lab, *pictures)
    close_day(at=tomorrow(world))
    with pytest.raises(DatabaseError):
        disclose_images(-1, telling=CHECKED, images=bytes(16), at=world.at)  # so that there is no 4
    world.asks(lab, *pictures)
    close_day(at=tomorrow(world))
    world.pipeline("other")
    assert list(differences()) == []
    for table in ("consent_disclosure", "consent_disclosureday"):
        run(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    run(sql)
    assert [found for found in differences() if "disclosures" in found]


# Waiting, and clocks


def test_law_9_a_disclosure_that_takes_long_holds_up_nobody(world: World) -> None:
    """Who unfolds or closes a day gives up at once: all who disclose would wait behind, with the connections that
    withdrawing needs.
    """
    ines, lab = world.person("ines"), world.pipeline()
    image = world.image(ines)
    world.asks(lab, image)
    with psycopg.connect(**_parameters()) as slow:  # a disclosure that does not come to its commit
        slow.execute("SELECT pg_advisory_xact_lock_shared(%s)", [disclosures.LOCK])
        begun = time.monotonic()
        assert settled() is None
        assert not unfold()
        assert close_day(at=tomorrow(world)) is None
        world.asks(lab, image)
        world.withdraw(ines, [image])
        assert time.monotonic() - begun < 2.5
    with psycopg.connect(**_parameters()) as alone:  # as the lock on a table would be
        alone.execute("SELECT pg_advisory_xact_lock(%s)", [disclosures.LOCK])
        begun = time.monotonic()
        with pytest.raises(OperationalError):
            world.asks(lab, image)
        assert time.monotonic() - begun < 2.5  # a connection comes back long before a withdrawal gives up
    unfold_all()
    assert close_day(at=world.at) is not None


def test_a_clock_that_was_ahead_does_not_hold_up_the_days(world: World) -> None:
    lab, (image,) = world.pipeline(), images(world, 1)
    disclose_images(world.asker(lab).serial, telling=CHECKED, images=image.bytes, at=world.at + timedelta(days=400))
    for _ in range(3):
        world.asks(lab, image)
        assert close_day(at=tomorrow(world)) is not None
    assert sum(DisclosureDay.objects.values_list("count", flat=True)) == 4
