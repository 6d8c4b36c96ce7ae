"""The one lock order: persons, then images by id; and no two acts that wait for each other."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection, transaction

from registry.models import Image
from tests.threads import connected
from tests.world import World


def held(image: UUID, *, taken: Event, done: Event) -> None:
    """Take them, say so, and keep them until it is said."""
    with transaction.atomic():
        Image.objects.lock_closure([image])
        taken.set()
        done.wait(5)


def until(count: int) -> None:
    """Until so many backends of this database wait for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    for _ in range(4_000):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # else a transaction keeps what it saw first
            cursor.execute(waiting)
            if cursor.fetchone() == (count,):
                return
        time.sleep(0.005)
    raise AssertionError(f"{count} never waited")


def begun(pool: ThreadPoolExecutor, job: Callable[[], Any], *, waiting: int) -> Any:
    future = pool.submit(connected, job)
    until(waiting)
    return future


def test_an_act_holds_what_was_derived_while_it_waited(world: World) -> None:
    """A crop comes under a smaller number while an act waits for its source. The act lets go and takes both in order:
    whoever took the newcomer after its source would wait for an act that takes them in order, and it for them.
    """
    ines, taken, done = world.person("ines"), Event(), Event()
    first, newcomer = world.image(ines, number=UUID(int=2)), UUID(int=1)
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            Image.objects.lock_closure([first])
            derive = partial(world.image, ines, registered=False, derived_from=first, number=newcomer)
            coming = begun(pool, derive, waiting=1)
            early = begun(pool, lambda: held(first, taken=taken, done=done), waiting=2)
        assert coming.result() == newcomer
        assert taken.wait(5)
        with pytest.raises(OperationalError, match="could not obtain lock"), transaction.atomic():
            Image.objects.select_for_update(nowait=True, no_key=True).get(id=newcomer)
        done.set()
        early.result()
