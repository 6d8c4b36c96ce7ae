"""Every adapter, with its library, decides every kind of key as the judge does."""

import io
import json
import os
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import pyarrow as pa
import pyarrow.dataset
import pytest

from consentkit.errors import Stale, Unreachable
from consentkit.filtering import UnreadableKeys
from consentkit.sources.batches import Scope
from consentkit.testing import picture as digest

FOR = "ai_training"
PERMITTED, REMOVED, STRANGER = digest(0), digest(1), digest(6)
"""As in the world."""

BYTES = "CASE octet_length(sha256) WHEN 32 THEN lower(hex(sha256)) ELSE CAST(sha256 AS VARCHAR) END"
SCOPE = Scope("source", "registry", unreadable="keep")


def _arrow(world: Any, source: Any, scope: Scope | None, **_: Any) -> list[int]:
    adapter = import_module("consentkit.adapters.arrow")
    table = adapter.allowed(world.table, source, purpose=FOR, scope=scope)
    batches = pa.dataset.dataset(world.table).to_batches(batch_size=5)
    streamed = pa.Table.from_batches(
        adapter.stream(batches, source, purpose=FOR, scope=scope), schema=world.table.schema
    )
    assert streamed.equals(table)
    return list(table["n"].to_pylist())


def _pandas(world: Any, source: Any, scope: Scope | None, **_: Any) -> list[int]:
    frame = world.table.to_pandas().set_index("n", drop=False)[::-1]
    kept = import_module("consentkit.adapters.pandas").allowed(frame, source, purpose=FOR, scope=scope)
    assert kept.index.tolist() == kept["n"].tolist()
    return sorted(kept["n"].tolist())


def _polars(world: Any, source: Any, scope: Scope | None, **_: Any) -> list[int]:
    import polars as pl

    allowed = import_module("consentkit.adapters.polars").allowed(source, purpose=FOR, scope=scope)
    frame = pl.from_arrow(world.table)
    assert isinstance(frame, pl.DataFrame)
    kept = frame.lazy().filter(allowed).collect()
    assert kept.equals(frame.filter(allowed))
    assert kept.equals(frame.lazy().filter(allowed).collect(engine="streaming"))
    return kept["n"].to_list()


def _duckdb(world: Any, source: Any, scope: Scope | None, **_: Any) -> list[int]:
    import duckdb

    with duckdb.connect() as connection:
        rows = connection.from_arrow(world.table)
        adapter = import_module("consentkit.adapters.duckdb")
        kept = adapter.allowed(rows, source, purpose=FOR, connection=connection, scope=scope)
        return sorted(n for n, *_ in kept.fetchall())


def _duckdb_by_hand(world: Any, source: Any, scope: Scope | None, **_: Any) -> list[int]:
    """The joins that `register` is documented with."""
    import duckdb

    with duckdb.connect() as connection:
        connection.register("faces", world.table)
        import_module("consentkit.adapters.duckdb").register(connection, source, purpose=FOR, name="listed")
        key = "sha256" if world.table["sha256"].type == pa.string() else BYTES
        connection.execute(f"CREATE VIEW keyed AS SELECT n, source, {key} AS key FROM faces")  # noqa: S608
        ours = "FROM keyed SEMI JOIN listed ON key = listed.sha256 AND until > epoch(now())"
        others = "FROM keyed ANTI JOIN listed ON lower(key) = listed.sha256 AND until <= epoch(now())"
        found = connection.execute(f"SELECT n, source {ours}").fetchall()
        if scope is None:
            return sorted(n for n, _ in found)
        passed = connection.execute(f"SELECT n, source {others}").fetchall()
        inside = [n for n, source in found if source in (None, scope.value)]
        return sorted(inside + [n for n, source in passed if source not in (None, scope.value)])


def _torch(world: Any, source: Any, scope: Scope | None, **_: Any) -> list[int]:
    from torch.utils.data import Dataset

    class Rows(Dataset):  # type: ignore[type-arg]
        def __len__(self) -> int:
            return len(world.table)

        def __getitem__(self, at: int) -> int:
            return int(world.table["n"][at].as_py())

    adapter = import_module("consentkit.adapters.torch")
    inside = [value in (None, scope.value) for value in world.table["source"].to_pylist()] if scope else None
    how = scope.unreadable if scope else "refuse"
    kept = adapter.allowed(Rows(), world.table["sha256"], source, purpose=FOR, in_scope=inside, unreadable=how)
    return [kept[at] for at in range(len(kept))]


def _torch_stream(world: Any, source: Any, scope: Scope | None, **_: Any) -> list[int]:
    adapter = import_module("consentkit.adapters.torch")
    kept = adapter.AllowedStream(
        world.table.to_pylist(),
        source,
        purpose=FOR,
        key=lambda row: row["sha256"],
        in_scope=(lambda row: row["source"] in (None, scope.value)) if scope else None,
        unreadable=scope.unreadable if scope else "refuse",
    )
    return [row["n"] for row in kept]


def _datasets(world: Any, source: Any, scope: Scope | None, **_: Any) -> list[int]:
    from datasets import Dataset

    adapter = import_module("consentkit.adapters.datasets")
    return list(adapter.allowed(Dataset(world.table), source, purpose=FOR, scope=scope)["n"])


def _datasets_stream(world: Any, source: Any, scope: Scope | None, **_: Any) -> list[int]:
    from datasets import Dataset

    adapter = import_module("consentkit.adapters.datasets")
    rows = Dataset(world.table).to_iterable_dataset(num_shards=2 if len(world.table) else 1)
    return [row["n"] for row in adapter.allowed(rows, source, purpose=FOR, scope=scope)]


def _webdataset(world: Any, source: Any, scope: Scope | None, tmp_path: Any) -> list[int]:
    import webdataset

    if not all(key is None or key.isascii() for key in world.table["sha256"].to_pylist()):
        world = type(world)(world.sim, world.registry, _ascii(world.table))
    path = tmp_path / "faces.tar"
    with tarfile.open(path, "w") as tar:
        for row in world.table.to_pylist():
            text = json.dumps(row).encode()
            member = tarfile.TarInfo(f"{row['n']:04}.json")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    stage = import_module("consentkit.adapters.webdataset").allowed(source, purpose=FOR, key="sha256", scope=scope)
    samples = webdataset.WebDataset(str(path), shardshuffle=False, empty_check=False).compose(stage).decode()
    return [sample["json"]["n"] for sample in samples]


def _ascii(table: pa.Table) -> pa.Table:
    """Keys that are not ASCII are refused in shards: here another malformed one stands for them."""
    keys = ["e" if key is not None and not key.isascii() else key for key in table["sha256"].to_pylist()]
    return table.set_column(1, "sha256", pa.array(keys, pa.string()))


def _spark(world: Any, source: Any, scope: Scope | None, tmp_path: Any) -> list[int]:
    adapter = import_module("consentkit.adapters.spark")
    spark = import_module("pyspark.sql").SparkSession.getActiveSession()
    rows = spark.createDataFrame(world.table)
    kept = adapter.allowed(rows, source, purpose=FOR, folder=tmp_path, scope=scope)
    sent = adapter.allowed(rows, source, purpose=FOR, folder=tmp_path, scope=scope, broadcast=True)
    found = sorted(row.n for row in kept.collect())
    assert found == sorted(row.n for row in sent.collect())
    return found


def _ray(world: Any, source: Any, scope: Scope | None, **_: Any) -> list[int]:
    import ray.data

    adapter = import_module("consentkit.adapters.ray")
    pin = source if hasattr(source, "kept") else source.pin()
    rows = adapter.allowed(ray.data.from_arrow(world.table), pin, purpose=FOR, scope=scope)
    return sorted(row["n"] for row in rows.take_all())


LIGHT = {
    "arrow": _arrow,
    "pandas": _pandas,
    "polars": _polars,
    "duckdb": _duckdb,
    "duckdb, joins by hand": _duckdb_by_hand,
}
HEAVY = {
    "torch": _torch,
    "torch, stream": _torch_stream,
    "datasets": _datasets,
    "datasets, stream": _datasets_stream,
    "webdataset": _webdataset,
    "spark": _spark,
    "ray": _ray,
}
ADAPTERS: dict[str, Callable[..., list[int]]] = {**LIGHT, **(HEAVY if os.environ.get("ALL_ADAPTERS") else {})}
TEXT_ONLY = ("webdataset",)
"""JSON has no bytes."""

each_adapter = pytest.mark.parametrize("adapter", ADAPTERS)


@pytest.fixture(autouse=True)
def _library(request: pytest.FixtureRequest, adapter: str) -> None:
    if os.environ.get("ALL_ADAPTERS") and adapter in ("spark", "ray"):
        request.getfixturevalue(adapter)


@each_adapter
@pytest.mark.parametrize("scope", [None, SCOPE], ids=["all", "scope"])
@pytest.mark.parametrize("kind", ["registry", "pin"])
@pytest.mark.parametrize("rows", ["world", "binary", "empty", "rowless"])
def test_every_kind_of_key(request: Any, adapter: str, rows: str, kind: str, scope: Any, tmp_path: Any) -> None:
    if rows == "binary" and adapter in TEXT_ONLY:
        pytest.skip("JSON has no bytes")
    if rows == "rowless" and adapter == "datasets, stream":
        pytest.skip("datasets makes no stream of a table without a row")
    world = request.getfixturevalue(rows)
    source = world.registry if kind == "registry" else world.registry.pin()
    wanted = world.wanted(scope)
    assert ADAPTERS[adapter](world, source, scope, tmp_path=tmp_path) == wanted
    if rows == "world":
        assert 6 <= len(wanted) < len(world.table) / 2  # neither all nor nothing


@each_adapter
def test_a_withdrawal_counts_in_the_registry_and_not_in_the_pin(world: Any, adapter: str, tmp_path: Any) -> None:
    run = ADAPTERS[adapter]
    pin = world.registry.pin()
    before = run(world, pin, None, tmp_path=tmp_path)
    world.sim.withdraw(next(iter(world.sim._acts[0].images)))
    assert run(world, pin, None, tmp_path=tmp_path) == before
    pin.advance()
    assert run(world, pin, None, tmp_path=tmp_path) == []


@each_adapter
def test_no_network_and_no_key_are_errors(world: Any, adapter: str, tmp_path: Any) -> None:
    world.sim.answer(500)
    with pytest.raises(Unreachable):
        ADAPTERS[adapter](world, world.registry, None, tmp_path=tmp_path)


@each_adapter
def test_a_pin_that_has_ended_begins_nothing(world: Any, adapter: str, tmp_path: Any, monkeypatch: Any) -> None:
    pin = world.registry.pin()
    monkeypatch.setattr("consentkit.terms.time.time", lambda: pin.kept.state.close.not_after)
    with pytest.raises(Stale, match="ended its term"):
        ADAPTERS[adapter](world, pin, None, tmp_path=tmp_path)


@each_adapter
@pytest.mark.parametrize("key", [REMOVED.upper(), " " + REMOVED, "0x" + REMOVED, "sha256:" + REMOVED, STRANGER[:-1]])
def test_a_key_out_of_scope_that_cannot_be_read_is_an_error(world: Any, adapter: str, key: str, tmp_path: Any) -> None:
    """In scope it is dropped, out of scope it passes only where that was said; in capitals it still excludes."""
    table = pa.table({"n": [0, 1], "sha256": [PERMITTED, key], "source": ["registry", "web"]})
    given, run, excluded = replace(world, table=table), ADAPTERS[adapter], key == REMOVED.upper()
    pin = world.registry.pin()
    assert run(given, pin, None, tmp_path=tmp_path) == [0]
    assert run(given, pin, SCOPE, tmp_path=tmp_path) == ([0] if excluded else [0, 1])
    if adapter == "duckdb, joins by hand":
        return  # its user says what becomes of these
    if excluded:
        assert run(given, pin, Scope("source", "registry"), tmp_path=tmp_path) == [0]
        return
    with pytest.raises(Exception if adapter in ENGINES else UnreadableKeys, match="cannot be read"):
        run(given, pin, Scope("source", "registry"), tmp_path=tmp_path)


@each_adapter
def test_of_several_purposes_all_must_permit(world: Any, adapter: str, tmp_path: Any, monkeypatch: Any) -> None:
    world.sim.grant(STRANGER, purposes=("evaluation",))
    world.sim.grant(digest(20), purposes=(FOR,))
    table = pa.table({"n": [0, 1, 2], "sha256": [PERMITTED, STRANGER, digest(20)], "source": ["registry"] * 3})
    given, pin, found = replace(world, table=table), world.registry.pin(), []
    for purpose in ("ai_training", "evaluation", ("evaluation", "ai_training")):
        monkeypatch.setattr(sys.modules[__name__], "FOR", purpose)
        found.append(ADAPTERS[adapter](given, pin, None, tmp_path=tmp_path))
    assert found == [[0, 2], [0, 1], [0]]


ENGINES = ("duckdb", "duckdb, joins by hand", "spark", "ray")
"""What these raise in their own processes or engines is an error of theirs, with our words."""
