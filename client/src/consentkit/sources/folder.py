"""A folder of pictures. The key of each picture is the SHA-256 of its bytes, and just these bytes are written.

What lies beside a picture goes with it (`beside`); other files are not written. Files are copied, not linked: what is
done to one folder later leaves the other as it is.
"""

import hashlib
import os
import shutil
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
from consentkit.sources.beside import Contents, contents, write_list

BATCH_FILES: Final = 256
BATCH_BYTES: Final = 1 << 25

File = tuple[str, bytes]
"""Where in the folder, and what is in it."""


class PictureFolder:
    """Positions are paths from the folder. Every picture is a row, by its content or its name's ending."""

    def __init__(self, path: Path, *, key: str | None, scope: Scope | None) -> None:
        """Raises Misuse for options that need fields."""
        if key is not None or scope is not None:
            raise Misuse("a folder of pictures has no fields: --key and --scope are for rows and shards")
        self._path = path
        self._contents = contents(path, names_in(path))
        self.total = len(self._contents.pictures)
        if not self.total:
            raise Misuse(f"{path} holds no picture and no other data that is read here: nothing was looked at")

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
        return _Writer(path, self._path, self._contents)

    def _batches(self) -> Iterator[list[File]]:
        files: list[File] = []
        held = 0
        for name in self._contents.pictures:
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
    def __init__(self, path: Path, source: Path, found: Contents) -> None:
        self._path, self._source, self._contents = path, source, found
        self._kept = set[str]()
        path.mkdir()

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def write(self, rows: list[File], keep: Mask) -> None:
        for at in np.flatnonzero(keep):
            name, data = rows[at]
            self._place(name).write_bytes(data)
            self._kept.add(name)

    def finish(self) -> None:
        """What lies beside the pictures that were kept, and only beside those."""
        for name, pictures in self._contents.sides.items():
            if self._kept.issuperset(pictures):
                shutil.copyfile(self._source / name, self._place(name))
        for name in self._contents.lists:
            within = str(Path(name).parent)
            write_list(self._source / name, self._place(name), self._kept.__contains__, within=within)

    def _place(self, name: str) -> Path:
        path = self._path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


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
