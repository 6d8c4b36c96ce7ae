"""`rewrite`: a data set of a hundred Parquet parts and ten million rows, of which a withdrawal hits three parts.

Beside copying all parts with PyArrow, which is the least that filtering to another place would write.
"""

import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench import states
from bench.apart import apart
from bench.figure import Figure
from consentkit.filtering import Judge
from consentkit.notes import Verifier
from consentkit.rewriting import rewrite

PARTS, ROWS = 100, 100_000
HIT: Final = (7, 50, 93)
DAY: Final = 86_400


def run() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="registry-bench-") as folder:
        verifier = _prepare(Path(folder))
        copied = apart(_copied, folder)
        taken, hit = apart(_rewritten, folder, verifier)
    if hit != len(HIT):
        raise RuntimeError(f"{hit} parts were rewritten")
    peer = f"copying {PARTS} parts with PyArrow ({copied:.2f} s); {hit} of them were hit"
    return [Figure("rewrite", taken, "s", peer, taken / copied, "", None)]


def _prepare(folder: Path) -> str:
    (folder / "data").mkdir()
    (folder / "copy").mkdir()
    digests, permitted = states.digests(PARTS * ROWS), np.ones(PARTS * ROWS, bool)
    for part in range(PARTS):
        some = digests[part * ROWS : (part + 1) * ROWS]
        pq.write_table(pa.table({"sha256": states.as_hex(some)}), folder / "data" / f"{part:03}.parquet")
    permitted[[part * ROWS + 5 for part in HIT]] = False
    return states.keep(folder, digests, permitted)


def _copied(folder: str) -> float:
    began = time.perf_counter()
    for path in sorted((Path(folder) / "data").iterdir()):
        pq.write_table(pq.read_table(path), Path(folder) / "copy" / path.name)
    return time.perf_counter() - began


def _rewritten(folder: str, verifier: str) -> tuple[float, int]:
    state = states.store(Path(folder)).load(Verifier.parse(verifier))
    if state is None:
        raise RuntimeError("the state just saved is not there")
    began = time.perf_counter()
    done = rewrite(Path(folder) / "data", judge=Judge(state, states.PURPOSE, DAY, time.time))
    return time.perf_counter() - began, len(done.hit)
