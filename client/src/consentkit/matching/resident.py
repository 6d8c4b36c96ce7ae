"""Protected views in memory, searched by one picture at a time.

A search first looks where a view's 16 lowest frequencies differ from an asking one's in at most two bits. A picture of
which any view is near is then compared in full, view by view, and the rule decides. What that first step misses is
measured beside a full scan (`scan`): `make bench ONLY=matching`.

Invariants
  * What `add` returned from is seen by every search begun afterwards: views not sorted yet are scanned.
  * A search works on what was there when it began. Rows are only appended; sorting and growing make new arrays, which
    replace the old ones in one assignment, so neither interrupts a search.
  * One writer at a time; any number of readers beside it.
"""

import functools
import threading
from collections.abc import Hashable, Iterable
from typing import Final, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from consentkit.fingerprints.views import WORDS, Views, turned
from consentkit.matching import rule
from consentkit.matching.rule import Near

UNSORTED: Final = 2**16  # views scanned in full before they are sorted in
_KEYS: Final = 2**16
_KEY_SHIFT: Final = 48  # the highest bits of the first word are its lowest frequencies
_RADIUS: Final = 2

Key = TypeVar("Key", bound=Hashable)
Numbers = NDArray[np.int64]


class Match(NamedTuple, Generic[Key]):
    """A protected picture and the nearest of its views that speaks."""

    key: Key
    near: Near


class _Rows(NamedTuple):
    """`words` and `owners` have room; the first `filled` count, of them the first `sorted_to` are in `order`."""

    words: tuple[Views, ...]  # (room,) each
    owners: NDArray[np.int32]  # (room,); -1: a picture that is gone
    filled: int
    order: NDArray[np.int32]  # (sorted_to,) rows by key
    lowest: Views  # (sorted_to,) their first words: rows of one key lie side by side in memory
    starts: Numbers  # (65537,) where each key's rows begin in `order`

    @property
    def sorted_to(self) -> int:
        return len(self.order)


class Resident(Generic[Key]):
    """Maps views to the keys of the pictures that they protect."""

    def __init__(self, protected: Iterable[tuple[Key, Views]] = ()) -> None:
        """Sorted at once."""
        known = list(protected)
        self._writing = threading.Lock()
        self._keys = [key for key, _ in known]
        self._bounds = np.cumsum([0, *(len(views) for _, views in known)]).tolist()
        self._rows = _sorted(_gathered([views for _, views in known]))

    def __len__(self) -> int:
        """Views held, those of removed pictures included."""
        return self._rows.filled

    @property
    def size_bytes(self) -> int:
        """Of the arrays, room to grow included."""
        rows = self._rows
        return (
            sum(word.nbytes for word in rows.words)
            + rows.owners.nbytes
            + rows.order.nbytes
            + rows.lowest.nbytes
            + rows.starts.nbytes
        )

    def add(self, key: Key, views: Views) -> None:
        """Protect one more picture. Costs its own rows; now and then all are copied and sorted."""
        with self._writing:
            rows = _appended(self._rows, views, owner=len(self._keys))
            self._keys.append(key)
            self._bounds.append(rows.filled)
            crowded = rows.filled - rows.sorted_to > max(UNSORTED, rows.sorted_to // 4)
            self._rows = _sorted(rows) if crowded else rows  # last: now searches see it

    def remove(self, key: Key) -> None:
        """Its views match nothing from now on. Their room comes back when the index is made anew."""
        with self._writing:
            gone = [number for number, each in enumerate(self._keys) if each == key]
            owners = self._rows.owners.copy()
            for number in gone:
                owners[self._bounds[number] : self._bounds[number + 1]] = -1
            self._rows = self._rows._replace(owners=owners)

    def matches(self, asking: Views) -> list[Match[Key]]:
        """The protected pictures that an asking picture matches, nearest first."""
        rows, queries = self._rows, turned(asking)
        owners = {owner for query in queries.reshape(-1, WORDS) for owner in _owners_near(rows, query)}
        return self._judged(rows, queries, sorted(owners))

    def scan(self, asking: Views) -> list[Match[Key]]:
        """The same by comparing every view: the measure of `matches`, and slow."""
        rows = self._rows
        return self._judged(rows, turned(asking), np.unique(rows.owners[: rows.filled]).tolist())

    def _judged(self, rows: _Rows, queries: Views, owners: list[int]) -> list[Match[Key]]:
        spans = {owner: slice(self._bounds[owner], self._bounds[owner + 1]) for owner in owners if owner >= 0}
        nearest = {owner: rule.best(_near(rows, span, queries)) for owner, span in spans.items()}
        found = [Match(self._keys[owner], near) for owner, near in nearest.items() if near]
        return sorted(found, key=lambda match: match.near.distance)


def _gathered(all_views: list[Views]) -> _Rows:
    views = np.concatenate([np.empty((0, WORDS), np.uint64), *all_views])
    owners = np.repeat(np.arange(len(all_views), dtype=np.int32), [len(each) for each in all_views])
    words = tuple(np.ascontiguousarray(column) for column in views.T)
    unsorted = np.empty(0, np.int32), np.empty(0, np.uint64), np.zeros(_KEYS + 1, np.int64)
    return _Rows(words, owners, len(views), *unsorted)


def _appended(rows: _Rows, views: Views, *, owner: int) -> _Rows:
    end = rows.filled + len(views)
    if end > len(rows.owners):
        rows = _with_room(rows, end * 3 // 2)
    for word, column in zip(rows.words, views.T, strict=True):
        word[rows.filled : end] = column
    rows.owners[rows.filled : end] = owner
    return rows._replace(filled=end)


def _with_room(rows: _Rows, room: int) -> _Rows:
    words = tuple(
        np.resize(word[: rows.filled], room) if rows.filled else np.empty(room, np.uint64) for word in rows.words
    )
    owners = np.full(room, -1, np.int32)
    owners[: rows.filled] = rows.owners[: rows.filled]
    return rows._replace(words=words, owners=owners)


def _sorted(rows: _Rows) -> _Rows:
    keys = (rows.words[0][: rows.filled] >> _KEY_SHIFT).astype(np.uint16)
    order = np.argsort(keys, kind="stable").astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=_KEYS))])
    return rows._replace(order=order, lowest=rows.words[0][order], starts=starts)


def _owners_near(rows: _Rows, query: Views) -> list[int]:
    """Pictures of which a view with a similar key, or one not sorted yet, is near."""
    close = np.concatenate([_with_key_near(rows, query[0]), _unsorted_near(rows, query[0])])
    owners: list[int] = np.unique(rows.owners[close[rule.near(_distances(rows, close, query))]]).tolist()
    return owners


def _with_key_near(rows: _Rows, first: np.uint64) -> Numbers:
    keys = _keys_around() ^ (int(first) >> _KEY_SHIFT)
    firsts = rows.starts[keys]
    counts = rows.starts[keys + 1] - firsts
    places = np.arange(counts.sum()) + np.repeat(firsts - np.cumsum(counts) + counts, counts)
    near = np.bitwise_count(rows.lowest[places] ^ first) <= rule.LOWEST
    return np.asarray(rows.order[places[near]], np.int64)


@functools.cache
def _keys_around() -> Numbers:
    """Every difference of at most two of 16 bits."""
    keys = np.arange(_KEYS)
    return keys[np.bitwise_count(keys) <= _RADIUS]


def _unsorted_near(rows: _Rows, first: np.uint64) -> Numbers:
    later = rows.words[0][rows.sorted_to : rows.filled]
    return rows.sorted_to + np.flatnonzero(np.bitwise_count(later ^ first) <= rule.LOWEST)


def _distances(rows: _Rows, close: Numbers | slice, query: Views) -> rule.Distances:
    """(n, 4), of rows to one view's words."""
    return np.stack([np.bitwise_count(word[close] ^ query[at]) for at, word in enumerate(rows.words[:4])], axis=1)


def _near(rows: _Rows, span: slice, queries: Views) -> list[Near]:
    """All that is near among one picture's rows, none if it is gone."""
    found = []
    for turn, number in np.ndindex(*queries.shape[:2]):
        query = queries[turn, number]
        distances = rule.counted(_distances(rows, span, query))
        for at in np.flatnonzero((distances <= rule.FARTHEST[-1]) & (rows.owners[span] >= 0)).tolist():
            held = int(rows.words[4][span.start + at])
            found.append(rule.placed(int(distances[at]), number, int(query[4]), turn + 1, held))
    return found
