"""Ray Data: batches of Arrow, decided on the workers.

    faces = ray_.allowed(ray.data.read_parquet("faces"), registry.pin(), purpose="ai_training")

Workers read the pinned size from CONSENTKIT_HOME, so machines of one cluster share that folder.
"""

from typing import Any

from consentkit.adapters import arrow
from consentkit.adapters.kernel import Handle, library
from consentkit.moments import Source
from consentkit.purposes import Purposes
from consentkit.sources.batches import COLUMN, Scope

library("ray.data", package="'ray[data]'")


def allowed(rows: Any, source: Source, *, purpose: Purposes, key: str = COLUMN, scope: Scope | None = None) -> Any:
    """The rows of a Ray Dataset that pass. Raises NotShared without a pin; past its term LeaseEnded, in the workers."""
    source.moment().shared()
    handle = Handle(source)

    def decide(batch: Any) -> Any:
        return arrow.allowed(batch, handle, purpose=purpose, key=key, scope=scope)

    return rows.map_batches(decide, batch_format="pyarrow", zero_copy_batch=True)
