"""The same index made by Spark: one task a shard, on the executors' cores. Needs pyspark, and a folder that all see."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from consentkit.indexing.building import Built, build_unit, finish, fit, place
from consentkit.indexing.units import Unit, units_of
from consentkit.lookers import Lookers
from consentkit.sources.batches import Unreadable

_ASKED: Final = "path string, name string"
_TOLD: Final = "name string, problem string"


def index(spark: Any, shards: Iterable[Path | str], out: Path | str, *, source_field: str = "sha256") -> Built:
    """As `building.build`, by this SparkSession. `shards` and `out` have the same paths on driver and executors.

    Raises Misuse, Unreadable, or whatever Spark raises; then what is done stays, and the next run goes on.
    """
    paths, folder = list(map(Path, shards)), Path(out).resolve()
    units = units_of(paths)
    place(folder, paths)

    def make(batches: Iterator[Any]) -> Iterator[Any]:
        yield from _make(batches, folder, source_field)

    rows = [(str(unit.path.resolve()), unit.name) for unit in units]
    asked = spark.createDataFrame(rows, _ASKED).repartition(max(len(rows), 1))
    told = asked.mapInArrow(make, _TOLD).collect() if rows else []
    unread = [row.problem for row in told if row.problem]
    built = finish(folder)
    built.unread = unread
    return built


def _make(batches: Iterator[Any], out: Path, source_field: str) -> Iterator[Any]:
    """Runs on an executor: a task has one core, so one process looks at its pictures."""
    with ExitStack() as stack:
        lookers = stack.enter_context(Lookers(1)) if fit() else None
        for batch in batches:
            for row in batch.to_pylist():
                problem = ""
                unit = Unit(Path(row["path"]), row["name"])
                try:
                    build_unit(unit, out, source_field=source_field, lookers=lookers)
                except Unreadable as error:  # cut, damaged, or changed while it was read
                    (out / unit.part).unlink(missing_ok=True)
                    problem = str(error)
                yield pa.record_batch({"name": [unit.name], "problem": [problem]})
