"""Hugging Face datasets: `filter`, map-style and streaming.

faces = datasets_.allowed(load_dataset("parquet", data_files="faces.parquet", split="train"), registry, purpose=P)
"""

import hashlib
from typing import Any

from consentkit.adapters.kernel import fixed, library, mask_of
from consentkit.moments import Source
from consentkit.sources.batches import COLUMN, Scope

datasets = library("datasets", package="datasets")


def allowed(
    rows: Any, source: Source, *, purpose: str, key: str = COLUMN, scope: Scope | None = None, **options: Any
) -> Any:
    """What passes of a Dataset or IterableDataset; `options` go to its `filter`.

    A Dataset is decided here, and cached under a fingerprint of the size and of the terms ended: the cache never
    answers with an older decision. `num_proc` needs a pin. A stream is decided as it is read.
    """
    names = [key] if scope is None or scope.column == key else [key, scope.column]
    streaming = isinstance(rows, datasets.IterableDataset)
    moment = source.moment()
    asked = fixed(source) if streaming else moment

    def decide(*columns: Any) -> list[bool]:
        held = dict(zip(names, columns, strict=True))
        return [bool(each) for each in mask_of(held, source=asked, purpose=purpose, key=key, scope=scope)]

    if streaming:
        return rows.filter(decide, batched=True, input_columns=names, **options)
    told = repr((rows._fingerprint, moment.fingerprint(purpose), key, scope))  # noqa: SLF001 - the library's own way
    fingerprint = hashlib.sha256(told.encode()).hexdigest()[:32]
    return rows.filter(decide, batched=True, input_columns=names, new_fingerprint=fingerprint, **options)
