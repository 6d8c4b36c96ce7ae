"""The folder of a home's sockets: private, and with a path that a socket address can carry."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.embedded.errors import StackError

SOCKET_PATH_BYTES = 104  # sun_path on BSD and macOS; Linux has 108
LONGEST_NAME = ".s.PGSQL.5432"
PLAIN = re.compile(r"[\w./+-]+")  # PostgreSQL splits its folder option at commas and spaces


@contextmanager
def sockets(home: Path) -> Iterator[Path]:
    """An empty folder (0700) for the duration: `home/run`, or a temporary one if that path is too long."""
    folder = home / "run"
    if _fits(folder):
        shutil.rmtree(folder, ignore_errors=True)  # what a killed supervisor left; the lock says it is gone
        folder.mkdir(mode=0o700)
    else:
        folder = Path(tempfile.mkdtemp(prefix="registry-"))
    try:
        if not _fits(folder):
            raise StackError(f"{folder} is too long for a socket. Set TMPDIR to a short, plain path.")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fits(folder: Path) -> bool:
    longest = str(folder / LONGEST_NAME)
    return len(longest.encode()) < SOCKET_PATH_BYTES and PLAIN.fullmatch(longest) is not None
