"""What is indexed as one: a shard, or the pictures right in one folder. Each becomes one part of the index."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from consentkit.indexing.members import Member, files_of, of_folder, of_shard
from consentkit.settings import Misuse
from consentkit.sources.batches import Unreadable
from consentkit.sources.kinds import shards_in
from consentkit.sources.tables import require_plain

_LONGEST: Final = 200


@dataclass(frozen=True)
class Unit:
    """`name`: the shard's, or the folder's path from the one above that which was given."""

    path: Path
    name: str

    @property
    def part(self) -> str:
        """The name of its part's file."""
        named = quote(self.name, safe="", errors="surrogateescape")
        return (named if len(named) <= _LONGEST else hashlib.sha256(named.encode()).hexdigest()) + ".parquet"

    def stamp(self) -> tuple[int, str]:
        """How many bytes it has, and what changes whenever it does: of each file its name, size and time."""
        files = files_of(self.path) if self.path.is_dir() else [self.path]
        total, stamp = 0, hashlib.sha256()
        for file in files:
            try:
                found = file.stat()
            except OSError as error:  # gone meanwhile
                raise Unreadable(f"{file} cannot be read: {error.strerror}") from error
            total += found.st_size
            stamp.update(b"%s\0%d %d\n" % (os.fsencode(file.name), found.st_size, found.st_mtime_ns))
        return total, stamp.hexdigest()

    def members(self, *, source_field: str) -> Iterator[Member]:
        """Its pictures. Raises Unreadable."""
        return (of_folder if self.path.is_dir() else of_shard)(self.path, source_field=source_field)


def units_of(given: Iterable[Path]) -> list[Unit]:
    """Shards, folders of shards, and folders of pictures with all folders in them. Raises Misuse or Unreadable."""
    found = [unit for path in given for unit in _units(path)]
    seen: set[str] = set()
    for unit in found:
        if unit.part in seen:
            raise Misuse(f"{unit.path} has the same name as another that was given: index them to different places")
        seen.add(unit.part)
    return found


def _units(path: Path) -> Iterator[Unit]:
    require_plain(path)
    if not path.is_dir():
        if not path.is_file():
            raise Unreadable(f"{path} cannot be read: there is no such file or folder")
        yield Unit(path, path.name)
    elif names := shards_in(path):
        yield from (Unit(path / name, name) for name in names)
    else:
        above = path.resolve().parent
        for folder, within, files in os.walk(path.resolve(), onerror=_refuse):
            within.sort()
            if link := next((each for each in within if (Path(folder) / each).is_symlink()), None):
                raise Unreadable(f"{Path(folder) / link} is a link to a folder: copy it, or index it by itself")
            if files:
                yield Unit(Path(folder), str(Path(folder).relative_to(above)))


def _refuse(error: OSError) -> None:
    raise Unreadable(f"{error.filename} cannot be read: {error.strerror}") from error
