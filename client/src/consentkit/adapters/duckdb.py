"""DuckDB: a relation of what is listed, for semi and anti joins in SQL, and those joins themselves.

    duckdb.allowed(con.read_parquet("faces.parquet"), registry, purpose="ai_training", connection=con)

A relation runs when it is read. By then the state's time may be over, and the query is an error; and a term that
has ended meanwhile counts as ended.
"""

import hashlib
from typing import Any, Final

from consentkit.adapters.kernel import library
from consentkit.moments import Source
from consentkit.settings import Misuse
from consentkit.sources.batches import COLUMN, Scope

duckdb = library("duckdb", package="duckdb")

LISTED: Final = "consentkit_listed"
_ENDED: Final = "the state ended its term: build the query again, and consentkit syncs"
_NOW: Final = "epoch(get_current_timestamp())"


def register(connection: Any, source: Source, *, purpose: str, name: str = LISTED) -> Any:
    """Makes the view `name`: `sha256`, in hex, and `until`, Unix seconds (0: excluded). Reading it past its time fails.

    In SQL, for your own joins: in scope `SEMI JOIN name ON key = sha256 AND until > epoch(now())`, outside it
    `ANTI JOIN name ON lower(key) = sha256 AND until <= epoch(now())`.
    """
    moment = source.moment()
    held = f"{name}_arrow"
    connection.register(held, moment.listed(purpose))
    guarded = f"CASE WHEN {_NOW} < {moment.ends} THEN until ELSE error('{_ENDED}') END"
    view = f"SELECT sha256, {guarded} AS until FROM {_named(held)}"  # noqa: S608 - the name is quoted
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {_named(name)} AS {view}")


def allowed(
    rows: Any, source: Source, *, purpose: str, connection: Any, key: str = COLUMN, scope: Scope | None = None
) -> Any:
    """The rows of a relation that pass, as a relation of the same `connection`."""
    moment = source.moment()
    # A name of its own: an earlier relation that is not read yet keeps what it was made with.
    told = repr((moment.fingerprint(purpose), moment.ends)).encode()
    name = f"consentkit_{hashlib.sha256(told).hexdigest()[:16]}"
    register(connection, moment, purpose=purpose, name=name)
    text = _as_text(rows, key)
    listed = f"EXISTS (FROM {name} WHERE {name}.sha256 = {text} AND until > {_NOW})"
    if scope is None:
        return rows.query("faces", f"SELECT * FROM faces WHERE {listed}")  # noqa: S608 - names are quoted
    excluded = f"EXISTS (FROM {name} WHERE {name}.sha256 = lower({text}) AND until <= {_NOW})"
    inside = _in_scope(rows, scope)
    passes = f"CASE WHEN {inside} THEN {listed} ELSE NOT {excluded} END"
    return rows.query("faces", f"SELECT * FROM faces WHERE {passes}")  # noqa: S608 - names are quoted


def _as_text(rows: Any, key: str) -> str:
    """The key as 64 hex digits, if it is a digest."""
    kind = _kind(rows, key)
    if kind == "BLOB":
        return f"lower(hex(faces.{_named(key)}))"
    if kind == "VARCHAR" or kind.startswith("ENUM") or kind == '"NULL"':
        return f"CAST(faces.{_named(key)} AS VARCHAR)"
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
