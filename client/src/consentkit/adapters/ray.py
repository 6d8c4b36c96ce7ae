"""Ray Data: batches of Arrow, decided on the workers.

    faces = ray_.allowed(ray.data.read_parquet("faces"), registry.pin(), purpose="ai_training")

Workers read the pinned size from CONSENTKIT_HOME, so machines of one cluster share that folder.
"""

from typing import Any

from consentkit.adapters import arrow
from consentkit.adapters.kernel import library
from consentkit.moments import Source
from consentkit.sources.batches import COLUMN, Scope

library("ray.data", package="'ray[data]'")


def allowed(rows: Any, source: Source, *, purpose: str, key: str = COLUMN, scope: Scope | None = None) -> Any:
    """The rows of a Ray Dataset that pass. A pin's epoch begins here. Raises NotShared without a pin."""
    moment = source.moment().shared()

    def decide(batch: Any) -> Any:
        return arrow.allowed(batch, moment, purpose=purpose, key=key, scope=scope)

    return rows.map_batches(decide, batch_format="pyarrow", zero_copy_batch=True)
