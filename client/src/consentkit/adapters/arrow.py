"""PyArrow: tables, record batches, and streams of batches.

allowed = arrow.allowed(table, registry, purpose="ai_training")
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from consentkit.adapters.kernel import Handle, mask_of
from consentkit.moments import Source
from consentkit.purposes import Purposes
from consentkit.sources.batches import COLUMN, Scope
from consentkit.sources.parquet import passing


def mask(rows: Any, source: Source, *, purpose: Purposes, key: str = COLUMN, scope: Scope | None = None) -> Any:
    """An Arrow array of bool, for `filter` and compute. `rows`: a table or a record batch."""
    return pa.array(mask_of(rows, moment=source.moment(), purpose=purpose, key=key, scope=scope))


def allowed(rows: Any, source: Source, *, purpose: Purposes, key: str = COLUMN, scope: Scope | None = None) -> Any:
    """The rows of a table or record batch that pass, in their order."""
    return passing(rows, mask_of(rows, moment=source.moment(), purpose=purpose, key=key, scope=scope))


def stream(
    batches: Iterable[Any], source: Source, *, purpose: Purposes, key: str = COLUMN, scope: Scope | None = None
) -> Iterator[Any]:
    """Record batches as they are read, as from `Dataset.to_batches`; each is decided when it comes.

    Raises LeaseEnded at the first batch past the end of a term.
    """
    handle = Handle(source)
    for batch in batches:
        yield allowed(batch, handle, purpose=purpose, key=key, scope=scope)
