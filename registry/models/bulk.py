"""Many rows in one statement, and many statements in one round trip: an act over ten thousand images must not spend
its second on building SQL, nor an act over one image on asking thirty times.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import connection
from django.db.models import Field, ForeignKey, Lookup, Model
from numpy.typing import NDArray
from psycopg import RawCursor
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

FEW: Final = 1_000  # rows that are computed within the server's own limit
IDLE_BASE_MS: Final = 10_000
IDLE_ROW_MS: Final = 1  # twenty times what a row costs on a machine with nothing else to do
_ELEMENTS: Final = {"bytea": 17, "uuid": 2950}  # PostgreSQL's own numbers of these types


@Field.register_lookup
class IsAny(Lookup):
    """`field__any=[…]`: the whole list is one array parameter, where `__in` writes a placeholder for each."""

    lookup_name = "any"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        column, parameters = self.process_lhs(compiler, connection)
        kind = self.lhs.output_field.db_type(connection)
        return f"{column} = ANY(%s::{kind}[])", (*parameters, list(self.rhs))


ForeignKey.register_lookup(IsAny)


def insert_many(model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """COPY rows into a model's table, in this transaction. Columns are the database's; defaults fill the rest."""
    quoted = connection.ops.quote_name
    table = quoted(model._meta.db_table)  # noqa: SLF001 - Django documents _meta
    statement = f"COPY {table} ({', '.join(map(quoted, columns))}) FROM STDIN"
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def insert_one(model: type[Model], columns: Mapping[str, str], row: Sequence[object]) -> None:
    """COPY one row that may have megabytes, in this transaction: as a parameter they would be written and read as hex.

    Columns are the database's, each with its type; defaults fill the rest.
    """
    quoted = connection.ops.quote_name
    table = quoted(model._meta.db_table)  # noqa: SLF001 - Django documents _meta
    statement = f"COPY {table} ({', '.join(map(quoted, columns))}) FROM STDIN (FORMAT BINARY)"
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        copy.set_types(list(columns.values()))
        copy.write_row(row)


def ask(statements: str, parameters: Mapping[str, Any]) -> list[list[tuple[Any, ...]]]:
    """Run statements, parted by semicolons, in one round trip; the rows of each in turn, none where it gives none.

    Each sees what was committed before it began, as if it had come alone.
    """
    with connection.cursor() as cursor:
        cursor.execute(statements, parameters)
        found = [cursor.fetchall() if cursor.description else []]
        while cursor.nextset():
            found.append(cursor.fetchall() if cursor.description else [])
    return found


def allow_computing(rows: int) -> None:
    """Let this transaction stand idle for longer, in proportion to the rows that Python computes over.

    The database gives up a transaction that stands idle, so that a frozen process keeps no locks. An act over 300,000
    images stands idle between two statements only because it computes; a person must be able to stop them all at once.
    """
    if rows > FEW:
        ask(f"SET LOCAL idle_in_transaction_session_timeout = {IDLE_BASE_MS + rows * IDLE_ROW_MS}", {})


def uuid_array(values: Iterable[UUID | None]) -> str:
    """A `uuid[]` parameter as PostgreSQL writes it: psycopg would ask of each element what it is."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def bytea_array(values: Iterable[bytes]) -> str:
    """A `bytea[]` parameter as PostgreSQL writes it."""
    return "{" + ",".join([f'"\\\\x{value.hex()}"' for value in values]) + "}"


class Packed(bytes):
    """An array parameter in PostgreSQL's binary form. Made by `packed`."""


class _PackedDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Packed) -> Buffer:
        return obj


def packed(values: NDArray[np.uint8], kind: str) -> Packed:
    """A `bytea[]` or `uuid[]` parameter from rows of bytes: neither side writes or reads digits."""
    count, width = values.shape
    framed = np.empty((count, 4 + width), np.uint8)
    framed[:, :4], framed[:, 4:] = np.frombuffer(struct.pack(">i", width), np.uint8), values
    head = struct.pack(">iiiii", 1, 0, _ELEMENTS[kind], count, 1)  # dimensions, nulls, type, length, first position
    return Packed(head + framed.tobytes())


def ask_packed(statement: str, parameters: Sequence[object]) -> Any:
    """The one value of a statement; it and the parameters ($1, $2, …) travel in binary form."""
    connection.ensure_connection()
    with connection.wrap_database_errors, RawCursor(connection.connection) as cursor:
        cursor.adapters.register_dumper(Packed, _PackedDumper)
        ((value,),) = cursor.execute(statement, parameters, binary=True).fetchall()
    return value


def copy_fixed(table: str, column: str, chunks: Iterable[bytes], *, width: int) -> None:
    """COPY values of `width` bytes each into a table's one `bytea` column, in this transaction.

    A chunk is any number of them one after another. Framed as PostgreSQL's binary COPY has it, a chunk at once.
    """
    head = np.frombuffer(struct.pack(">hi", 1, width), np.uint8)  # one field, its length
    statement = f"COPY {connection.ops.quote_name(table)} ({column}) FROM STDIN (FORMAT BINARY)"
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as copy:
        copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
        for chunk in chunks:
            values = np.frombuffer(chunk, np.uint8).reshape(-1, width)
            framed = np.empty((len(values), len(head) + width), np.uint8)
            framed[:, : len(head)], framed[:, len(head) :] = head, values
            copy.write(framed.tobytes())
        copy.write(struct.pack(">h", -1))
