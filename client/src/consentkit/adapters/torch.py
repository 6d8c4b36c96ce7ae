"""PyTorch: views of datasets, and what the ranks of a distributed run do together.

    pin = torch_.pin(registry)
    with torch_.epoch(pin) as epoch:
        loader = DataLoader(torch_.allowed(faces, digests, epoch, purpose="ai_training"), num_workers=4)

Rank 0 asks the registry and looks at the clock; all ranks then have the same size, moment and length, or the same
error. None of these functions is called between the collectives of a training step.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from consentkit.adapters.kernel import Handle, library, stream
from consentkit.errors import ConsentkitError
from consentkit.moments import Moment, Source
from consentkit.pins import Advanced, Pin
from consentkit.purposes import Purposes
from consentkit.registry import Registry
from consentkit.settings import Misuse
from consentkit.sources.batches import Mask, OnUnreadable
from consentkit.terms import Term

torch = library("torch", package="torch")
distributed = library("torch.distributed", package="torch")
data = library("torch.utils.data", package="torch")

Key = Callable[[Any], str | bytes | None]
Inside = Callable[[Any], bool]


class DifferentSizes(ConsentkitError):
    """The ranks do not hold the same size."""


# Datasets


class AllowedItems(data.Subset):  # type: ignore[misc, name-defined]
    """Items of a map-style dataset that passed when this was made, until the term ends: then LeaseEnded."""

    def __init__(self, rows: Any, kept: list[int], term: Term) -> None:
        super().__init__(rows, kept)
        self._term = term

    def __getitem__(self, at: Any) -> Any:
        self._term.require()
        return super().__getitem__(at)

    def __getitems__(self, some: list[int]) -> list[Any]:
        self._term.require()
        return super().__getitems__(some)  # type: ignore[no-any-return]


def allowed(
    rows: Any,
    keys: Any,
    source: Source,
    *,
    purpose: Purposes,
    in_scope: Any = None,
    unreadable: OnUnreadable = "refuse",
) -> Any:
    """A `Subset` of a map-style dataset: the items whose key passes, in their order. Make it anew for each epoch.

    `keys`: one for each item, as for `Registry.mask`; so no picture is opened to decide. Past the end of the term, of a
    registry its lease, reading an item raises LeaseEnded.
    """
    moment = source.moment()
    kept = np.flatnonzero(moment.mask(keys, purpose=purpose, in_scope=in_scope, unreadable=unreadable))
    if len(keys) != len(rows):
        raise Misuse(f"{len(keys)} keys for {len(rows)} items")
    return AllowedItems(rows, kept.tolist(), moment.term)


class AllowedStream(data.IterableDataset):  # type: ignore[misc, name-defined]
    """The items of an iterable dataset that pass. `key` and `in_scope` are asked for each item.

    In the DataLoader's workers give a pin: each maps the pinned rows, and what it is sent stays small.
    How items are shared out among workers is the wrapped dataset's matter.
    """

    def __init__(
        self,
        rows: Iterable[Any],
        source: Source,
        *,
        purpose: Purposes,
        key: Key,
        in_scope: Inside | None = None,
        unreadable: OnUnreadable = "refuse",
    ) -> None:
        """May be iterated again and again: each batch is decided as of then. Raises LeaseEnded."""
        self._rows, self._purpose, self._key, self._in_scope = rows, purpose, key, in_scope
        self._unreadable: OnUnreadable = unreadable
        self._handle = Handle(source)
        self._handle.moment().judge(purpose, unreadable)  # before any fork, so that workers share it

    def __iter__(self) -> Iterator[Any]:
        return stream(self._rows, self._handle, self._passes)

    def _passes(self, moment: Moment, some: list[Any]) -> Mask:
        inside = None if self._in_scope is None else [self._in_scope(item) for item in some]
        keys = [self._key(item) for item in some]
        return moment.mask(keys, purpose=self._purpose, in_scope=inside, unreadable=self._unreadable)


# Ranks


def pin(registry: Registry) -> Pin:
    """Rank 0 syncs and pins; all ranks load that size, or raise the same error."""
    if _alone():
        return registry.pin()
    size = _from_first(lambda: registry.pin().size)
    return _all(lambda: registry.pinned(size), size)


def advance(held: Pin, registry: Registry) -> Advanced:
    """Rank 0 advances, between epochs; all ranks follow to the same size."""
    if _alone():
        return held.advance()
    size = _from_first(lambda: registry.pin().size)
    return held.moved(_all(lambda: registry.pinned(size), size))


@contextmanager
def epoch(held: Pin) -> Iterator[Moment]:
    """A moment that is the same on all ranks, by rank 0's clock. Raises LeaseEnded on all of them, or on none."""
    at = _from_first(lambda: held.moment().at)
    with held.epoch(at=at) as moment:
        yield moment


def ended(held: Pin) -> bool:
    """Whether the pin has ended, by rank 0's clock: ask between steps, and then save a checkpoint and stop."""
    return bool(_from_first(lambda: held.ended))


def _alone() -> bool:
    return not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size() == 1


def _from_first(ask: Callable[[], Any]) -> Any:
    """What rank 0 answers. Its error is everyone's."""
    if _alone():
        return ask()
    told: list[Any] = [None]
    if distributed.get_rank() == 0:
        told = [_outcome(ask)]
    distributed.broadcast_object_list(told, src=0)
    return _opened(told[0])


def _all(ask: Callable[[], Pin], size: int) -> Pin:
    """What each rank has, if all have it. The first error is everyone's."""
    mine = _outcome(ask)
    told: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(told, mine if isinstance(mine, ConsentkitError) else mine.size)
    for other in told:
        if _opened(other) != size:
            raise DifferentSizes(f"the ranks hold different sizes, {told}: all of them must load one pin")
    return _opened(mine)  # type: ignore[no-any-return]


def _outcome(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except ConsentkitError as error:  # to be raised on all ranks; alone it would leave the others waiting
        return error


def _opened(outcome: Any) -> Any:
    if isinstance(outcome, ConsentkitError):
        raise outcome
    return outcome
