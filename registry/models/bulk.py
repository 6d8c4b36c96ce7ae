"""Many rows in one statement: an act over ten thousand images must not spend its second on building SQL."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.db.models import Field, ForeignKey, Lookup, Model


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
