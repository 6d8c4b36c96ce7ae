"""A fresh database for every test: a clone of one template that is migrated once a run.

The registry's tables refuse DELETE and TRUNCATE and its acts are durable transactions, so a test cannot be undone
by a rollback or a flush. It is thrown away with its database.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from tests.stack import RUN

TEMPLATE_LOCK = 0x74656D706C617465  # "template"


@contextmanager
def maintenance() -> Iterator[psycopg.Connection[Any]]:
    """A connection outside Django, to the database that the servers were given with."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as link:
        yield link


def template() -> str:
    """The name of this run's migrated database; the first worker that asks makes it, the others wait."""
    name = f"t_{os.environ[RUN]}"
    with maintenance() as link:
        link.execute("SELECT pg_advisory_lock(%s)", [TEMPLATE_LOCK])
        if link.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            link.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(f"{name}_new")))
            with pointed_at(f"{name}_new"):
                call_command("migrate", verbosity=0)
            rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
            link.execute(rename.format(sql.Identifier(f"{name}_new"), sql.Identifier(name)))
    return name


@contextmanager
def cloned(source: str, name: str) -> Iterator[str]:
    """A database like `source`, which nobody is connected to; dropped afterwards, whoever still is."""
    with maintenance() as link:
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        link.execute(create.format(sql.Identifier(name), sql.Identifier(source)))
    try:
        yield name
    finally:
        drop(name)


def drop(name: str) -> None:
    with maintenance() as link:
        link.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def drop_all(run: str) -> None:
    """Every database of this run."""
    with maintenance() as link:
        found = link.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [f"t_{run}"])
        for (name,) in found.fetchall():
            drop(name)


def disconnect() -> None:
    """Leave the database to others: a database can be copied only while nobody is in it."""
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined] # PostgreSQL's wrapper has one


@contextmanager
def pointed_at(name: str) -> Iterator[None]:
    """Django's connections, of this thread and of those to come, lead to this database."""
    before = connection.settings_dict["NAME"]
    _turn_to(name)
    try:
        yield
    finally:
        _turn_to(before)


def _turn_to(name: str) -> None:
    disconnect()
    connection.settings_dict["NAME"] = name  # the same dictionary for every thread's connection
