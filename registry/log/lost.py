"""Signed sizes that this database does not hold: somebody has more of this log than we do.

A restored backup cannot know what it forgot; a pipeline that had synced later does. What our own key or secret signed
is believed and written down, and nothing else is.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from consentkit.checkpoints import open_checkpoint
from consentkit.closes import open_close
from consentkit.errors import Malformed
from registry.log import tree
from registry.log.recorder import head_size
from registry.log.signer import origin, verifier
from registry.models import LostSize


@dataclass(frozen=True)
class Compared:
    """What a signed note says, beside this log: whether the log holds it."""

    size: int
    held: bool


def lost_size() -> LostSize | None:
    """The largest that was written down for this log; None where there is none."""
    return LostSize.objects.filter(origin=origin()).order_by("-size").first()


def compare(note: str, *, at: datetime) -> Compared:
    """A checkpoint, or the close of a feed, that somebody holds. One that we do not hold is written down.

    Raises Malformed, or BadProof where this log's key did not sign it.
    """
    size, root = _opened(note)
    held = size <= head_size() and (root is None or tree.root(size) == root)
    if not held:
        write_down(size, at=at)
    return Compared(size, held)


def _opened(note: str) -> tuple[int, bytes | None]:
    """Size and, of a checkpoint, root."""
    try:
        signed = open_checkpoint(note, verifier())
    except Malformed:  # the other thing that names a size
        return open_close(note, verifier()).size, None
    return signed.size, signed.root


@transaction.atomic(durable=True)
def write_down(size: int, *, at: datetime) -> None:
    """This size was signed, and the database is not what it was signed of. Once for each size."""
    LostSize.objects.bulk_create(
        [LostSize(origin=origin(), size=size, head=head_size(), shown_at=at)], ignore_conflicts=True
    )
