"""The child's side: give up every right, then read one file and say what was found.

Descriptors on entry: 0 the file, 1 the pipe for the answer. Each step holds where the next one is refused by
the system: limits always; user 65534 when started as root; no file system where the kernel has Landlock.
"""

import ctypes
import os
import resource
import signal
import struct
from pathlib import Path
from typing import Final

from consentkit.formats import FILE_BYTES
from service.quarantine.examination import examine
from service.quarantine.findings import format_line
from service.quarantine.limits import Limits

NOBODY: Final = 65534
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_LANDLOCK_CREATE_RULESET: Final = 444  # the same number on every architecture
_LANDLOCK_RESTRICT_SELF: Final = 446
_EVERY_FILE_RIGHT: Final = 2**13 - 1  # of Landlock's first version
_CLONE_NEWNET: Final = 0x40000000
_CLONE_NEWUSER: Final = 0x10000000

_libc: Final = ctypes.CDLL(None, use_errno=True)


def leave_the_network() -> None:
    """An empty network namespace for the server and its children; where that is refused, nothing changes."""
    _libc.unshare(_CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWNET | _CLONE_NEWUSER)


def confine(limits: Limits, *, server: int) -> None:
    """`server`: the process id of the parent, whose death ends this process."""
    os.closerange(3, 256)
    _limit(limits)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # after the change of user, which would clear it
    if os.getppid() != server:  # it died before the line above
        os._exit(1)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _close_the_file_system()


def _limit(limits: Limits) -> None:
    address_space = _address_space() + limits.memory
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu, limits.cpu + 1))  # the lower one sends SIGXCPU, which tells
    for what, most in (
        (resource.RLIMIT_AS, address_space),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 8),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(what, (most, most))


def _address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _close_the_file_system() -> None:
    """A Landlock rule set without a rule: no path can be opened, made or listed any more."""
    handled = struct.pack("=Q", _EVERY_FILE_RIGHT)
    rules = _libc.syscall(_LANDLOCK_CREATE_RULESET, handled, len(handled), 0)
    if rules >= 0:
        _libc.syscall(_LANDLOCK_RESTRICT_SELF, rules, 0)
        os.close(rules)


def read_and_answer() -> None:
    with open(0, "rb", closefd=False) as source:
        file = source.read(FILE_BYTES + 1)
    with open(1, "wb", closefd=False) as answer:
        answer.write(b"\n" + format_line(examine(file)))
