"""`acts`: acts a second, one a transaction, from eight writers, fsync on; beside bare inserts behind one counter."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from itertools import count
from threading import Barrier
from typing import Final
from uuid import UUID, uuid4

from bench.figure import Figure
from bench.registry import measured

WRITERS: Final = 8
SECONDS: Final = 8.0
GOAL: Final = 300

Work = Callable[[UUID, UUID], Iterator[None]]  # of a person and their picture; each step is one transaction


def run() -> list[Figure]:
    with measured():
        from django.utils import timezone

        from bench.people import contributor
        from registry.log import publisher

        people = [contributor(f"writer{number}@example.org") for number in range(WRITERS)]
        publisher.turn(timezone.now())
        ours = _rate(_acts, people)
        _create_bare()
        floor = _rate(_inserts, people)
    peer = f"bare inserts behind one counter row ({floor:,.0f} a second)"
    return [Figure("acts", ours, "1/s", peer, ours / floor, f"≥ {GOAL} a second", ours >= GOAL)]


def _rate(work: Work, people: list[tuple[UUID, UUID]]) -> float:
    """Transactions a second of all writers together, each a process."""
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(WRITERS, initializer=_begin, initargs=(spawn.Barrier(WRITERS),)) as writers:
        return sum(writers.starmap(_write, [(work, *each) for each in people], chunksize=1)) / SECONDS


def _begin(together: Barrier) -> None:
    import django

    django.setup()
    globals()["_together"] = together


def _write(work: Work, person: UUID, image: UUID) -> int:
    steps = work(person, image)
    next(steps)  # what is done once a process is no part of an act
    next(steps)
    globals()["_together"].wait()
    end = time.monotonic() + SECONDS
    for done in count():
        if time.monotonic() >= end:
            return done
        next(steps)
    raise AssertionError


def _acts(person: UUID, image: UUID) -> Iterator[None]:
    """One picture, withdrawn and granted again."""
    from django.utils import timezone

    from consent.acts.grant import Permission, grant
    from consent.acts.withdraw import Withdrawing, withdraw
    from consent.reads.notices import current_notice

    notice = current_notice().id
    while True:
        withdraw(person, withdrawing=Withdrawing([image]), at=timezone.now())
        yield
        grant(person, permission=Permission([image], ("ai_training",), notice), at=timezone.now())
        yield


def _create_bare() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bare (index bigint PRIMARY KEY, act uuid, leaf bytea)")
        cursor.execute("CREATE TABLE bare_head (size bigint)")
        cursor.execute("INSERT INTO bare_head VALUES (0)")


def _inserts(_person: UUID, _image: UUID) -> Iterator[None]:
    from django.db import connection, transaction

    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE bare_head SET size = size + 1 RETURNING size - 1")
            (index,) = cursor.fetchone()
            cursor.execute("INSERT INTO bare VALUES (%s, %s, %s)", [index, uuid4(), os.urandom(150)])
        yield
