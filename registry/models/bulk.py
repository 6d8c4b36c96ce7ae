"""Many rows in one statement: an act over ten thousand images must not spend its second on building SQL."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.db.models import Field, ForeignKey, Lookup, Model
from psycopg import sql


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
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(model._meta.db_table),  # noqa: SLF001 - Django documents _meta
        sql.SQL(", ").join(map(sql.Identifier, columns)),
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
