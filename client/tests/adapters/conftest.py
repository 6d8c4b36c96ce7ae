"""One table with every kind of key, and a registry that knows some of them."""

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from consentkit import Registry, Scope
from consentkit.filtering import Judge
from consentkit.keys import from_arrow
from consentkit.testing import Simulator
from consentkit.testing import picture as digest

FOR = "ai_training"
PERMITTED, REMOVED, WAITING, NOT_COVERED, EXPIRED, TWICE, STRANGER = (digest(number) for number in range(7))
KEYS = [
    PERMITTED,
    REMOVED,
    WAITING,
    NOT_COVERED,
    EXPIRED,
    TWICE,  # permitted as one image, withdrawn as another
    STRANGER,
    None,
    "",
    "é",
    PERMITTED[:-1],
    PERMITTED + "0",
    PERMITTED[:-1] + "g",
    PERMITTED.upper(),
    REMOVED.upper(),
    REMOVED[:-1] + REMOVED[-1:].upper(),
    PERMITTED,  # again
    REMOVED,
]
SCOPE = Scope("source", "registry", unreadable="keep")
LIBRARIES = {
    "arrow": "pyarrow",
    "pandas": "pandas",
    "polars": "polars",
    "duckdb": "duckdb",
    "duckdb, joins by hand": "duckdb",
    "torch": "torch",
    "torch, stream": "torch",
    "datasets": "datasets",
    "datasets, stream": "datasets",
    "webdataset": "webdataset",
    "spark": "pyspark",
    "ray": "ray",
}
"""By adapter, as the tests name them, the package that is its library."""


@dataclass(frozen=True)
class World:
    """A simulated registry, a client of it, and rows: `n`, `sha256`, `source`."""

    sim: Simulator
    registry: Registry
    table: pa.Table

    def wanted(self, scope: Scope | None) -> list[int]:
        """The `n` of the rows that pass, by the judge itself and a scope as it is defined."""
        judge = Judge(self.registry.sync(), FOR, 86_400, time.time, unreadable="keep")
        inside = None
        if scope is not None:
            inside = np.array([value in (None, scope.value) for value in self.table["source"].to_pylist()], bool)
        kept = judge.keep(from_arrow(self.table["sha256"]), inside)
        return [n for n, passes in enumerate(kept) if passes]


def rows_of(keys: list[object], kind: pa.DataType) -> pa.Table:
    """Each key three times: in scope, out of it, and with a null that says neither."""
    whose = ["registry", "web", None]
    columns = {
        "n": range(3 * len(keys)),
        "sha256": pa.array([key for key in keys for _ in whose], kind),
        "source": pa.array(whose * len(keys), pa.string()),
    }
    return pa.table(columns)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[tuple[Simulator, Registry]]:
    with Simulator(purposes=(FOR, "evaluation")) as sim:
        yield sim, Registry(sim.url, sim.key, log_key=sim.log_key, home=tmp_path / "home")


@pytest.fixture
def world(registry: tuple[Simulator, Registry]) -> World:
    sim, client = registry
    sim.grant(PERMITTED)
    for key, reason in ((REMOVED, "remove"), (WAITING, "wait"), (NOT_COVERED, "not_covered"), (TWICE, "remove")):
        sim.withdraw(sim.grant(key)[0], reason=reason)
    sim.grant(TWICE)
    sim.grant(EXPIRED, until=int(time.time()) - 1)
    return World(sim, client, rows_of(KEYS, pa.string()))


@pytest.fixture
def binary(world: World) -> World:
    """The same with keys of 32 bytes, and with text that stands in bytes."""
    keys = [None, b"", *(bytes.fromhex(k) for k in (PERMITTED, REMOVED, EXPIRED, TWICE, STRANGER)), bytes(31)]
    keys += [key.encode() for key in (PERMITTED, REMOVED, STRANGER, REMOVED.upper(), "sha256:" + REMOVED)]
    return World(world.sim, world.registry, rows_of(keys, pa.binary()))


@pytest.fixture
def empty(registry: tuple[Simulator, Registry]) -> World:
    """A registry that has no image."""
    return World(*registry, rows_of(KEYS, pa.string()))


@pytest.fixture
def rowless(world: World) -> World:
    """A table without a row."""
    return World(world.sim, world.registry, world.table[:0])


class Clock:
    """Moves this process's time, and with it the simulated registry's."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._wall, self._steady, self._patch = time.time, time.monotonic, patch

    def move(self, seconds: float, *, steady: float | None = None) -> None:
        """So far from now; `steady`: the monotonic clock, if that goes otherwise."""
        wall, since = self._wall, self._steady
        ahead = seconds if steady is None else steady
        self._patch.setattr(time, "time", lambda: wall() + seconds)
        shown = SimpleNamespace(time=lambda: wall() + seconds, monotonic=lambda: since() + ahead)
        self._patch.setattr("consentkit.terms.time", shown)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


# The libraries that only `make adapters` has


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    """Spark on this machine, its workers with this Python: another need not have consentkit."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    made = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    session = made.config("spark.sql.shuffle.partitions", "2").getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def ray() -> Iterator[None]:
    """Ray on this machine."""
    import ray as made

    made.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100_000_000)
    made.data.DataContext.get_current().enable_progress_bars = False
    yield
    made.shutdown()


# What `make adapters` ends with


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """A line for each adapter: the library that was here, and what became of its tests."""
    if not os.environ.get("ALL_ADAPTERS"):
        terminalreporter.write_line(
            "PyTorch, datasets, WebDataset, Spark and Ray are heavy: make adapters tests theirs."
        )
        return
    for name, package in LIBRARIES.items():
        counts = {
            word: sum(_concerns(report, name) for report in terminalreporter.stats.get(word, []))
            for word in ("passed", "failed", "error", "skipped")
        }
        told = ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "not run"
        terminalreporter.write_line(f"{name:22} {package} {version(package):12} {told}")


def _concerns(report: Any, adapter: str) -> bool:
    named: str = report.nodeid.partition("[")[2].removesuffix("]")
    return named == adapter or named.endswith(f"-{adapter}")
