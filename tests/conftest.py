"""Fixtures for every test that touches the database: a clone of its own, and the checker after it."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker, Settings

from tests import databases
from tests.checker import check_world
from tests.world import World


@pytest.fixture(scope="session")
def template(django_db_blocker: DjangoDbBlocker) -> str:
    """The name of the migrated database that each test's own is cloned from."""
    with django_db_blocker.unblock():
        return databases.template()


@pytest.fixture
def database(
    template: str,
    settings: Settings,
    tmp_path: Path,
    django_db_blocker: DjangoDbBlocker,
    request: pytest.FixtureRequest,
) -> Iterator[str]:
    """The name of a fresh database, with fresh folders beside it. Afterwards rows, log and standings must agree.

    A test that breaks the registry on purpose says so: `@pytest.mark.unchecked("why")`.
    """
    for name in ("IMAGE_DIR", "CHECKPOINT_DIR", "SNAPSHOT_DIR"):
        setattr(settings, name, tmp_path / name.lower())
    with (
        databases.cloned(template, f"{template}_{secrets.token_hex(4)}") as name,
        django_db_blocker.unblock(),
        databases.pointed_at(name),
    ):
        yield name
        if request.node.get_closest_marker("unchecked") is None:
            check_world()


@pytest.fixture(scope="session")
def django_db_setup() -> None:
    """pytest-django's own test database is not made: `database` takes its place."""


@pytest.fixture
def _django_db_helper(database: str) -> None:
    """What pytest-django's `db`, `transactional_db` and `django_db` stand on."""


@pytest.fixture
def world(database: str) -> World:
    """A registry with one collection, a published notice and a signed log; nobody is in it yet."""
    return World.begun()
