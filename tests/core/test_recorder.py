"""The one way to write: dense, in commit order, in the act's own transaction (law 3)."""

from functools import partial

import pytest
from django.db import connection, transaction

from consentkit.entries import Kind, Leaf
from registry.log.recorder import Act, Recorded, head_size, record
from registry.models import Commitment, Entry, Image, Opening
from registry.reads.size import at_one_size
from registry.rules.items import Item
from tests.threads import together
from tests.world import World


def act(world: World) -> Act:
    return Act.begin(Kind.NOTICE_PUBLISHED, at=world.at)


def test_an_act_records_inside_its_own_transaction(world: World) -> None:
    with pytest.raises(transaction.TransactionManagementError):
        record(act(world), [Item("notice_published")])


def test_an_act_touches_something(world: World) -> None:
    with pytest.raises(ValueError, match="at least one"), transaction.atomic():
        record(act(world), [])


def test_acts_are_never_nested(world: World) -> None:
    """Durable: an act inside another's transaction would be acknowledged and then rolled back with it."""
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        world.person("ines")


def test_what_is_rolled_back_leaves_no_gap(world: World) -> None:
    before = head_size()
    with transaction.atomic():
        record(act(world), [Item("notice_published")])
        transaction.set_rollback(True)
    assert head_size() == before
    world.person("ines")
    assert head_size() == before + 1


def test_indexes_are_dense_under_writers_that_fail(world: World) -> None:
    """Four writers, a third of whose transactions are rolled back after they took their number."""

    def write(number: int) -> list[int]:
        taken = []
        for turn in range(12):
            with transaction.atomic():
                recorded = record(act(world), [Item("notice_published")])
                if (number + turn) % 3 == 0:
                    transaction.set_rollback(True)
                else:
                    taken.append(recorded.index)
        return taken

    before = head_size()
    taken = together(*[partial(write, number) for number in range(4)])
    assert sorted(index for each in taken for index in each) == list(range(before, head_size()))
    assert all(each == sorted(each) for each in taken)


def test_a_size_once_seen_has_all_its_entries(world: World) -> None:
    """Indexes are in commit order: a reader that sees size n sees every entry below n, at once and for ever."""
    seen = []

    def write() -> None:
        for number in range(40):
            with transaction.atomic():
                record(act(world), [Item("notice_published", particulars={"number": number})])

    def read() -> None:
        for _ in range(60):
            with at_one_size() as size:
                seen.append((size, Entry.objects.count(), Commitment.objects.values("act").distinct().count()))

    assert [error for error in together(write, write, read) if error is not None] == []
    assert all(size == entries == acts for size, entries, acts in seen)


def test_salts_are_fresh_even_for_the_same_words(world: World) -> None:
    with transaction.atomic():
        first: Recorded = record(act(world), [Item("same"), Item("same")])
    with transaction.atomic():
        second = record(act(world), [Item("same"), Item("same")])
    rows = Opening.objects.filter(act__in=[first.act, second.act])
    assert len({bytes(row.salt) for row in rows}) == 4
    commitments = Commitment.objects.filter(act__in=[first.act, second.act])
    assert len({bytes(row.commitment) for row in commitments}) == 4


def test_a_leaf_holds_kind_time_and_root_and_no_more(world: World) -> None:
    ines = world.person("ines")
    world.later(seconds=5)
    taken = world.withdraw(ines)
    leaf = Leaf.decode(bytes(Entry.objects.get(index=taken.index).leaf))
    assert (leaf.kind, leaf.recorded_at) == (Kind.WITHDRAWN, int(world.at.timestamp()))


def test_a_snapshot_does_not_see_what_comes_later(world: World) -> None:
    with at_one_size() as size:
        together(lambda: world.person("ines"))
        assert head_size() == size == Entry.objects.count()
    assert head_size() == size + 1


def test_a_snapshot_cannot_write(world: World) -> None:
    with pytest.raises(Exception, match="read-only"), at_one_size(), connection.cursor() as cursor:
        cursor.execute("UPDATE registry_loghead SET size = size")


def test_acts_queue_at_the_counter_no_longer_than_they_must(world: World) -> None:
    """Whoever holds the counter is about to commit: an act that waits elsewhere keeps nobody waiting."""
    ines, jo = world.person("ines"), world.person("jo")
    mine, theirs = world.image(ines), world.image(jo)
    with transaction.atomic():
        Image.objects.lock_closure([mine])
        (taken,) = together(lambda: world.withdraw(jo, [theirs]))
        assert taken.index == head_size() - 1
