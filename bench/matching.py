"""`copies_query`: one picture against many protected ones; `match_join`: a million fingerprints against a million.

The join needs DuckDB, its peer FAISS: where one is absent, this says so and measures the rest.
"""

import importlib
import io
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.figure import Figure, seconds
from consentkit.fingerprints import preparation, views
from consentkit.matching import bands
from consentkit.matching.resident import Resident
from service.demo.portraits import draw

PROTECTED = 10_000
VIEWS_EACH = 650
SIZES = (10**4, 10**5, 10**6, 10**7)
SEEDS = 40
COPIED = -1
JOINED = 1_000_000
PLANTED = 20_000
WITHIN = 31
PEER_QUERIES = 10_000
GOAL, GOAL_FOUND = 50, 0.999

Words = NDArray[np.uint64]
T = TypeVar("T")


def run() -> list[Figure]:
    return [*_queries(), *_join()]


def _queries() -> list[Figure]:
    """A mirrored copy of one protected picture asks. The others are as skewed as drawn portraits are."""
    seeds = np.concatenate([views.protected(_small(seed)) for seed in range(SEEDS)])
    original = _small(SEEDS)
    asking = views.asked(np.ascontiguousarray(original[:, ::-1]))
    figures = [_latency(_index(seeds, size // VIEWS_EACH, original), asking) for size in SIZES]
    index = _index(seeds, PROTECTED, original)
    if [match.key for match in index.matches(asking)] != [COPIED]:
        raise RuntimeError("the copy was not found")
    query = seconds(lambda: index.matches(asking), runs=9) * 1000
    jpeg = _twelve_megapixels()
    cost = seconds(lambda: _fingerprinted(jpeg), runs=5) * 1000
    peer = "fingerprinting a 12-megapixel JPEG, views too"
    return [Figure("copies_query", query, "ms", peer, query / cost, "≤ 1", query <= cost), *figures]


def _fingerprinted(jpeg: bytes) -> None:
    image = Image.open(io.BytesIO(jpeg))
    preparation.shrink(image)
    grey = preparation.luma(preparation.flatten(image).picture)
    views.asked(preparation.area_reduced(grey, side=views.SIDE))


def _twelve_megapixels() -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(draw(1))).resize((4000, 3000)).save(file, "JPEG", quality=90)
    return file.getvalue()


def _latency(index: Resident[int], asking: views.Views) -> Figure:
    query = seconds(lambda: index.matches(asking), runs=5) * 1000
    peer = f"{index.size_bytes / 2**20:,.0f} MiB held"
    return Figure(f"copies_query_at_{len(index):.0e}", query, "ms", peer, None, "", None)


def _index(seeds: views.Views, pictures: int, original: preparation.Pixels) -> Resident[int]:
    dice = np.random.default_rng(pictures)
    others = ((number, _another(seeds, dice)) for number in range(pictures - 1))
    return Resident([*others, (COPIED, views.protected(original))])


def _another(seeds: views.Views, dice: np.random.Generator) -> views.Views:
    """A picture's views: seeds with a quarter of their bits flipped."""
    chosen = seeds[dice.integers(0, len(seeds), VIEWS_EACH)].copy()
    flips = dice.integers(0, 2**64, (2, VIEWS_EACH, 4), dtype=np.uint64)
    chosen[:, :4] ^= flips[0] & flips[1]
    return chosen


def _small(seed: int) -> preparation.Pixels:
    image = Image.open(io.BytesIO(draw(seed, (320, 400)))).convert("RGB")
    return preparation.area_reduced(preparation.luma(image), side=views.SIDE)


def _join() -> list[Figure]:
    duckdb = _library("duckdb", "the join of a million is not measured")
    if duckdb is None:
        return []
    asked, held = _planted()
    took, found = _timed(lambda: _joined(duckdb, asked, held))
    recall = found / PLANTED
    peer = _exhaustive(asked, held)
    if peer is None:
        return [Figure("match_join", took, "s", f"no FAISS here; {recall:.2%} found", None, f"≥ {GOAL} ×", None)]
    ratio, met = peer / took, peer / took >= GOAL and recall >= GOAL_FOUND
    words = f"exhaustive FAISS, {peer:,.0f} s by {PEER_QUERIES:,} queries; {recall:.2%} found"
    return [Figure("match_join", took, "s", words, ratio, f"≥ {GOAL} × at ≥ {GOAL_FOUND:.1%}", met)]


def _planted() -> tuple[Words, Words]:
    """Uniform random bits; among the asking ones 20,000 copies of held ones, 0 to 31 bits away."""
    dice = np.random.default_rng(1)
    asked, held = dice.integers(0, 2**64, (2, JOINED, 4), dtype=np.uint64)
    flips = dice.random((PLANTED, 256)).argsort(axis=1) < dice.integers(0, WITHIN + 1, (PLANTED, 1))
    asked[:PLANTED] = held[:PLANTED] ^ np.packbits(flips, axis=1).view(np.uint64)
    return asked, held


def _joined(duckdb: ModuleType, asked: Words, held: Words) -> int:
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    for name, words in (("asked", asked), ("held", held)):
        columns = {f"w{at}": np.ascontiguousarray(bands.signed(words)[:, at]) for at in range(4)}
        connection.register(f"{name}_given", _table(np.arange(len(words)), columns))
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_given")
    return len(connection.execute(bands.join_sql(distance=WITHIN)).fetchall())


def _table(ids: NDArray[np.int64], columns: dict[str, NDArray[np.int64]]) -> Any:
    import pyarrow as pa

    return pa.table({"id": ids, **columns})


def _exhaustive(asked: Words, held: Words) -> float | None:
    """Seconds for all, by a part."""
    faiss = _library("faiss", "the join has no peer")
    if faiss is None:
        return None
    index = faiss.IndexBinaryFlat(256)
    index.add(np.ascontiguousarray(held).view(np.uint8))
    queries = np.ascontiguousarray(asked[:PEER_QUERIES]).view(np.uint8)
    took, _ = _timed(lambda: index.range_search(queries, WITHIN + 1))
    return took * len(asked) / len(queries)


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    done = work()
    return time.perf_counter() - began, done


def _library(name: str, without: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:  # an optional part of the benchmarks
        sys.stderr.write(f"{name} is not installed: {without}.\n")
        return None
