"""WebDataset shards: tar files in which the members of a sample follow each other under one name.

The keys of a sample are the SHA-256 of its pictures, and with `--key` that field of its JSON before them. A member is a
picture by its ending or its content. A sample passes whole or not at all: only if each of its pictures does; and what
is written are its bytes as they stood, headers included.
"""

import hashlib
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from consentkit import keys
from consentkit.content import picture
from consentkit.sources.batches import Batch, Mask, Scope, Unreadable, printable
from consentkit.sources.jsonlines import once

BATCH_SAMPLES: Final = 256
BATCH_BYTES: Final = 1 << 25
SAMPLE_BYTES: Final = 1 << 28

_BLOCK: Final = tarfile.BLOCKSIZE
_NAME: Final = re.compile(r"((?:.*/|)[^.]+)[.]([^/]*)")
"""As WebDataset cuts it: the sample up to the first dot of the last part, and the member's extension."""


@dataclass
class Sample:
    """`extent`: the bytes in the tar file, headers and padding included; `members`: by extension, lower case."""

    name: str
    extent: tuple[int, int]
    members: list[tuple[str, int, int]] = field(default_factory=list)
    data: bytes = b""

    def pictures(self) -> list[tuple[int, int]]:
        """Where in `data` its pictures begin and end."""
        return [(begin, end) for kind, begin, end in self.members if picture(kind, self.data[begin:end]) is not None]

    def digests(self) -> list[str]:
        """Of its pictures, in hex."""
        shown = [picture(kind, self.data[begin:end]) for kind, begin, end in self.members]
        return [hashlib.sha256(each).hexdigest() for each in shown if each is not None]


Judged = tuple[str | None, bool]
"""A key, and whether it is in scope."""


def judged(digests: list[str], *, told: str | None, by_field: bool, inside: bool) -> list[Judged]:
    """All keys by which a sample is judged: it passes only if each does. Its pictures' `digests`, and `told` by its
    JSON, if it goes `by_field`.

    A field tells of one picture, which a downloader has made new bytes of: those can exclude it, and need no permission
    of their own. Of several pictures nobody knows which one it tells of.
    """
    if not by_field:
        return [(digest, inside) for digest in digests] or [(None, inside)]
    return [(told, inside), *((digest, inside and len(digests) > 1) for digest in digests)]


class Shard:
    """One tar file. Positions are samples' names."""

    def __init__(self, path: Path, *, key: str | None, scope: Scope | None) -> None:
        self._path, self._key, self._scope = path, key, scope
        self.total = path.stat().st_size

    def batches(self) -> Iterator[Batch]:
        samples: list[Sample] = []
        held = 0
        for sample in self.samples():
            samples.append(sample)
            held += len(sample.data)
            if len(samples) == BATCH_SAMPLES or held >= BATCH_BYTES:
                yield self._batch(samples)
                samples, held = [], 0
        if samples:
            yield self._batch(samples)

    def asked(self) -> Iterator[Batch]:
        return self.batches()

    def sink(self, path: Path) -> "_Writer":
        return _Writer(path)

    def _batch(self, samples: list[Sample]) -> Batch:
        read = [self._read(sample) for sample in samples]
        texts = pa.array([key for each in read for key, _ in each], pa.string())
        in_scope = np.array([inside for each in read for _, inside in each], bool)
        positions = pa.array([printable(sample.name) for sample in samples], pa.string())
        first = np.cumsum([0, *map(len, read[:-1])])
        return Batch(keys.from_arrow(texts), in_scope, texts, positions, samples[-1].extent[1], samples, first=first)

    def _read(self, sample: Sample) -> list[Judged]:
        fields = {} if self._key is None and self._scope is None else self.fields(sample)
        inside = self._scope is None or self._text(sample, fields, self._scope.column) in (None, self._scope.value)
        told = None if self._key is None else self._text(sample, fields, self._key)
        return judged(sample.digests(), told=told, by_field=self._key is not None, inside=inside)

    def fields(self, sample: Sample) -> dict[str, Any]:
        """Of its JSON; none without one. Raises Unreadable."""
        found = [sample.data[begin:end] for kind, begin, end in sample.members if kind == "json"]
        try:
            read = [json.loads(each, object_pairs_hook=once) for each in found]
        except (ValueError, RecursionError) as error:  # no JSON, a name that stands twice, far too deep
            raise self._unreadable(sample, f"its JSON cannot be read: {error}") from error
        if len(read) > 1 or not all(isinstance(each, dict) for each in read):
            raise self._unreadable(sample, "its JSON is no object, or there are several")
        return read[0] if read else {}

    def _text(self, sample: Sample, fields: dict[str, Any], name: str) -> str | None:
        text = fields.get(name)
        if not isinstance(text, str | None) or not (text or "").isascii():
            raise self._unreadable(sample, f"the field {name!r} of its JSON is not plain text")
        return text

    def samples(self) -> Iterator[Sample]:
        """Members that follow each other under one name, with their bytes. Raises Unreadable."""
        with self._path.open("rb") as file:
            sample: Sample | None = None
            for name, kind, extent, begin in self._members(file):
                if sample is None or sample.name != name:
                    if sample is not None:
                        yield self._filled(file, sample)
                    sample = Sample(name, extent)
                first = sample.extent[0]
                sample.extent = (first, extent[1])
                sample.members.append((kind, begin[0] - first, begin[1] - first))
            if sample is not None:
                yield self._filled(file, sample)

    def _filled(self, file: Any, sample: Sample) -> Sample:
        first, end = sample.extent
        if end - first > SAMPLE_BYTES:
            raise self._unreadable(sample, f"more than {SAMPLE_BYTES} bytes")
        file.seek(first)
        sample.data = file.read(end - first)
        return sample

    def _members(self, file: Any) -> Iterator[tuple[str, str, tuple[int, int], tuple[int, int]]]:
        """Sample, extension, extent with headers, extent of the content. Raises Unreadable."""
        end = 0
        try:
            with self._path.open("rb") as own, tarfile.open(fileobj=own, mode="r:", errors="surrogateescape") as tar:
                while (member := tar.next()) is not None:
                    tar.members = []  # type: ignore[attr-defined]  # else it keeps them all
                    if member.offset != end or not (member.isreg() or member.isdir()) or member.issparse():
                        raise Unreadable(f"{self._path}: {member.name!r} is no plain file, or follows a global header")
                    begin = member.offset_data
                    end = begin + -(-member.size // _BLOCK) * _BLOCK
                    if member.isreg():  # folders belong to no sample
                        name, kind = _cut(member.name)
                        yield name, kind, (member.offset, end), (begin, begin + member.size)
        except tarfile.TarError as error:
            raise Unreadable(f"{self._path} cannot be read as tar: {error}") from error
        file.seek(end)
        # Two empty blocks end an archive; Python's module would take a damaged header for the end, too.
        if file.read(2 * _BLOCK) != bytes(2 * _BLOCK):
            raise Unreadable(f"{self._path} is cut or damaged at byte {end}")
        while block := file.read(tarfile.RECORDSIZE):
            if block.strip(b"\0"):
                raise Unreadable(
                    f"{self._path} goes on behind the end of its archive, which is at byte {end}: where several were "
                    "joined, unpack them and make one of all"
                )

    def _unreadable(self, sample: Sample, what: str) -> Unreadable:
        return Unreadable(f"{self._path}, sample {sample.name!r}: {what}")


class _Writer:
    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, rows: list[Sample], keep: Mask) -> None:
        for at in np.flatnonzero(keep):
            self._file.write(rows[at].data)

    def finish(self) -> None:
        end = self._file.tell() + 2 * _BLOCK
        self._file.truncate(-(-end // tarfile.RECORDSIZE) * tarfile.RECORDSIZE)


def _cut(name: str) -> tuple[str, str]:
    """Sample and extension; a member of no sample is one by itself, with neither picture nor fields."""
    found = _NAME.fullmatch(name)
    return (found[1], found[2].lower()) if found else (name, "")
