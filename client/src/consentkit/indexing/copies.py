"""Asks the registry which rows are copies of protected images, by the views that an index has of them.

It never permits: a row that may pass without it may still be a copy, and one that cannot be asked about is unknown.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.compute as pc

from consentkit import matches
from consentkit.errors import ConsentkitError
from consentkit.indexing.index import Index
from consentkit.indexing.pointers import Numbers, Pointers, Spool
from consentkit.keys import Keys
from consentkit.lookup import PERMITTED, REMOVE, UNKNOWN, WAIT
from consentkit.matches import PICTURES_AT_ONCE, VERSION, Asked
from consentkit.pictures import Picture
from consentkit.rows import Bytes
from consentkit.settings import Misuse
from consentkit.sources.batches import Mask, Unreadable
from consentkit.transport import Transport

VIEWS_BYTES: Final = 198
"""At most, of one picture: by a test, what `fingerprints.asking` packs."""

_UNSEEN: Final = 255
"""In the first byte of a record, which else says how many bytes of views follow."""

_ANSWERS: Final = {"remove": REMOVE, "wait": WAIT}


class Incomplete(ConsentkitError):
    """The registry could not compare with everything that it protects."""


class Copies:
    """What the registry says of the pictures of an index. Made once a run."""

    def __init__(self, index: Index, transport: Transport, *, purposes: Sequence[str]) -> None:
        """Raises Misuse for an index without views, or Unreadable."""
        if any(part.views != VERSION for part in index.parts):
            raise Misuse(
                f"--copies: the index {index.folder} has no fingerprints: "
                "pip install 'consentkit[fingerprints]', and run consentkit index again"
            )
        self._transport, self._purposes = transport, purposes
        self._views = _views(index)
        self._records = Pointers.made(_records(index), same=self._alike)

    def told(self, keys: Keys, on: Mask) -> Bytes:
        """Per key: `PERMITTED` where nothing is against it or `on` is not set, `UNKNOWN` where it cannot be asked
        about, else `WAIT` or `REMOVE`. Raises Unreachable, Malformed, or Incomplete.
        """
        answer = np.where(on, np.uint8(UNKNOWN), np.uint8(PERMITTED))
        which, record = self._records.of(keys)
        which, record = which[on[which]], record[on[which]]
        if len(which):
            each, at = np.unique(record, return_inverse=True)
            first = np.flatnonzero(np.diff(which, prepend=-1))
            answer[which[first]] = np.maximum.reduceat(self._asked(each)[at], first)
        return answer

    def _asked(self, records: Numbers) -> Bytes:
        """The answer to each record."""
        answer = np.full(len(records), UNKNOWN, np.uint8)
        seen = np.flatnonzero(self._views[records, 0] != _UNSEEN)
        for start in range(0, len(seen), PICTURES_AT_ONCE):
            some = seen[start : start + PICTURES_AT_ONCE]
            asked = [self._question(record) for record in records[some]]
            found = matches.ask(self._transport, asked, purposes=self._purposes, deposit=False)
            if not all(each.complete for each in found):
                raise Incomplete(
                    "the registry could not compare with every image that it protects, so nothing can be kept: "
                    "try again in some minutes"
                )
            answer[some] = [_ANSWERS[each.reason] if each.reason else PERMITTED for each in found]
        return answer

    def _question(self, record: np.int64) -> Asked:
        """Named by a number: what a data set calls its pictures stays here."""
        name, held = str(record), self._views[record]
        return Picture(Path(name), name, named=False), held[1 : 1 + held[0]].tobytes()

    def _alike(self, some: Numbers, others: Numbers) -> Mask:
        return np.asarray((self._views[some] == self._views[others]).all(axis=1))


def _views(index: Index) -> Bytes:
    """A record for each picture of the index, in order."""
    spool = Spool(np.uint8, 1 + VIEWS_BYTES)
    for batch in index.read("views"):
        column = batch.column("views")
        lengths = pc.binary_length(column).fill_null(0).to_numpy(zero_copy_only=False)
        if len(lengths) and lengths.max() > VIEWS_BYTES:
            raise Unreadable(f"{index.folder} has views that are none: remove it, and run consentkit index again")
        records = np.zeros((len(column), 1 + VIEWS_BYTES), np.uint8)
        records[:, 0] = np.where(column.is_valid().to_numpy(zero_copy_only=False), lengths, _UNSEEN)
        packed = b"".join(column.drop_null().to_pylist())
        records[:, 1:][np.arange(VIEWS_BYTES) < lengths[:, None]] = np.frombuffer(packed, np.uint8)
        spool.add(records)
    return np.asarray(spool.mapped())


def _records(index: Index) -> Iterator[tuple[Bytes, Numbers]]:
    """Each digest of a picture, with the number of its record."""
    count = 0
    for stored, source in index.pairs():
        records = np.arange(count, count := count + len(stored))
        for key in (stored, source):
            yield key.sha256[key.read], records[key.read]
