"""Several acts at once, each on a thread with a connection of its own; and a gate that stops one of them half-way."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import psycopg
from django.db import connection

GATE: Final = 0x67617465  # "gate"

STOP_AT = """
    CREATE OR REPLACE FUNCTION stop_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF current_setting('tests.gate', true) = 'stop' THEN PERFORM pg_advisory_xact_lock({gate}); END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER {table}_gate {moment} ON {table} FOR EACH STATEMENT EXECUTE FUNCTION stop_at_gate();
"""


def together(*jobs: Callable[[], Any]) -> list[Any]:
    """Begin all jobs at one moment; what each returned, or the exception that it raised."""
    start = threading.Barrier(len(jobs))

    def run(job: Callable[[], Any]) -> Any:
        start.wait()
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        futures = [pool.submit(connected, partial(run, job)) for job in jobs]
    return [future.exception() or future.result() for future in futures]


def connected(job: Callable[[], Any]) -> Any:
    """Run a job on this thread, and give its connection back."""
    try:
        return job()
    finally:
        connection.close()


class Gate:
    """Before an act updates rows of this table, it waits until the gate opens; only acts run by `stopped` do.

    Or at another moment: `AFTER INSERT`.
    """

    def __init__(self, table: str, moment: str = "BEFORE UPDATE") -> None:
        with connection.cursor() as cursor:
            cursor.execute(STOP_AT.format(gate=GATE, table=table, moment=moment))

    @contextmanager
    def stopped(self, job: Callable[[], Any]) -> Iterator[Future[Any]]:
        """Run a job on another thread up to the gate; it goes on when the block ends."""
        with ThreadPoolExecutor(1) as pool, psycopg.connect(**_parameters(), autocommit=True) as keeper:
            keeper.execute("SELECT pg_advisory_lock(%s)", [GATE])
            future = pool.submit(connected, partial(_heeding, job))
            while not _somebody_waits(keeper):
                assert not future.done(), future.exception()
            yield future  # then the keeper goes first, and the gate is open


def _heeding(job: Callable[[], Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SET tests.gate = 'stop'")
    try:
        return job()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET tests.gate")


def _somebody_waits(keeper: psycopg.Connection[Any]) -> bool:
    waits = (
        "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return keeper.execute(waits, [GATE]).fetchone() is not None


def _parameters() -> dict[str, Any]:
    settings = connection.settings_dict
    return {
        "dbname": settings["NAME"],
        "user": settings["USER"] or None,
        "password": settings["PASSWORD"] or None,
        "host": settings["HOST"] or None,
        "port": settings["PORT"] or None,
    }
