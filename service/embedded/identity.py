"""As whom PostgreSQL runs: it refuses uid 0, and a uid without a name."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from service.embedded.errors import ServerMissing

NOBODY = 65534


@dataclass(frozen=True)
class Identity:
    """The words to put before its programs, and the uid that its files belong to as seen from here."""

    prefix: Sequence[str]
    uid: int


# A user namespace in which we are called nobody. Outside it nothing changes: the files stay ours.
RENAMED = ("unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
# Nobody in earnest, keeping the right to reach programs and data in root's own folders.
# Changing the uid clears the tie to the parent, so it is tied once more.
DROPPED = (
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--pdeathsig=INT"),
    *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
)


def identity(initdb: Path) -> Identity:
    """The first way of running this program that works here. Raises ServerMissing when none does."""
    uid = os.getuid()
    for candidate in _candidates(uid):
        if _runs([*candidate.prefix, str(initdb), "--version"]):
            return candidate
    raise ServerMissing(
        f"PostgreSQL cannot run as uid {uid} here: user namespaces are blocked, and so is becoming nobody. "
        "Run this as an ordinary account, or set DATABASE_URL to a running server."
    )


def _candidates(uid: int) -> list[Identity]:
    if uid == 0:
        return [Identity(RENAMED, 0), Identity(DROPPED, NOBODY)]
    try:
        pwd.getpwuid(uid)
    except KeyError:  # a container's bare number: initdb wants a name
        return [Identity(RENAMED, uid)]
    return [Identity((), uid)]


def _runs(argv: Sequence[str]) -> bool:
    try:
        tried = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except FileNotFoundError:  # a machine without unshare or setpriv
        return False
    return tried.returncode == 0
