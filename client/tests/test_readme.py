"""The README's longer examples, run as they stand there."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

README = Path(__file__).parents[1] / "README.md"


def example(word: str) -> str:
    """The one block of Python with this word in it."""
    (found,) = (block for block in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL) if word in block)
    return str(found)


def test_many_against_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("duckdb", reason="the join needs an SQL engine, here DuckDB")
    monkeypatch.chdir(tmp_path)
    dice = np.random.default_rng(1)
    held = dice.integers(0, 256, (500, 32), dtype=np.uint8)
    flips = dice.random((500, 256)).argsort(axis=1) < dice.integers(0, 28, (500, 1))
    asked = held ^ np.packbits(flips, axis=1)
    for name, rows in (("ours", asked), ("theirs", held)):
        bits = pa.array([row.tobytes() for row in rows], pa.binary(32))
        pq.write_table(pa.table({"id": np.arange(500) + 7, "pdq256r": bits}), f"{name}.parquet", row_group_size=200)
    exec(compile(example("import duckdb"), README, "exec"), {})  # noqa: S102 - our own README
    near = pq.read_table("near.parquet").to_pydict()
    found = set(zip(near["asked"], near["held"], near["distance"], strict=True))
    every = np.bitwise_count(asked[:, None] ^ held[None]).sum(axis=2)
    true = {(int(a) + 7, int(h) + 7, int(every[a, h])) for a, h in np.argwhere(every <= 31)}
    assert found <= true
    assert len(found) >= 0.99 * len(true) >= 490
