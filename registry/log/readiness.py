"""Whether the registry may say "permitted" and may take grants (laws 9 and 11). Any doubt is a no."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from consentkit.checkpoints import Checkpoint as Signed
from consentkit.errors import ConsentkitError
from consentkit.fingerprints import golden
from registry.errors import NotReady
from registry.log import outside, tree
from registry.models.bulk import ask

LONGEST_WAIT = timedelta(seconds=30)
CLOCK_TOLERANCE = timedelta(seconds=60)

# Whether this is a replica; the log's size; the newest checkpoint's size and when it was signed; since when the first
# entry behind it waits.
HEADS: Final = """
    SELECT pg_is_in_recovery(), head.size, published.size, published.signed_at, waiting.recorded_at
    FROM registry_loghead head
    LEFT JOIN LATERAL (SELECT size, signed_at FROM registry_checkpoint ORDER BY size DESC LIMIT 1) published ON true
    LEFT JOIN registry_entry waiting ON waiting.index = published.size
"""


class LogInDoubt(NotReady):
    """The log is behind, unsigned or unreadable; permitted reads unknown until it is whole again."""

    slug = "log-in-doubt"


class FingerprintsInDoubt(NotReady):
    """The fingerprinting libraries have drifted from the golden vectors."""

    slug = "fingerprints-in-doubt"


@dataclass(frozen=True)
class Doubt:
    """What is wrong, in words for the operator."""

    reason: str


Kept = Signed | Doubt


def kept_outside() -> Kept:
    """What the file outside the database says. Read it before a snapshot of the database is taken: a file that is
    newer than the snapshot would look like a database that was rolled back.
    """
    try:
        found = outside.read()
    except (ConsentkitError, OSError) as error:  # the file is there and cannot be trusted
        return Doubt(f"the checkpoint kept outside the database cannot be read: {error}")
    return found[0] if found else Doubt("no checkpoint was signed yet: start `manage.py publish`")


def doubt(at: datetime) -> Doubt | None:
    """The first reason to doubt the log; None when all is well."""
    return doubt_since(kept_outside(), at=at)


def doubt_since(kept: Kept, *, at: datetime) -> Doubt | None:
    """The same inside a snapshot that was taken after `kept` was read."""
    if isinstance(kept, Doubt):
        return kept
    (((replica, size, published, signed_at, waits_since),),) = ask(HEADS, {})
    if replica:  # a withdrawal that was acknowledged may not have arrived here
        return Doubt("this database is a replica, and may lag: set DATABASE_URL to the primary")
    if size < kept.size:
        return Doubt(f"the database holds {size} entries, {kept.size} were signed: restore the missing ones")
    if published is None or _is_behind(kept, published):
        return Doubt("the checkpoint kept outside the database is not the newest")
    if published < kept.size and tree.root(kept.size) != kept.root:
        return Doubt("the entries in the database are not those that were signed")
    if signed_at > at + CLOCK_TOLERANCE:
        return Doubt("the clock is behind the last checkpoint")
    if waits_since is not None and at - waits_since > LONGEST_WAIT:
        return Doubt("an entry waits for its checkpoint: is `manage.py publish` running?")
    return None


def _is_behind(kept: Signed, published: int) -> bool:
    """The publisher writes the file before the row, so a second look finds the file at least as new."""
    if published <= kept.size:
        return False
    again = kept_outside()
    return isinstance(again, Doubt) or again.size < published


def refuse_grants_in_doubt(at: datetime) -> None:
    """Law 9: granting needs the log and the golden vectors; withdrawing needs neither."""
    if found := doubt(at):
        raise LogInDoubt(found.reason)
    if drifted := drift():
        raise FingerprintsInDoubt(str(drifted)) from drifted


@lru_cache(maxsize=1)
def drift() -> golden.Drifted | None:
    """What the golden vectors object to. Looked at once a process, which takes a second or more: libraries do not
    change under a running one.
    """
    try:
        golden.check()
    except golden.Drifted as found:  # other libraries than those that the vectors were made with
        return found
    return None
