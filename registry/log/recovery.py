"""Whether a restored database forgets anything that was signed, held against every place outside and the log itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final

from consentkit.errors import ConsentkitError
from registry.log import clock, fsck, outside, tree
from registry.log.lost import lost_size
from registry.log.places import Address, Folder
from registry.log.publisher import latest
from registry.log.recorder import head_size

FAULTS: Final = 20  # of the log's own, of which one is enough


@dataclass(frozen=True)
class Evidence:
    """What was looked at and what was seen there; `remedy`: what to do about it, None where all is well."""

    seen: str
    remedy: str | None = None


REPLAY: Final = "Restore a newer backup, or replay more WAL, and run this again. Do not start the registry before."
OTHER: Final = "This is another history: the wrong backup, or a changed one. Restore the right one, and run this again."
PUT_BACK: Final = (
    "Put the newest file `checkpoint` that you know of there, also from another machine, and run this again."
)
ANSWER: Final = "See that this place can be read from here, and run this again: it may know more than this database."


def evidence(at: datetime) -> Iterator[Evidence]:
    """Each piece, the outside first. Reads everything; changes nothing."""
    size, kept = head_size(), 0
    yield Evidence(f"the database holds {size} entries")
    for place in outside.all_places():
        found = _at(place, size)
        kept += found is not None
        yield found or Evidence(f"{place.label} holds no checkpoint")
    newest = latest()
    if not kept and newest is not None:
        yield Evidence(f"{newest.size} entries were signed, and no place outside holds a checkpoint", PUT_BACK)
    if (lost := lost_size()) is not None:
        when = f"{lost.shown_at:%Y-%m-%d %H:%M} UTC"
        seen = f"a signed size of {lost.size} was shown at {when}, and the database held {lost.head} entries"
        yield Evidence(seen, REPLAY)
    yield from _time(at)
    yield from (Evidence(fault, OTHER) for fault in islice(fsck.faults(), FAULTS))


def _at(place: Folder | Address, size: int) -> Evidence | None:
    """None where nothing is kept."""
    try:
        found = outside.kept_at(place, fresh=True)
    except OSError as error:  # no connection, no permission
        return Evidence(f"{place.label} cannot be read: {error}", ANSWER)
    except ConsentkitError as error:  # written over, or another log's
        return Evidence(f"{place.label} holds no checkpoint of this log: {error}", PUT_BACK)
    if found is None:
        return None
    signed, _ = found
    seen = f"{place.label} holds a checkpoint of {signed.size} entries"
    if signed.size > size:
        return Evidence(f"{seen}: {signed.size - size} are missing here, withdrawals perhaps among them", REPLAY)
    if tree.root(signed.size) != signed.root:
        return Evidence(f"{seen}, and the first {signed.size} entries here are others", OTHER)
    return Evidence(f"{seen}, all of them here")


def _time(at: datetime) -> Iterator[Evidence]:
    try:
        kept = outside.look(fresh=True)
    except (ConsentkitError, OSError):  # said above
        return
    if seconds := clock.seconds_behind(at, clock.latest(), kept.clock if kept else None):
        yield Evidence(f"the clock is {seconds} s behind the latest time that was seen", "Set this machine's clock.")
