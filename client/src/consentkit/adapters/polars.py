"""Polars: an expression for `filter`, in frames and lazy frames. A lazy frame is decided when it is collected.

pl.scan_parquet("faces.parquet").filter(polars.allowed(registry, purpose="ai_training")).collect()
"""

from typing import Any

from consentkit.adapters.kernel import Handle, library, mask_of
from consentkit.moments import Source
from consentkit.purposes import Purposes
from consentkit.sources.batches import COLUMN, Scope

pl = library("polars", package="polars")


def allowed(source: Source, *, purpose: Purposes, key: str = COLUMN, scope: Scope | None = None) -> Any:
    """An expression of bool: a semi-join in scope and an anti-join outside it, by the judge itself.

    Raises, when collected, what the registry raises, or LeaseEnded past the end of a term.
    """
    names = [key] if scope is None or scope.column == key else [key, scope.column]
    handle = Handle(source)

    def decide(columns: list[Any]) -> Any:
        rows = {name: column.to_arrow() for name, column in zip(names, columns, strict=True)}
        kept = mask_of(rows, moment=handle.moment(), purpose=purpose, key=key, scope=scope)
        return pl.Series(kept, dtype=pl.Boolean)

    return pl.map_batches([pl.col(name) for name in names], decide, return_dtype=pl.Boolean, is_elementwise=True)
