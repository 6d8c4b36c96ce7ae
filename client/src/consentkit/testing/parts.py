"""A snapshot's part as Parquet bytes."""

import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from consentkit.testing.history import Row


def parquet(rows: Sequence[Row], *, purposes: Sequence[str], swapped: bool) -> bytes:
    """The rows in the order given. `swapped`: the terms of the first two purposes in each other's place."""
    columns: dict[str, Any] = {
        "sha256": pa.array([row.sha256 for row in rows], pa.binary(32)),
        "image": pa.array([str(row.image) for row in rows], pa.string()),
    }
    for purpose in purposes:
        columns[f"{purpose}_until"] = pa.array([row.standing[purpose][0] for row in rows], pa.int64())
        columns[f"{purpose}_reason"] = pa.array([row.standing[purpose][1] for row in rows], pa.string())
    if swapped:
        first, second = (f"{purpose}_until" for purpose in purposes[:2])
        columns[first], columns[second] = columns[second], columns[first]
    into = io.BytesIO()
    pq.write_table(pa.table(columns), into)
    return into.getvalue()
