"""What all adapters share: the library, the answers, and columns of any kind as Arrow."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from itertools import islice
from typing import Any, Final, TypeVar

import numpy as np
import pyarrow as pa

from consentkit.errors import ConsentkitError
from consentkit.moments import Moment, Source
from consentkit.purposes import Purposes
from consentkit.settings import Misuse
from consentkit.sources.batches import Mask, Scope
from consentkit.sources.parquet import in_scope

_AT_ONCE: Final = 64

Item = TypeVar("Item")


class MissingLibrary(ConsentkitError):
    """The library of this adapter is not installed."""


def library(name: str, *, package: str) -> Any:
    """The module of a library. Raises MissingLibrary, which says what to install."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise  # it is here, and lacks something of its own
        raise MissingLibrary(f"this adapter needs {package}: pip install {package}") from error


class Handle:
    """A source that is read later, a batch at a time, maybe in another process.

    Each batch asks it for a moment, so none is decided past the end of a term. A registry is synced anew when its lease
    is over; to another process only a pin goes, by its size.
    """

    def __init__(self, source: Source) -> None:
        """Raises what syncing raises, or LeaseEnded: at once, not when the first batch is read."""
        source.moment()
        self._source = source

    def moment(self) -> Moment:
        """As of now, or if it was made of a moment, that. Raises what syncing raises, or LeaseEnded."""
        return self._source.moment()

    def __getstate__(self) -> dict[str, Any]:
        """Raises NotShared."""
        moment = self.moment().shared()
        return {"_source": moment if self._source is moment else _Renewing(moment)}


class _Renewing:
    """A pin, as another process has it."""

    def __init__(self, moment: Moment) -> None:
        self._moment = moment

    def moment(self) -> Moment:
        return self._moment.renewed()


def stream(items: Iterable[Item], handle: Handle, decide: Callable[[Moment, list[Item]], Mask]) -> Iterator[Item]:
    """The items that pass, decided some at a time. What waits when a term ends is decided anew, or is not given."""
    coming = iter(items)
    while some := list(islice(coming, _AT_ONCE)):
        moment, passes = None, np.zeros(len(some), bool)
        for at, item in enumerate(some):
            if moment is None or moment.ended:
                moment = handle.moment()
                passes[at:] = decide(moment, some[at:])
            if passes[at]:
                yield item


def mask_of(rows: Any, *, moment: Moment, purpose: Purposes, key: str, scope: Scope | None) -> Mask:
    """Which rows of an Arrow table or batch, or of a mapping of columns, pass. Raises Misuse for a missing column."""
    if isinstance(rows, Mapping):
        rows = pa.table({name: _column(rows, name) for name in {key, scope.column if scope else key}})
    for name in (key, scope.column if scope else key):
        if rows.schema.names.count(name) != 1:
            raise Misuse(f"no column {name!r}, or several; there are {', '.join(rows.schema.names)}")
    unreadable = scope.unreadable if scope else "refuse"
    try:
        return moment.mask(rows.column(key), purpose=purpose, in_scope=in_scope(rows, scope), unreadable=unreadable)
    except pa.ArrowException as error:  # a layout that this Arrow cannot read
        raise Misuse(f"the column {key!r} cannot be read: {error}") from error


def _column(rows: Mapping[str, Any], name: str) -> Any:
    if name not in rows:
        raise Misuse(f"no column {name!r}; there are {', '.join(map(str, rows))}")
    return as_column(rows[name], name)


def as_column(values: Any, name: str) -> Any:
    """Values of any kind as Arrow; NaN is null. Raises Misuse."""
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:  # of several kinds, or of none
        raise Misuse(f"the column {name!r} cannot be read: {error}") from error
