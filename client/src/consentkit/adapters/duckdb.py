"""DuckDB: a relation of what is listed, for semi and anti joins in SQL, and those joins themselves.

    duckdb.allowed(con.read_parquet("faces.parquet"), registry, purpose="ai_training", connection=con)

A relation runs when it is read. By then the state's time may be over, and the query is an error of DuckDB's with the
words of LeaseEnded; and a permission that has ended meanwhile counts as ended.
"""

from itertools import count
from typing import Any, Final

from consentkit.adapters.kernel import library
from consentkit.moments import Moment, Source
from consentkit.purposes import Purposes
from consentkit.settings import Misuse
from consentkit.sources.batches import COLUMN, Scope

duckdb = library("duckdb", package="duckdb")

LISTED: Final = "consentkit_listed"
_NUMBERS: Final = count()
_UNREADABLE: Final = "a key out of scope cannot be read, so nobody knows whether that image is excluded"


def register(connection: Any, source: Source, *, purpose: Purposes, name: str = LISTED) -> Any:
    """Makes the view `name`: `sha256`, in hex, and `until`, Unix seconds (0: excluded). Reading it past its term fails.

    In SQL, for your own joins: in scope `SEMI JOIN name ON key = sha256 AND until > epoch(now())`, outside it
    `ANTI JOIN name ON lower(key) = sha256 AND until <= epoch(now())`.
    """
    _register(connection, source.moment(), purpose=purpose, name=name)


def _register(connection: Any, moment: Moment, *, purpose: Purposes, name: str) -> None:
    """`until` is 0 also once a permission has ended. DuckDB asks the term itself, once a query: its own clock can be
    set back.
    """
    clock, held = f"consentkit_clock_{next(_NUMBERS)}", f"{name}_arrow"
    connection.register(held, moment.listed(purpose))
    connection.create_function(clock, moment.term.require, [], "DOUBLE", side_effects=True)
    until = f"CASE WHEN until > (SELECT {clock}()) THEN until ELSE 0 END"
    view = f"SELECT sha256, {until} AS until FROM {_named(held)}"  # noqa: S608 - the name is quoted
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {_named(name)} AS {view}")


def allowed(
    rows: Any, source: Source, *, purpose: Purposes, connection: Any, key: str = COLUMN, scope: Scope | None = None
) -> Any:
    """The rows of a relation that pass, as a relation of the same `connection`."""
    # A name of its own: an earlier relation that is not read yet keeps what it was made with.
    name = f"consentkit_{next(_NUMBERS)}"
    register(connection, source, purpose=purpose, name=name)
    text = _as_text(rows, key)
    listed = f"EXISTS (FROM {name} WHERE {name}.sha256 = {text} AND until > 0)"
    if scope is None:
        return rows.query("faces", f"SELECT * FROM faces WHERE {listed}")  # noqa: S608 - names are quoted
    excluded = f"EXISTS (FROM {name} WHERE {name}.sha256 = lower({text}) AND until = 0)"
    unreadable = f"{text} <> '' AND NOT regexp_full_match({text}, '[0-9a-f]{{64}}')"
    refused = "TRUE" if scope.unreadable == "keep" else f"error('{_UNREADABLE}')"
    others = f"CASE WHEN {excluded} THEN FALSE WHEN {unreadable} THEN {refused} ELSE TRUE END"
    passes = f"CASE WHEN {_in_scope(rows, scope)} THEN {listed} ELSE {others} END"
    return rows.query("faces", f"SELECT * FROM faces WHERE {passes}")  # noqa: S608 - names are quoted


def _as_text(rows: Any, key: str) -> str:
    """The key as 64 hex digits, if it is a digest; bytes of that length are such digits themselves."""
    kind, column = _kind(rows, key), f"faces.{_named(key)}"
    if kind == "BLOB":
        return f"(CASE octet_length({column}) WHEN 32 THEN lower(hex({column})) ELSE CAST({column} AS VARCHAR) END)"
    if kind == "VARCHAR" or kind.startswith("ENUM") or kind == '"NULL"':
        return f"CAST({column} AS VARCHAR)"
    raise Misuse(f"the column {key!r} holds {kind}: digests are 64 lower-case hex digits, or 32 bytes")


def _in_scope(rows: Any, scope: Scope) -> str:
    """Null: nobody says whose row it is, so the registry is asked."""
    column, value = f"faces.{_named(scope.column)}", scope.value.replace("'", "''")
    return f"({column} IS NULL OR {column} = CAST('{value}' AS {_kind(rows, scope.column)}))"


def _kind(rows: Any, name: str) -> str:
    if list(rows.columns).count(name) != 1:
        raise Misuse(f"no column {name!r}, or several; there are {', '.join(rows.columns)}")
    return str(rows.types[rows.columns.index(name)])


def _named(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
