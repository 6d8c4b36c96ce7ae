"""The files that a question is about: those given, and all that lie in a given folder."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_KEY: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,200}")


@dataclass(frozen=True)
class Picture:
    """A file that may be a picture. `named`: it was given itself, not its folder.

    `key` is all that the registry hears of its name: the path inside the folder that was given, or the name of a file
    that was given itself. `problem`: why it cannot even be opened. `extent`: first byte and size, of a picture that is
    only a part of the file.
    """

    path: Path
    key: str
    named: bool
    problem: str = ""
    extent: tuple[int, int] | None = None


def walk(given: Iterable[Path]) -> Iterator[Picture]:
    """Each file once, as it comes, hidden ones included. A folder that cannot be read, or a link to one, comes out as
    itself, with its problem.
    """
    for path in given:
        if path.is_dir():
            yield from _inside(path)
        else:
            yield Picture(path, key_of(path.name), named=True)


def key_of(name: str) -> str:
    """The name, or its SHA-256 in hex where it is too long for a key, not UTF-8, or holds control characters."""
    data = os.fsencode(name)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:  # a name in another encoding
        return hashlib.sha256(data).hexdigest()
    return name if _KEY.fullmatch(name) else hashlib.sha256(data).hexdigest()


def _inside(root: Path) -> Iterator[Picture]:
    """Never more of a folder in memory than its folders still to come."""
    waiting = [(str(root), "")]
    while waiting:
        folder, inside = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((entry.path, f"{inside}{entry.name}/"))
                    else:
                        yield Picture(Path(entry.path), key_of(inside + entry.name), named=False)
        except OSError as error:  # not ours to read, or gone meanwhile
            yield Picture(Path(folder), "", named=True, problem=error.strerror or str(error))
