"""Spark: the same filter past one machine, as joins with Parquet that the pin's size was written to.

    spark_.allowed(spark.read.parquet("faces"), registry.pin(), purpose="ai_training", folder="/shared/consent")

A frame runs when it is read. By then the state's time may be over, and the job is an error of Spark's with the words
of LeaseEnded; and a permission that has ended meanwhile counts as ended.
"""

import hashlib
import math
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from consentkit.adapters.kernel import library
from consentkit.moments import Moment, Source
from consentkit.purposes import Purposes
from consentkit.rows import SHA256_BYTES
from consentkit.settings import Misuse
from consentkit.sources.appearing import appearing
from consentkit.sources.batches import COLUMN, Scope
from consentkit.trust import CLOCK_SKEW

F = library("pyspark.sql.functions", package="pyspark")

_ENDED: Final = "LeaseEnded: the state has ended its term: make the frame again, and consentkit syncs"
_UNREADABLE: Final = "a key out of scope cannot be read, so nobody knows whether that image is excluded"


def write(moment: Moment, folder: Path | str, *, purpose: Purposes) -> Path:
    """The listed digests as one Parquet file, where every executor reads it: `sha256` hex, `until` (0: excluded)."""
    told = hashlib.sha256(repr(moment.fingerprint(purpose)).encode()).hexdigest()[:16]
    path = Path(folder) / f"consentkit-{moment.size}-{told}.parquet"
    if not path.exists():
        with appearing(path) as partial:
            pq.write_table(moment.listed(purpose), partial)
    return path


def allowed(
    rows: Any,
    source: Source,
    *,
    purpose: Purposes,
    folder: Path | str,
    key: str = COLUMN,
    scope: Scope | None = None,
    broadcast: bool = False,
) -> Any:
    """The rows of a DataFrame that pass: in scope by a left semi join, and the others by a left anti join.

    `folder`: one that the driver and all executors share; `broadcast`: send the list to each, where it fits.
    """
    moment = source.moment()
    text = _as_text(rows, key)
    listed = rows.sparkSession.read.parquet(write(moment, folder, purpose=purpose).resolve().as_uri())
    # Also where the executors' clock was set back behind the moment.
    within = F.unix_timestamp().between(int(moment.at) - CLOCK_SKEW, math.ceil(moment.ends) - 1)
    guarded = F.when(within, listed.until).otherwise(F.raise_error(F.lit(_ENDED)))
    listed = listed.select(F.col("sha256").alias("consentkit_sha256"), guarded.alias("consentkit_until"))
    listed = F.broadcast(listed) if broadcast else listed
    lasts = F.col("consentkit_until") > F.unix_timestamp()
    permitted = (text == F.col("consentkit_sha256")) & lasts
    if scope is None:
        return rows.join(listed, permitted, "left_semi")
    inside = _in_scope(rows, scope)
    excluded = (F.lower(text) == F.col("consentkit_sha256")) & ~lasts
    ours = rows.where(inside).join(listed, permitted, "left_semi")
    others = rows.where(~inside).join(listed, excluded, "left_anti")
    if scope.unreadable == "refuse":
        readable = F.coalesce((text == "") | text.rlike("^[0-9a-f]{64}$"), F.lit(True))  # noqa: FBT003
        others = others.where(F.when(readable, readable).otherwise(F.raise_error(F.lit(_UNREADABLE))))
    return ours.unionByName(others)


def _as_text(rows: Any, key: str) -> Any:
    kind = _kind(rows, key)
    if kind == "binary":
        column = rows[key]
        # Bytes of that length are hex digits themselves.
        return F.when(F.length(column) == SHA256_BYTES, F.lower(F.hex(column))).otherwise(column.cast("string"))
    if kind in ("string", "void"):
        return rows[key].cast("string")
    raise Misuse(f"the column {key!r} holds {kind}: digests are 64 lower-case hex digits, or 32 bytes")


def _in_scope(rows: Any, scope: Scope) -> Any:
    """Null: nobody says whose row it is, so the registry is asked."""
    same = rows[scope.column] == F.lit(scope.value).cast(_kind(rows, scope.column))
    return F.coalesce(same, F.lit(True))  # noqa: FBT003 - Spark's own order


def _kind(rows: Any, name: str) -> str:
    if rows.columns.count(name) != 1:
        raise Misuse(f"no column {name!r}, or several; there are {', '.join(rows.columns)}")
    return str(dict(rows.dtypes)[name])
