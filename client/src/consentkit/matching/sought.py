"""The other direction: one protected picture looked for among very many asking ones, whose views stream by.

The first step is that of `Resident`: an asking view is looked at where its 16 lowest frequencies differ in at most two
bits from a protected view's. Here the protected side is the small one, so it is turned eight ways and every key that is
near one of its rows is written into a table; an asking view then costs one look. Pictures of which a view is near are
judged by `Resident`, so both directions find the same.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consentkit.fingerprints.views import Views, turned
from consentkit.matching import rule
from consentkit.matching.resident import Resident
from consentkit.matching.rule import Near

_CHUNK: Final = 2**14  # asking views looked at together: bounds the memory where many keys are alike
_KEYS: Final = 2**16
_KEY_SHIFT: Final = 48  # the highest bits of the first word are its lowest frequencies
_RADIUS: Final = 2

Numbers = NDArray[np.int64]


class Sought:
    """One protected picture, ready to be compared with any number of asking ones."""

    def __init__(self, protected: Views) -> None:
        """`protected`: (n, 5). Takes about as long as making them."""
        self._judge = Resident([(0, protected)])
        rows = turned(protected).reshape(-1, protected.shape[1])
        self._words = tuple(np.ascontiguousarray(rows[:, at]) for at in range(4))
        around = np.flatnonzero(np.bitwise_count(np.arange(_KEYS)) <= _RADIUS)
        keys = ((rows[:, :1] >> np.uint64(_KEY_SHIFT)).astype(np.int64) ^ around).ravel()
        self._order = np.argsort(keys, kind="stable") // len(around)
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=_KEYS))])

    def among(self, asking: Views, owners: Numbers) -> Iterator[tuple[int, Near]]:
        """The asking pictures that match, with the nearest view that speaks.

        `asking`: (n, 5), the views of picture `owners[i]` at i; `owners` ascends.
        """
        for owner in np.unique(owners[self._near(asking)]).tolist():
            first, last = np.searchsorted(owners, [owner, owner + 1])
            for match in self._judge.matches(asking[first:last]):
                yield owner, match.near

    def _near(self, asking: Views) -> Numbers:
        """Asking views that are near a protected one."""
        parts = range(0, len(asking), _CHUNK)
        found = [first + self._near_in(asking[first : first + _CHUNK]) for first in parts]
        return np.concatenate([np.empty(0, np.int64), *found])

    def _near_in(self, asking: Views) -> Numbers:
        keys = (asking[:, 0] >> np.uint64(_KEY_SHIFT)).astype(np.int64)
        firsts = self._starts[keys]
        counts = self._starts[keys + 1] - firsts
        views = np.repeat(np.arange(len(asking)), counts)
        rows = self._order[np.arange(len(views)) + np.repeat(firsts - np.cumsum(counts) + counts, counts)]
        close = np.bitwise_count(self._words[0][rows] ^ asking[views, 0]) <= rule.LOWEST
        views, rows = views[close], rows[close]
        distances = np.stack(
            [np.bitwise_count(w[rows] ^ asking[views, at]) for at, w in enumerate(self._words)], axis=1
        )
        return np.unique(views[rule.near(distances)])
