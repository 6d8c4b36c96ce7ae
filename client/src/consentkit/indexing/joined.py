"""What a state says of keys and of all digests that an index has beside them.

Of the digests of a key that the registry knows the strongest answer holds, as of several images of one digest: a row is
permitted only if one of its digests is, and none is excluded or in doubt.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from consentkit.indexing.index import Index
from consentkit.indexing.pointers import Numbers, Pointers
from consentkit.keys import Keys
from consentkit.lookup import PERMITTED, UNKNOWN, Found, Lookup
from consentkit.rows import Bytes


class Joined:
    """A lookup by key, source digest or stored digest. Made once per state and index."""

    def __init__(self, lookup: Lookup, index: Index) -> None:
        """Raises Unreadable."""
        self._lookup = lookup
        self._others = Pointers.made(self._pairs(index))

    def find(self, keys: Keys, *, at: float) -> Found:
        """As `Lookup.find`."""
        found = self._lookup.find(keys, at=at)
        which, place = self._others.of(keys)
        if len(which):
            first = np.flatnonzero(np.diff(which, prepend=-1))
            strongest = np.maximum.reduceat(self._lookup.said(place), first)
            one = which[first]
            found.answer[one] = np.where(found.known[one], np.maximum(found.answer[one], strongest), strongest)
            found.known[one] = True
        found.answer[(found.answer == PERMITTED) & ~keys.proper] = UNKNOWN
        return found

    def known(self, keys: Keys) -> Bytes:
        """All digests of these keys that the registry has a row for, each once."""
        own = self._lookup.digests.places(keys)
        _, others = self._others.of(keys)
        return self._lookup.digests.taken(np.union1d(own[own >= 0], others))

    def _pairs(self, index: Index) -> Iterator[tuple[Bytes, Numbers]]:
        """Each digest with the place of another that the registry knows: nothing else could change an answer."""
        for stored, source in index.pairs():
            for key, other in ((stored, source), (source, stored)):
                place = self._lookup.digests.places(other)
                on = (place >= 0) & key.read & _apart(stored.sha256, source.sha256)
                yield key.sha256[on], place[on].astype(np.int64)


def _apart(some: Bytes, others: Bytes) -> NDArray[np.bool_]:
    return np.asarray((some != others).any(axis=1))
