"""Who lives in a home, as the machine itself tells it."""

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SUPERVISE = Path(__file__).with_name("supervise.py")

Start = Callable[..., subprocess.Popen[str]]


def inhabitants(home: Path) -> dict[int, str]:
    """The running processes that name this home in their arguments or work in it: pid and command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(FileNotFoundError, ProcessLookupError, PermissionError):  # it ended, or is no child of ours
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                place = (entry / "cwd").readlink() if words else Path("/")
                if str(home) in words or place.is_relative_to(home):
                    found[int(entry.name)] = words
    return found


def eventually(holds: Callable[[], bool], *, within: float) -> bool:
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
