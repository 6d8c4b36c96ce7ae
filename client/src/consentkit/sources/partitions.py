"""Partition folders, as Hive and Spark name them: `source=registry/part.parquet` gives each of its rows a column.

OUT has the same folders, so its rows have the same columns.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import numpy as np

from consentkit.sources.batches import Batch, Scope, Sink, Source

_NULL: Final = "__HIVE_DEFAULT_PARTITION__"


def columns_of(path: Path) -> dict[str, str | None]:
    """Names and values by the folders right above a file; None where one stands for null."""
    found: dict[str, str | None] = {}
    for folder in path.absolute().parents:
        name, equals, value = folder.name.partition("=")
        if not name or not equals:
            break
        found.setdefault(unquote(name), None if value == _NULL else unquote(value))
    return found


class Partitioned:
    """A file whose rows are all in scope, or all out of it, by the folder that it lies in."""

    def __init__(self, file: Source, value: str | None, scope: Scope) -> None:
        self._file = file
        self._inside = value is None or _same(value, scope.value)

    @property
    def total(self) -> int:
        """As the file has it."""
        return self._file.total

    def batches(self) -> Iterator[Batch]:
        return map(self._scoped, self._file.batches())

    def asked(self) -> Iterator[Batch]:
        return map(self._scoped, self._file.asked())

    def sink(self, path: Path) -> AbstractContextManager[Sink]:
        return self._file.sink(path)

    def _scoped(self, batch: Batch) -> Batch:
        own = True if batch.in_scope is None else batch.in_scope
        return replace(batch, in_scope=np.full(len(batch.keys), self._inside) & own)


def _same(value: str, wanted: str) -> bool:
    """A folder does not say of what type its column is: `07` may be the number 7."""
    try:
        return value == wanted or float(value) == float(wanted)
    except ValueError:  # text
        return False
