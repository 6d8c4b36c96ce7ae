"""A folder of pictures. The key of each file is the SHA-256 of its bytes, and just these bytes are written.

Files are copied, not linked: what is done to one folder later leaves the other as it is.
"""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from consentkit import keys
from consentkit.formats import FILE_BYTES
from consentkit.settings import Misuse
from consentkit.sources.batches import Batch, Mask, Scope, Unreadable, printable

BATCH_FILES: Final = 256
BATCH_BYTES: Final = 1 << 25

File = tuple[str, bytes]
"""Where in the folder, and what is in it."""


class PictureFolder:
    """Positions are paths from the folder. Every file is a row, whatever it is."""

    def __init__(self, path: Path, *, key: str | None, scope: Scope | None) -> None:
        """Raises Misuse for options that need fields."""
        if key is not None or scope is not None:
            raise Misuse("a folder of pictures has no fields: --key and --scope are for rows and shards")
        self._path = path
        self._names = sorted(names_in(path))
        self.total = len(self._names)

    def batches(self) -> Iterator[Batch]:
        done = 0
        for files in self._batches():
            done += len(files)
            with ThreadPoolExecutor() as hashing:
                digests = list(hashing.map(lambda file: hashlib.sha256(file[1]).hexdigest(), files))
            texts = pa.array(digests, pa.string())
            positions = pa.array([printable(name) for name, _ in files], pa.string())
            yield Batch(keys.from_arrow(texts), None, texts, positions, done, files)

    def asked(self) -> Iterator[Batch]:
        return self.batches()

    def sink(self, path: Path) -> "_Writer":
        return _Writer(path)

    def _batches(self) -> Iterator[list[File]]:
        files: list[File] = []
        held = 0
        for name in self._names:
            files.append((name, data := self._read(name)))
            held += len(data)
            if len(files) == BATCH_FILES or held >= BATCH_BYTES:
                yield files
                files, held = [], 0
        if files:
            yield files

    def _read(self, name: str) -> bytes:
        """No registry takes larger pictures; of such a file only the beginning is read, which nobody knows."""
        try:
            with (self._path / name).open("rb") as file:
                return file.read(FILE_BYTES + 1)
        except OSError as error:  # no permission, gone meanwhile
            raise Unreadable(f"{self._path / name} cannot be read: {error.strerror}") from error


class _Writer:
    def __init__(self, path: Path) -> None:
        self._path = path
        path.mkdir()

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, rows: list[File], keep: Mask) -> None:
        for at in np.flatnonzero(keep):
            name, data = rows[at]
            path = self._path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def finish(self) -> None:
        pass


def names_in(path: Path) -> Iterator[str]:
    """Every file in a folder, by its path from there.

    Raises Unreadable. A link to a folder may lead in circles, and leaving it out would be silent.
    """
    for folder, within, names in os.walk(path, onerror=_refuse):
        for each in within:
            if (Path(folder) / each).is_symlink():
                raise Unreadable(f"{Path(folder) / each} is a link to a folder: copy it, or filter it by itself")
        for each in names:
            file = Path(folder) / each
            if not file.is_file():
                raise Unreadable(f"{file} is no file that can be read")
            yield str(file.relative_to(path))


def _refuse(error: OSError) -> None:
    raise Unreadable(f"{error.filename} cannot be read: {error.strerror}") from error
