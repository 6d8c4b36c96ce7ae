"""What was opened once, and is read again and again while the clock goes on."""

import io
import json
import os
import pickle
import sys
import tarfile
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest

from consentkit.errors import LeaseEnded, Unreachable
from consentkit.moments import Moment, NotShared
from consentkit.terms import Term
from consentkit.testing import picture as digest

FOR = "ai_training"
MINUTES, DAY = 20 * 60, 86_400
PERMITTED, NOT_COVERED, STRANGER = digest(0), digest(3), digest(6)
"""As in the world."""

SECOND = digest(30)
Read = Callable[[], list[int]]


@pytest.fixture
def rows(world: Any) -> Any:
    """Two permitted pictures among others."""
    world.sim.grant(SECOND)
    keys = [PERMITTED, NOT_COVERED, SECOND, STRANGER, None]
    table = pa.table({"n": range(5), "sha256": pa.array(keys, pa.string()), "source": ["registry"] * 5})
    return replace(world, table=table)


def _arrow(rows: Any, source: Any, _: Any) -> Read:
    adapter = import_module("consentkit.adapters.arrow")
    batches = rows.table.to_batches(max_chunksize=2)
    return lambda: [n for part in adapter.stream(batches, source, purpose=FOR) for n in part["n"].to_pylist()]


def _pandas(rows: Any, source: Any, _: Any) -> Read:
    adapter, frame = import_module("consentkit.adapters.pandas"), rows.table.to_pandas()
    return lambda: list(adapter.allowed(frame, source, purpose=FOR)["n"])


def _polars(rows: Any, source: Any, _: Any) -> Read:
    import polars as pl

    frame = pl.from_arrow(rows.table)
    assert isinstance(frame, pl.DataFrame)
    kept = frame.lazy().filter(import_module("consentkit.adapters.polars").allowed(source, purpose=FOR))
    return lambda: list(kept.collect()["n"])


def _duckdb(rows: Any, source: Any, _: Any) -> Read:
    import duckdb

    connection = duckdb.connect()
    adapter = import_module("consentkit.adapters.duckdb")
    kept = adapter.allowed(connection.from_arrow(rows.table), source, purpose=FOR, connection=connection)

    def read() -> list[int]:
        try:
            return sorted(n for n, *_ in kept.fetchall())
        except duckdb.Error as error:  # DuckDB's own, with our words
            if "LeaseEnded" not in str(error):
                raise
            raise LeaseEnded(str(error)) from error

    return read


def _torch(rows: Any, source: Any, _: Any) -> Read:
    adapter = import_module("consentkit.adapters.torch")
    kept = adapter.allowed(list(range(5)), rows.table["sha256"], source, purpose=FOR)
    return lambda: [kept[at] for at in range(len(kept))]


def _torch_stream(rows: Any, source: Any, _: Any) -> Read:
    adapter = import_module("consentkit.adapters.torch")
    stream = adapter.AllowedStream(rows.table.to_pylist(), source, purpose=FOR, key=_key)
    return lambda: [row["n"] for row in stream]


def _key(row: dict[str, Any]) -> str | None:
    return row["sha256"]  # type: ignore[no-any-return]


def _datasets(rows: Any, source: Any, _: Any) -> Read:
    from datasets import Dataset

    kept = import_module("consentkit.adapters.datasets").allowed(Dataset(rows.table), source, purpose=FOR)
    return lambda: [kept[at]["n"] for at in range(len(kept))] and [row["n"] for row in kept]


def _datasets_stream(rows: Any, source: Any, _: Any) -> Read:
    from datasets import Dataset

    stream = Dataset(rows.table).to_iterable_dataset(num_shards=2)
    kept = import_module("consentkit.adapters.datasets").allowed(stream, source, purpose=FOR)
    return lambda: [row["n"] for row in kept]


def _webdataset(rows: Any, source: Any, tmp_path: Any) -> Read:
    import webdataset

    path = tmp_path / "faces.tar"
    with tarfile.open(path, "w") as tar:
        for row in rows.table.to_pylist():
            text = json.dumps(row).encode()
            member = tarfile.TarInfo(f"{row['n']:04}.json")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    stage = import_module("consentkit.adapters.webdataset").allowed(source, purpose=FOR, key="sha256")
    samples = webdataset.WebDataset(str(path), shardshuffle=False, empty_check=False).compose(stage).decode()
    return lambda: [sample["json"]["n"] for sample in samples]


LIGHT = {"arrow": _arrow, "pandas": _pandas, "polars": _polars, "duckdb": _duckdb}
HEAVY = {
    "torch": _torch,
    "torch, stream": _torch_stream,
    "datasets": _datasets,
    "datasets, stream": _datasets_stream,
    "webdataset": _webdataset,
}
ADAPTERS = {**LIGHT, **(HEAVY if os.environ.get("ALL_ADAPTERS") else {})}
DECIDED_ONCE = ("duckdb", "torch", "datasets")
"""Made for one state: past its lease they are made anew."""

each_adapter = pytest.mark.parametrize("adapter", ADAPTERS)


@each_adapter
@pytest.mark.parametrize("passed", [MINUTES, DAY, 7 * DAY, 60 * DAY])
def test_a_pin_is_read_for_a_week_and_no_longer(
    rows: Any, adapter: str, passed: int, clock: Any, tmp_path: Any
) -> None:
    read = ADAPTERS[adapter](rows, rows.registry.pin(), tmp_path)
    assert read() == [0, 2]
    rows.sim.withdraw(next(iter(rows.sim._acts[0].images)))
    clock.move(passed)
    if passed < 7 * DAY:
        assert read() == [0, 2]
        return
    with pytest.raises(LeaseEnded):
        read()
    clock.move(-60, steady=passed)  # and setting it back helps nobody
    with pytest.raises(LeaseEnded):
        read()


@each_adapter
@pytest.mark.parametrize("passed", [MINUTES, DAY, 7 * DAY, 60 * DAY])
def test_past_its_lease_a_registry_is_asked_again(
    rows: Any, adapter: str, passed: int, clock: Any, tmp_path: Any
) -> None:
    read = ADAPTERS[adapter](rows, rows.registry, tmp_path)
    assert read() == [0, 2]
    rows.sim.withdraw(next(iter(rows.sim._acts[0].images)))
    clock.move(passed)
    if adapter in DECIDED_ONCE:
        with pytest.raises(LeaseEnded):
            read()
        return
    assert read() == [2]
    rows.sim.answer(500)
    clock.move(2 * passed)
    with pytest.raises(Unreachable):
        read()


@each_adapter
def test_a_moment_is_read_to_its_end(rows: Any, adapter: str, clock: Any, tmp_path: Any) -> None:
    read = ADAPTERS[adapter](rows, rows.registry.moment(), tmp_path)
    assert read() == [0, 2]
    clock.move(0, steady=901)
    with pytest.raises(LeaseEnded):
        read()


# Iterators that stay open


@pytest.fixture
def torch_or_its_classes(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The streams of `adapters.torch` are Python alone: where PyTorch is not here, its two empty classes stand in."""
    if "ALL_ADAPTERS" not in os.environ:
        named = ["torch", "torch.distributed", "torch.utils", "torch.utils.data"]
        for name in named:
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
        data: Any = sys.modules["torch.utils.data"]
        data.IterableDataset, data.Subset = type("IterableDataset", (), {}), _Subset
        monkeypatch.delitem(sys.modules, "consentkit.adapters.torch", raising=False)
    yield import_module("consentkit.adapters.torch")
    if "ALL_ADAPTERS" not in os.environ:
        sys.modules.pop("consentkit.adapters.torch", None)


class _Subset:
    def __init__(self, rows: Any, kept: list[int]) -> None:
        self.rows, self.kept = rows, kept

    def __len__(self) -> int:
        return len(self.kept)

    def __getitem__(self, at: int) -> Any:
        return self.rows[self.kept[at]]


def test_an_iterator_left_open_gives_nothing_past_the_end(rows: Any, torch_or_its_classes: Any, clock: Any) -> None:
    keys = [PERMITTED, SECOND] * 20
    for source in (rows.registry.pin(), rows.registry.pin().moment()):
        coming = iter(torch_or_its_classes.AllowedStream(keys, source, purpose=FOR, key=str))
        assert next(coming) == PERMITTED
        clock.move(7 * DAY)
        with pytest.raises(LeaseEnded):
            next(coming)
        clock.move(0)


def test_an_iterator_left_open_past_the_lease_goes_on_by_the_newest_state(
    rows: Any, torch_or_its_classes: Any, clock: Any
) -> None:
    keys = [PERMITTED, SECOND] * 3
    stream = torch_or_its_classes.AllowedStream(keys, rows.registry, purpose=FOR, key=str)
    coming = iter(stream)
    assert next(coming) == PERMITTED
    rows.sim.withdraw(next(iter(rows.sim._acts[0].images)))
    clock.move(MINUTES)
    assert list(coming) == [SECOND] * 3
    assert list(stream) == [SECOND] * 3


def test_an_endless_stream_ends_with_its_pin(rows: Any, torch_or_its_classes: Any, clock: Any) -> None:
    def endless() -> Any:
        while True:
            yield PERMITTED

    coming = iter(torch_or_its_classes.AllowedStream(endless(), rows.registry.pin(), purpose=FOR, key=str))
    assert [next(coming) for _ in range(200)] == [PERMITTED] * 200
    clock.move(60 * DAY)
    with pytest.raises(LeaseEnded):
        next(coming)


def test_items_of_a_map_style_dataset_end_with_the_term(rows: Any, torch_or_its_classes: Any, clock: Any) -> None:
    keys = [PERMITTED, STRANGER, SECOND]
    kept = torch_or_its_classes.allowed(keys, keys, rows.registry.pin(), purpose=FOR)
    assert [kept[0], kept[1], len(kept)] == [PERMITTED, SECOND, 2]
    clock.move(8 * DAY)
    with pytest.raises(LeaseEnded):
        kept[0]


# Other processes


def test_a_handle_goes_to_other_processes_with_a_pin_and_ends_there(rows: Any, clock: Any) -> None:
    kernel = import_module("consentkit.adapters.kernel")
    pin = rows.registry.pin()
    sent = pickle.dumps(kernel.Handle(pin))
    assert rows.sim.key.encode() not in sent
    there = pickle.loads(sent)  # noqa: S301 - our own
    assert there.moment().mask([PERMITTED, STRANGER], purpose=FOR).tolist() == [True, False]
    assert pickle.loads(pickle.dumps(there)).moment().size == pin.size  # noqa: S301 - and on
    clock.move(7 * DAY)
    with pytest.raises(LeaseEnded):
        there.moment()
    with pytest.raises(LeaseEnded):
        pickle.loads(sent).moment().mask([PERMITTED], purpose=FOR)  # noqa: S301 - sent before, opened after
    with pytest.raises(NotShared, match="pin it first"):
        pickle.dumps(kernel.Handle(rows.registry))


@pytest.mark.skipif("ALL_ADAPTERS" not in os.environ, reason="make adapters has PyTorch, datasets and WebDataset")
@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("adapter", ["datasets, stream", "webdataset", "torch, stream"])
def test_workers_however_they_are_started(rows: Any, adapter: str, start: str, tmp_path: Any) -> None:
    from torch.utils.data import DataLoader

    pin = rows.registry.pin()

    def loader(source: Any) -> Any:
        made = STREAMS[adapter](rows, source, tmp_path)
        return DataLoader(made, batch_size=None, num_workers=1, multiprocessing_context=start)

    assert [_number(row) for row in loader(pin)] == [0, 2]
    ends = loader(_brief(pin.moment()))
    time.sleep(3.2)
    with pytest.raises(LeaseEnded):
        list(ends)


@pytest.mark.skipif("ALL_ADAPTERS" not in os.environ, reason="make adapters has Spark and Ray")
@pytest.mark.parametrize("adapter", ["spark", "ray"])
def test_engines_that_run_elsewhere_end_with_the_term(
    rows: Any, adapter: str, tmp_path: Any, request: pytest.FixtureRequest
) -> None:
    engine = request.getfixturevalue(adapter)
    moment = _brief(rows.registry.pin().moment(), seconds=5)
    if adapter == "spark":
        module = import_module("consentkit.adapters.spark")
        kept = module.allowed(engine.createDataFrame(rows.table), moment, purpose=FOR, folder=tmp_path)
        read: Callable[[], Any] = kept.collect
    else:
        import ray.data

        module = import_module("consentkit.adapters.ray")
        read = module.allowed(ray.data.from_arrow(rows.table), moment, purpose=FOR).take_all
    time.sleep(6)
    with pytest.raises(Exception, match="LeaseEnded"):
        read()


def _brief(moment: Moment, *, seconds: float = 3) -> Moment:
    """The same, for a moment: other processes have a clock of their own."""
    return replace(moment, term=Term(time.time() + seconds, "this pin", "pin again"), _judges={})


def _number(row: Any) -> int:
    return int((json.loads(row["json"]) if "json" in row else row)["n"])


def _hf(rows: Any, source: Any, _: Any) -> Any:
    from datasets import Dataset

    stream = Dataset(rows.table).to_iterable_dataset()
    return import_module("consentkit.adapters.datasets").allowed(stream, source, purpose=FOR)


def _wds(rows: Any, source: Any, tmp_path: Any) -> Any:
    import webdataset

    _webdataset(rows, rows.registry, tmp_path)
    stage = import_module("consentkit.adapters.webdataset").allowed(source, purpose=FOR, key="sha256")
    return webdataset.WebDataset(str(tmp_path / "faces.tar"), shardshuffle=False).compose(stage)


def _items(rows: Any, source: Any, _: Any) -> Any:
    adapter = import_module("consentkit.adapters.torch")
    return adapter.AllowedStream(rows.table.to_pylist(), source, purpose=FOR, key=_key)


STREAMS = {"datasets, stream": _hf, "webdataset": _wds, "torch, stream": _items}
