"""Polars: an expression for `filter`, in frames and lazy frames. A lazy frame is decided when it is collected.

pl.scan_parquet("faces.parquet").filter(polars.allowed(registry, purpose="ai_training")).collect()
"""

from typing import Any

from consentkit.adapters.kernel import fixed, library, mask_of
from consentkit.moments import Source
from consentkit.sources.batches import COLUMN, Scope

pl = library("polars", package="polars")


def allowed(source: Source, *, purpose: str, key: str = COLUMN, scope: Scope | None = None) -> Any:
    """An expression of bool: a semi-join in scope and an anti-join outside it, by the judge itself.

    A pin's epoch begins here. Raises, when collected, what the registry raises.
    """
    names = [key] if scope is None or scope.column == key else [key, scope.column]
    asked = fixed(source)

    def decide(columns: list[Any]) -> Any:
        rows = {name: column.to_arrow() for name, column in zip(names, columns, strict=True)}
        return pl.Series(mask_of(rows, source=asked, purpose=purpose, key=key, scope=scope), dtype=pl.Boolean)

    return pl.map_batches([pl.col(name) for name in names], decide, return_dtype=pl.Boolean, is_elementwise=True)
