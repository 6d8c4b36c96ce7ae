"""One size for one answer: size and rows are read in one REPEATABLE READ transaction (law 2)."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from registry.log.recorder import head_size


@contextmanager
def at_one_size() -> Iterator[int]:
    """Open a read-only snapshot of the database; yields the log's size in it.

    The snapshot is taken by reading the head, so everything read after it is true at that size.
    """
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield head_size()
