"""The one lock order: persons, then images by id; and no two acts that wait for each other."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection, transaction

from registry.models import Image
from tests.threads import connected
from tests.world import World


def locked(*images: UUID) -> set[UUID]:
    """Take the locks that an act on these images takes, and let go of them."""
    with transaction.atomic():
        Image.objects.lock_closure(images)
        return set(images)


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


def smaller(world: World, person: UUID) -> UUID:
    return world.image(person, content=b"the same", registered=False, number=UUID(int=1))


def test_a_picture_that_came_meanwhile_is_locked_in_order_too(world: World) -> None:
    """The same bytes come from somebody else, under a smaller number, while an act waits for the first image.

    Whoever took the newcomer after the first image would wait for an act that takes them in order, and it for them.
    """
    ines, jo = world.person("ines"), world.person("jo")
    first = world.image(ines, content=b"the same", registered=False, number=UUID(int=2))
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            Image.objects.lock_closure([first])
            early = begun(pool, lambda: locked(first), waiting=1)
            newcomer = pool.submit(connected, lambda: smaller(world, jo)).result()
            late = begun(pool, lambda: locked(newcomer), waiting=2)
        assert early.result() == {first}
        assert late.result() == {newcomer}


def test_an_act_holds_what_came_while_it_waited(world: World) -> None:
    """The second look: nobody else can have the newcomer until the act is done."""
    ines, jo, taken, done = world.person("ines"), world.person("jo"), Event(), Event()
    first = world.image(ines, content=b"the same")
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            Image.objects.lock_closure([first])
            early = begun(pool, lambda: held(first, taken=taken, done=done), waiting=1)
            newcomer = pool.submit(connected, lambda: world.image(jo, content=b"the same", registered=False)).result()
        assert taken.wait(5)
        with pytest.raises(OperationalError, match="could not obtain lock"), transaction.atomic():
            Image.objects.select_for_update(nowait=True, no_key=True).get(id=newcomer)
        done.set()
        early.result()
