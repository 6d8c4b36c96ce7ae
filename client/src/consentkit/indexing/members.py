"""The pictures of a shard or folder: the digest of their bytes, and of which other bytes they say they were made.

img2dataset hashes what it downloads before it re-encodes, and writes that into the sample's JSON, as `sha256` unless
told otherwise. A digest is a number here: capitals mean the same.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from consentkit.content import is_named, picture_format
from consentkit.formats import FILE_BYTES, HEAD_BYTES
from consentkit.pictures import Picture
from consentkit.sources.batches import Unreadable, printable
from consentkit.sources.jsonlines import once
from consentkit.sources.shards import Sample, Shard

_AT_ONCE: Final = 256
_BYTES_AT_ONCE: Final = 1 << 25
_JSON_BYTES: Final = 1 << 20
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")

Source = tuple[bytes | None, str]
"""The digest that a sample's JSON tells, and why it tells none though it should."""

_Found = tuple[Picture, bytes, Source, int]


@dataclass(frozen=True)
class Member(Picture):
    """`key` says where it is: the sample's name, or the path in the folder. `stored` and `source`: digests, 32 bytes.

    `doubt`: why `source` could not be read. `done`: how many bytes of the shard or folder end here.
    """

    stored: bytes = b""
    source: bytes | None = None
    doubt: str = ""
    done: int = 0


def of_shard(path: Path, *, source_field: str) -> Iterator[Member]:
    """In order. Every picture of a sample has the sample's source. Raises Unreadable: the shard itself is damaged."""
    shard = Shard(path, key=None, scope=None)
    yield from _hashed(_of_sample(shard, sample, path, source_field) for sample in shard.samples())


def of_folder(path: Path, *, source_field: str) -> Iterator[Member]:
    """The pictures right in this folder, by name; a JSON file of the same name says more. Raises Unreadable."""
    yield from _hashed(_of_files(path, source_field))


def files_of(path: Path) -> list[Path]:
    """All files right in a folder, by name. Raises Unreadable."""
    try:
        with os.scandir(path) as entries:
            return sorted((Path(each.path) for each in entries if each.is_file()), key=os.fsencode)
    except OSError as error:  # no permission, gone meanwhile
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from error


def _of_sample(shard: Shard, sample: Sample, path: Path, source_field: str) -> list[_Found]:
    pictures = sample.pictures()
    if not pictures:
        return []
    try:
        source = _source(shard.fields(sample), source_field)
    except Unreadable as error:  # its JSON is none, or there are several
        source = (None, str(error))
    name, (first, end) = printable(sample.name), sample.extent
    return [
        (Picture(path, name, named=True, extent=(first + at, to - at)), sample.data[at:to], source, end)
        for at, to in pictures
    ]


def _of_files(path: Path, source_field: str) -> Iterator[list[_Found]]:
    done = 0
    for file in files_of(path):
        try:
            with file.open("rb") as opened:
                # As `filter` reads it: no registry takes larger pictures.
                data = opened.read(FILE_BYTES + 1)
        except OSError as error:
            raise Unreadable(f"{file} cannot be read: {error.strerror}") from error
        done += file.stat().st_size
        if is_named(file.suffix.removeprefix(".")) or picture_format(data[:HEAD_BYTES]):
            picture = Picture(file, printable(file.name), named=True)
            yield [(picture, data, _beside(file, source_field), done)]


def _beside(picture: Path, source_field: str) -> Source:
    beside = picture.with_suffix(".json")
    if not beside.is_file():
        return None, ""
    try:
        with beside.open("rb") as file:
            read = json.loads(file.read(_JSON_BYTES), object_pairs_hook=once)
    except (OSError, ValueError, RecursionError) as error:  # no permission, no JSON, a name that stands twice
        return None, f"its JSON cannot be read: {error}"
    return _source(read, source_field) if isinstance(read, dict) else (None, "its JSON is no object")


def _source(fields: dict[str, Any], name: str) -> Source:
    value = fields.get(name)
    if value is None:
        return None, ""
    if isinstance(value, str) and _SHA256.fullmatch(value):
        return bytes.fromhex(value), ""
    return None, f"its field {name!r} is no SHA-256"


def _hashed(found: Iterable[list[_Found]]) -> Iterator[Member]:
    """Hashed on all cores, some at a time."""
    with ThreadPoolExecutor() as threads:
        for some in _portions(found):
            digests = threads.map(lambda each: hashlib.sha256(each[1]).digest(), some)
            for (picture, _, (source, doubt), done), stored in zip(some, digests, strict=True):
                yield Member(**vars(picture), stored=stored, source=source, doubt=doubt, done=done)


def _portions(found: Iterable[list[_Found]]) -> Iterator[list[_Found]]:
    some: list[_Found] = []
    held = 0
    for each in found:
        some += each
        held += sum(len(data) for _, data, *_ in each)
        if len(some) >= _AT_ONCE or held >= _BYTES_AT_ONCE:
            yield some
            some, held = [], 0
    if some:
        yield some
