"""The laws that the database itself keeps."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from consent.acts.close_day import close_day
from consent.rules.lifecycle import CaseMove
from registry.models import Entry, LogHead
from tests.world import World

INSERT_ONLY = [
    *("registry_entry", "registry_commitment", "registry_opening", "registry_tile", "registry_checkpoint"),
    *("consent_notice", "consent_grant", "consent_withdrawal", "consent_manifest", "consent_manifestimage"),
    *("consent_disclosure", "consent_disclosureday", "registry_lostsize"),
]


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def rewrites(table: str, column: str) -> list[str]:
    """Every way of changing what is there; the ones that touch no row too."""
    key = "manifest_id, image_id" if table == "consent_manifestimage" else column
    return [
        f"UPDATE {table} SET {column} = {column}",
        f"UPDATE {table} SET {column} = {column} WHERE false",
        f"DELETE FROM {table}",
        f"DELETE FROM {table} WHERE false",
        f"TRUNCATE {table} CASCADE",
        f"INSERT INTO {table} SELECT * FROM {table} ON CONFLICT ({key}) DO UPDATE SET {column} = excluded.{column}",
        f"MERGE INTO {table} USING {table} AS other ON {table}.{column} = other.{column} WHEN MATCHED THEN DELETE",
    ]


def key_of(table: str) -> str:
    with connection.cursor() as cursor:
        return str(connection.introspection.get_primary_key_column(cursor, table))


@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize("table", INSERT_ONLY)
def test_law_4_what_was_written_is_never_rewritten(world: World, table: str, role: str) -> None:
    run(f"SET session_replication_role = {role}")
    for sql in rewrites(table, key_of(table)):
        with pytest.raises(DatabaseError, match="law 4"):
            run(sql)


@pytest.mark.parametrize("table", INSERT_ONLY)
def test_law_4_holds_for_rows_that_are_there(world: World, table: str) -> None:
    """The tables of the test above are empty or not; here one row of each is aimed at."""
    ines = world.person("ines")
    world.image(ines)
    world.grant(ines)
    world.withdraw(ines)
    key = key_of(table)
    with pytest.raises(DatabaseError, match="law 4"):
        run(f"DELETE FROM {table} WHERE {key} = (SELECT min({key}::text) FROM {table})::{_type(table, key)}")


def _type(table: str, column: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = %s::regclass AND attname = %s",
            [table, column],
        )
        return str(cursor.fetchone()[0])


def test_law_4_guards_every_table_of_the_log_and_of_what_people_said(world: World) -> None:
    """Enabled always ('A'), so that `session_replication_role` does not switch it off."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid "
            "WHERE proname = 'refuse_rewrite' AND tgenabled = 'A'"
        )
        assert sorted(table for (table,) in cursor.fetchall()) == sorted(INSERT_ONLY)


def test_law_3_counter_and_entry_are_the_last_statement(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines, registered=False)
    acts: list[Callable[[], object]] = [
        lambda: world.person("jo"),
        world.steward,
        world.pipeline,
        lambda: world.image(ines, registered=False),
        lambda: world.register(image),
        lambda: world.reject(world.image(ines, registered=False)),
        lambda: world.grant(ines),
        lambda: world.withdraw(ines),
        lambda: world.case(image=image),
        lambda: world.resolve(world.case(image=image), CaseMove.REJECT),
        lambda: close_day(at=world.at + timedelta(days=1)),
    ]
    world.asks(world.pipeline("lab"), image)
    for act in acts:
        before = LogHead.objects.get().size
        with CaptureQueriesContext(connection) as captured:
            act()
        assert LogHead.objects.get().size > before
        said = [query["sql"].replace('"', "") for query in captured]
        counted = [at for at, sql in enumerate(said) if "UPDATE registry_loghead" in sql]
        entered = [at for at, sql in enumerate(said) if "INSERT INTO registry_entry" in sql]
        assert counted
        assert entered == counted
        assert all(said[at + 1 : at + 2] in ([], ["COMMIT"]) for at in entered)


WRITTEN = [
    *("registry_opening", "registry_commitment", "registry_entry", "registry_loghead"),
    *("consent_withdrawal", "consent_withdrawalline", "consent_grantline", "consent_standing", "consent_feedtotal"),
]
FAIL = """
    CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'broken disk'; END $$;
    CREATE TRIGGER fails BEFORE INSERT OR UPDATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION fail();
"""


def rows() -> dict[str, list[tuple[str]]]:
    with connection.cursor() as cursor:
        found = {}
        for table in WRITTEN:
            cursor.execute(f"SELECT {table}::text FROM {table} ORDER BY 1")
            found[table] = cursor.fetchall()
        return found


def test_a_withdrawal_is_whole_or_not_at_all(world: World) -> None:
    """Whichever statement fails, nothing is left behind; and then it can be said again."""
    ines = world.person("ines")
    world.image(ines)
    world.grant(ines)
    before = rows()
    for table in WRITTEN:
        run(FAIL.format(table=table))
        with pytest.raises(DatabaseError, match="broken disk"):
            world.withdraw(ines)
        run(f"DROP TRIGGER fails ON {table}")
        assert rows() == before, table
    assert world.withdraw(ines).index == Entry.objects.count() - 1


def test_law_6_a_leaf_does_not_tell_how_many_it_touched(world: World) -> None:
    ines = world.person("ines")
    lengths = set()
    for _ in range(4):
        world.image(ines)
        taken = world.withdraw(ines)
        lengths.add(len(bytes(Entry.objects.get(index=taken.index).leaf)))
    assert len(lengths) == 1
