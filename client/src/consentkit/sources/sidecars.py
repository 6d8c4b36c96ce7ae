"""The table that img2dataset writes beside each shard: `00000.parquet` beside `00000.tar`, a row for each sample.

Its column `key` has the samples' names. A sample that goes takes its row with it: address, caption and digest.
"""

import os
from collections.abc import Set
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from consentkit.sources.appearing import appearing
from consentkit.sources.batches import Unreadable

_NAME: Final = "key"


def sidecar_of(shard: Path) -> Path | None:
    """The table beside a shard; None where there is none, or one without the samples' names."""
    beside = shard.with_suffix(".parquet")
    if shard.suffix != ".tar" or not beside.is_file():
        return None
    try:
        return beside if pq.read_schema(beside).names.count(_NAME) == 1 else None
    except (pa.ArrowException, OSError):  # cut, or no Parquet: then it is one of the files that nobody looked at
        return None


def write_sidecar(source: Path, out: Path, samples: Set[str]) -> None:
    """The rows of these samples; `out` may be `source`. Raises Unreadable."""
    try:
        table: Any = pq.read_table(source, partitioning=None)
        names = table.column(_NAME).cast(pa.string())
        kept = table.filter(pc.is_in(names, pa.array(sorted(_last(each) for each in samples), pa.string())))
        with appearing(out) as partial:
            pq.write_table(kept, partial)
            with partial.open("rb") as written:
                os.fsync(written.fileno())
    except (pa.ArrowException, OSError) as error:  # cut, a column of another kind, a full disk
        raise Unreadable(f"{source} cannot be filtered with its shard: {error}") from error


def _last(sample: str) -> str:
    return sample.rpartition("/")[2]
