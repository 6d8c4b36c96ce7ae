"""Many fingerprints against many, as one SQL text that DuckDB and Spark both read.

Two tables `asked` and `held`: `id`, and a fingerprint's 256 bits as `w0` to `w3` (BIGINT, the unsigned words' bits).
Two fingerprints are compared when they are equal in one of 72 bands, and every pair that comes out has been compared in
full. A band is 20 bits spread over a word, so that neighbouring frequencies, which go together in real pictures, do not
make some bands crowded; equal fingerprints, which would crowd all of them, are joined once and spread again after.

Of pairs at distance d, about 1 - (1 - (1 - d / 256)**20)**72 are found: 99.6 % at 31, 99.99 % at 24. Measured, of pairs
spread evenly over 0 to 31: 99.94 % (`make bench ONLY=match_join`).
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

BITS: Final = 20
COUNT: Final = 72


class Band(NamedTuple):
    """The word, 0 to 3, and which of its bits, as the signed integer that SQL has."""

    word: int
    mask: int


def join_sql(*, distance: int, count: int = COUNT) -> str:
    """Rows `asked`, `held` (ids) and `distance`, once each, for pairs within `distance`. Fewer bands find less."""
    joins = "\nUNION\n".join(_band(band, distance) for band in list(bands())[:count])
    return "\n".join(
        [
            "WITH a AS (SELECT DISTINCT w0, w1, w2, w3 FROM asked),",
            "h AS (SELECT DISTINCT w0, w1, w2, w3 FROM held),",
            f"near AS (\n{joins}\n)",
            "SELECT asked.id AS asked, held.id AS held, near.distance AS distance FROM near",
            f"JOIN asked ON {_equal('asked', 'a')}",
            f"JOIN held ON {_equal('held', 'h')}",
        ]
    )


def bands() -> Iterator[Band]:
    """The 72, always the same: bits drawn by a linear congruential generator (Knuth's MMIX constants)."""
    state = 1
    for number in range(COUNT):
        places = list(range(64))
        chosen = 0
        for _ in range(BITS):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            chosen |= 1 << places.pop((state >> 33) % len(places))
        yield Band(number % 4, chosen - 2**64 if chosen >> 63 else chosen)


def signed(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """The words' bits as SQL keeps them."""
    return words.view(np.int64)


def _band(band: Band, distance: int) -> str:
    column = f"w{band.word}"
    words = ", ".join(f"{side}.w{word} AS {side}{word}" for side in "ah" for word in range(4))
    return (
        f"SELECT {words}, {_distance(range(4))} AS distance "  # noqa: S608 - our own integers only
        f"FROM a JOIN h ON (a.{column} & {band.mask}) = (h.{column} & {band.mask}) "
        f"WHERE {_distance(range(2))} <= {distance} AND {_distance(range(4))} <= {distance}"
    )


def _distance(words: range) -> str:
    """Bits that differ. `(x | y) - (x & y)` is x XOR y, which the two engines spell differently; DuckDB's `bit_count`
    is a TINYINT, whose sum would overflow."""
    return " + ".join(f"CAST(bit_count((a.w{i} | h.w{i}) - (a.w{i} & h.w{i})) AS INTEGER)" for i in words)


def _equal(table: str, side: str) -> str:
    return " AND ".join(f"{table}.w{word} = near.{side}{word}" for word in range(4))
