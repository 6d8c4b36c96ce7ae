"""Whether the registry may say "permitted" and may take grants (laws 9 and 11). Any doubt is a no."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from django.conf import settings

from consentkit.checkpoints import Checkpoint as Signed
from consentkit.entries import Kind
from consentkit.errors import ConsentkitError
from consentkit.fingerprints import golden
from registry import originals
from registry.errors import NotReady
from registry.log import clock, outside, tree
from registry.log.outside import Kept
from registry.log.signer import origin
from registry.models.bulk import ask

LONGEST_WAIT = timedelta(seconds=30)
CLOCK_TOLERANCE = clock.TOLERANCE

# What goes on in doubt: what stops a use or a secret, or asks for it (laws 9 and 14). Every other act would be built on
# a log that may not be the one that was signed.
STOPPING: Final = frozenset(
    {
        Kind.WITHDRAWN,
        Kind.CASE_OPENED,
        Kind.CASE_SEARCHED,
        Kind.CASE_EXTENDED,
        Kind.CASE_TAKEN_UP,
        Kind.CASE_REOPENED,
        Kind.CASE_RESOLVED,
        Kind.KEY_REVOKED,
        Kind.TOKEN_REVOKED,
        Kind.WEBHOOK_SECRET_REVOKED,
        Kind.PIPELINE_DISABLED,
        Kind.STEWARD_REMOVED,
        Kind.SESSIONS_ENDED,
    }
)

# Whether this is a replica; the log's size; the newest checkpoint's size and root; the latest time that was seen; since
# when the first entry behind that checkpoint waits; a signed size that was lost, and the size when that was noticed.
HEADS: Final = """
    SELECT pg_is_in_recovery(), head.size, published.size, published.root,
        greatest(published.signed_at, waiting.recorded_at, clock.at), waiting.recorded_at, lost.size, lost.head
    FROM registry_loghead head
    CROSS JOIN registry_logclock clock
    LEFT JOIN LATERAL (SELECT size, root, signed_at FROM registry_checkpoint ORDER BY size DESC LIMIT 1) published
        ON true
    LEFT JOIN registry_entry waiting ON waiting.index = published.size
    LEFT JOIN LATERAL (
        SELECT size, head FROM registry_lostsize WHERE origin = %(origin)s ORDER BY size DESC LIMIT 1
    ) lost ON true
"""


class LogInDoubt(NotReady):
    """The log is behind, unsigned or unreadable; permitted reads unknown until it is whole again."""

    slug = "log-in-doubt"


class FingerprintsInDoubt(NotReady):
    """The fingerprinting libraries have drifted from the golden vectors."""

    slug = "fingerprints-in-doubt"


class StorageFull(NotReady):
    """What room is left on the disk is kept for withdrawing (law 14)."""

    slug = "storage-full"


@dataclass(frozen=True)
class Doubt:
    """What is wrong, in words for the operator. `late`: the log is whole, and only its next checkpoint is missing."""

    reason: str
    late: bool = False


@dataclass(frozen=True)
class Heads:
    """A row of HEADS."""

    replica: bool
    size: int
    published: int | None
    root: bytes | None
    latest: datetime
    waits_since: datetime | None
    lost: int | None
    lost_at: int | None


Seen = Kept | Doubt | None


def kept_outside(at: datetime) -> Seen:
    """What the places outside the database say. Read it before a snapshot of the database is taken: a place that is
    newer than the snapshot would look like a database that was rolled back. Asking also raises the mark of time.
    """
    clock.see(at)
    return _look()


def _look(*, fresh: bool = False) -> Seen:
    try:
        return outside.look(fresh=fresh)
    except (ConsentkitError, OSError) as error:  # it is there and cannot be trusted, or does not answer
        return Doubt(f"the checkpoint kept outside the database cannot be read: {error}")


def doubt(at: datetime) -> Doubt | None:
    """The first reason to doubt the log; None when all is well."""
    return doubt_since(kept_outside(at), at=at)


def doubt_since(kept: Seen, *, at: datetime) -> Doubt | None:
    """The same inside a snapshot that was taken after `kept` was read."""
    if isinstance(kept, Doubt):
        return kept
    ((row,),) = ask(HEADS, {"origin": origin()})
    heads = Heads(*row)
    if heads.replica:  # a withdrawal that was acknowledged may not have arrived here
        return Doubt("this database is a replica, and may lag: set DATABASE_URL to the primary")
    return _forgotten(kept, heads) or _set_back(kept, heads, at=at) or _waiting(heads, at=at)


def _forgotten(kept: Kept | None, heads: Heads) -> Doubt | None:
    """Whether the database has lost or changed anything that was signed."""
    if heads.lost is not None:
        return Doubt(
            f"a signed size of {heads.lost} was shown, and the database held {heads.lost_at} entries: restore the "
            "missing ones"
        )
    if kept is None:
        if heads.published is None:
            return Doubt("no checkpoint was signed yet: start `manage.py publish`", late=True)
        return Doubt(f"{heads.published} entries were signed, and no checkpoint is there outside the database")
    if heads.size < kept.newest.size:
        return Doubt(
            f"the database holds {heads.size} entries, {kept.newest.size} were signed: restore the missing ones"
        )
    if heads.published is None or _is_behind(kept, heads.published):
        return Doubt("a checkpoint kept outside the database is not the newest")
    if not all(_holds(signed, heads) for signed in (kept.newest, *kept.older)):
        return Doubt("the entries in the database are not those that were signed")
    return None


def _holds(signed: Signed, heads: Heads) -> bool:
    root = heads.root if signed.size == heads.published else tree.root(signed.size)
    return root is not None and bytes(root) == signed.root


def _is_behind(kept: Kept, published: int) -> bool:
    """The publisher writes the places before the row, so a second look finds each at least as new."""
    if published <= kept.least:
        return False
    again = _look(fresh=True)
    return not isinstance(again, Kept) or again.least < published


def _set_back(kept: Kept | None, heads: Heads, *, at: datetime) -> Doubt | None:
    if seconds := clock.seconds_behind(at, heads.latest, kept.clock if kept else None):
        return Doubt(f"the clock is {seconds} s behind the latest time that was seen here: set it")
    return None


def _waiting(heads: Heads, *, at: datetime) -> Doubt | None:
    if heads.waits_since is not None and at - heads.waits_since > LONGEST_WAIT:
        return Doubt("an entry waits for its checkpoint: is `manage.py publish` running?", late=True)
    return None


def stopped(at: datetime) -> Doubt | None:
    """Why no act may be done but those that stop a use; None where they may."""
    found = doubt(at)
    return None if found is None or found.late else found


def refuse_in_doubt(at: datetime) -> None:
    """Law 11: nothing is built on a log that was rolled back, changed, or is told another time. Raises LogInDoubt."""
    if found := stopped(at):
        raise LogInDoubt(found.reason)


def refuse_files_without_room() -> None:
    """Files go first, at DISK_RESERVE bytes, then grants, at half of it. Withdrawing goes on to the last one."""
    _require_room(settings.DISK_RESERVE)


def _require_room(bytes_left: int) -> None:
    if originals.free() < bytes_left:
        raise StorageFull("The disk is nearly full: what room is left is kept for withdrawing. Try again later.")


def refuse_grants_in_doubt(at: datetime) -> None:
    """Law 9: granting needs the log, the golden vectors, and room; withdrawing needs none of them."""
    _require_room(settings.DISK_RESERVE // 2)
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
