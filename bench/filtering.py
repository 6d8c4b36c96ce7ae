"""`filter`: ten million rows of a Parquet manifest with hex keys, four of five permitted.

Beside copying the file with PyArrow, and joins by DuckDB and Polars that keep the same rows and name no others.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from bench import states
from bench.apart import apart
from bench.figure import Figure
from bench.memory import most_held
from consentkit.filtering import Judge, filter_file
from consentkit.notes import Verifier

ROWS: Final = 10_000_000
GROUP: Final = 1 << 20
RUNS: Final = 3
GOAL: Final = 1.25
DAY: Final = 86_400


@dataclass(frozen=True)
class Taken:
    """Seconds, and the most memory that the process held, in MiB."""

    seconds: float
    memory: float


def run() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="registry-bench-") as folder:
        verifier = _prepare(Path(folder))
        works = (_copy, _filter, _join, _stream)
        taken: list[list[Taken]] = [[] for _ in works]
        for _ in range(RUNS):  # in turns, so that a busy moment meets all
            for work, runs in zip(works, taken, strict=True):
                runs.append(apart(_measured, work, folder, verifier))
    copy, ours, duckdb_, polars = map(_median, taken)
    ratio, memory = ours.seconds / copy.seconds, ours.memory / copy.memory
    peer = f"copying with PyArrow ({copy.seconds:.2f} s)"
    held = f"copying with PyArrow ({copy.memory:,.0f} MiB); the state of {ROWS:,} images is mapped"
    return [
        Figure("filter", ours.seconds, "s", peer, ratio, f"≤ {GOAL}", ratio <= GOAL),
        _ahead("DuckDB", ours, duckdb_),
        _ahead("Polars", ours, polars),
        Figure("filter_memory", ours.memory, "MiB", held, memory, "", None),
    ]


def _ahead(name: str, ours: Taken, peer: Taken) -> Figure:
    beside = f"{name} keeping the same rows ({peer.seconds:.2f} s, {peer.memory:,.0f} MiB)"
    ratio = ours.seconds / peer.seconds
    return Figure(f"filter_{name.lower()}", ours.seconds, "s", beside, ratio, "≤ 1", ratio <= 1)


def _prepare(folder: Path) -> str:
    """A manifest in random order, and the synced state of all of its images; the log's key."""
    digests = states.digests(ROWS)
    with pq.ParquetWriter(folder / "manifest.parquet", pa.schema({"sha256": pa.string(), "row": pa.int64()})) as out:
        for start in range(0, ROWS, GROUP):
            some = digests[start : start + GROUP]
            numbers = pa.array(np.arange(start, start + len(some)))
            out.write_table(pa.table({"sha256": states.as_hex(some), "row": numbers}), row_group_size=GROUP)
    fine = np.arange(ROWS) % 5 < 4
    permitted = digests[fine]
    permitted = permitted[np.argsort(permitted.view(">u8")[:, 0])]  # as the state has them
    pq.write_table(pa.table({"sha256": states.as_hex(permitted)}), folder / "permitted.parquet")
    return states.keep(folder, digests, fine)


# Each in a process of its own: its memory is then its own, and nothing is warm


def _measured(work: Callable[[str, str], float], folder: str, verifier: str) -> Taken:
    return Taken(work(folder, verifier), most_held())


def _copy(folder: str, _verifier: str) -> float:
    began = time.perf_counter()
    with (
        pq.ParquetFile(Path(folder) / "manifest.parquet") as file,
        pq.ParquetWriter(Path(folder) / "copy.parquet", file.schema_arrow) as out,
    ):
        for group in range(file.num_row_groups):
            out.write_table(file.read_row_group(group), row_group_size=GROUP)
    return time.perf_counter() - began


def _join(folder: str, _verifier: str) -> float:
    began = time.perf_counter()
    manifest, permitted, out = (Path(folder) / f"{name}.parquet" for name in ("manifest", "permitted", "joined"))
    kept = f"SELECT * FROM '{manifest}' SEMI JOIN '{permitted}' USING (sha256)"
    duckdb.sql("SET enable_progress_bar = false")
    duckdb.sql(f"COPY ({kept}) TO '{out}' (FORMAT parquet, COMPRESSION snappy)")
    return time.perf_counter() - began


def _stream(folder: str, _verifier: str) -> float:
    began = time.perf_counter()
    manifest, permitted, out = (Path(folder) / f"{name}.parquet" for name in ("manifest", "permitted", "streamed"))
    kept = pl.scan_parquet(manifest).join(pl.scan_parquet(permitted), on="sha256", how="semi")
    kept.sink_parquet(out, compression="snappy")
    return time.perf_counter() - began


def _filter(folder: str, verifier: str) -> float:
    """The state is loaded before: that is done once, however many files are filtered."""
    state = states.store(Path(folder)).load(Verifier.parse(verifier))
    if state is None:
        raise RuntimeError("the state just saved is not there")
    began = time.perf_counter()
    judge = Judge(state, states.PURPOSE, DAY, time.time)
    summary = filter_file(Path(folder) / "manifest.parquet", Path(folder) / "out.parquet", judge=judge)
    taken = time.perf_counter() - began
    if (summary.rows, summary.kept) != (ROWS, ROWS * 4 // 5):
        raise RuntimeError(f"four of five were to be kept: {summary}")
    return taken


def _median(taken: list[Taken]) -> Taken:
    return sorted(taken, key=lambda each: each.seconds)[len(taken) // 2]
