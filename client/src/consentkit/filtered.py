"""What `filter` leaves beside OUT, so that it can be attested later: from what, to what, and by which state.

`OUT.manifest.json` is one line of canonical JSON. It names files by their base names only.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from consentkit import canonical
from consentkit.errors import Malformed
from consentkit.manifests import REASONS, Counts
from consentkit.settings import Misuse
from consentkit.sources.appearing import appearing
from consentkit.sources.batches import Scope, Unreadable

if TYPE_CHECKING:
    from consentkit.filtering import Judge, Summary

VERSION: Final = 3
SUFFIX: Final = ".manifest.json"


@dataclass(frozen=True)
class Stamp:
    """A file, or a folder with all in it, as it stood: `modified` is the newest of its files, in microseconds."""

    name: str
    files: int
    bytes: int
    modified: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Raises Unreadable."""
        count = size = newest = 0
        try:
            for file in files_in(path):
                found = file.stat()
                count, size, newest = count + 1, size + found.st_size, max(newest, found.st_mtime_ns // 1000)
        except OSError as error:  # not there, no permission, gone meanwhile
            raise Unreadable(f"{path} cannot be read: {error.strerror}") from error
        return cls(path.resolve().name, count, size, newest)

    @classmethod
    def parse(cls, value: object) -> Self:
        """From the object that `asdict` makes. Raises Malformed."""
        name, files, size, modified = canonical.fields(value, "name", "files", "bytes", "modified")
        return cls(canonical.text(name), canonical.whole(files), canonical.whole(size), canonical.whole(modified))


@dataclass(frozen=True)
class Filtered:
    """One run of `filter`. `log` is the origin of the registry's log, `size` its size, `filtered_at` Unix seconds.

    `purposes`: all of them permitted what was kept; `index`: the digest of the index that it went by, or None;
    `unreadable`: how many rows were kept out of scope whose key cannot be read.
    """

    log: str
    purposes: tuple[str, ...]
    size: int
    key: str | None
    scope: str | None
    index: str | None
    input: Stamp
    output: Stamp
    counts: Counts
    reasons: Mapping[str, int]
    filtered_at: int
    unreadable: int = 0

    def encode(self) -> bytes:
        """One line of canonical JSON."""
        said = {**asdict(self), "purposes": list(self.purposes), "v": VERSION}
        return canonical.encode(said) + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises Malformed."""
        names = [*cls.__annotations__, "v"]
        said: dict[str, Any] = dict(
            zip(names, canonical.fields(canonical.decode(data.removesuffix(b"\n")), *names), strict=True)
        )
        if said.pop("v") != VERSION:
            raise Malformed("it is of another version")
        counts = map(canonical.whole, canonical.fields(said["counts"], *Counts.__annotations__))
        reasons = map(canonical.whole, canonical.fields(said["reasons"], *REASONS))
        return cls(
            log=canonical.text(said["log"]),
            purposes=tuple(map(canonical.text, canonical.array(said["purposes"]))),
            size=canonical.whole(said["size"]),
            key=None if said["key"] is None else canonical.text(said["key"]),
            scope=None if said["scope"] is None else canonical.text(said["scope"]),
            index=None if said["index"] is None else canonical.text(said["index"]),
            input=Stamp.parse(said["input"]),
            output=Stamp.parse(said["output"]),
            counts=Counts(*counts),
            reasons=dict(zip(REASONS, reasons, strict=True)),
            filtered_at=canonical.whole(said["filtered_at"]),
            unreadable=canonical.whole(said["unreadable"]),
        )


def beside(out: Path) -> Path:
    """Where the manifest of this OUT is."""
    return out.with_name(out.name + SUFFIX)


def out_of(manifest: Path) -> Path:
    """The OUT that a manifest lies beside. Raises Misuse."""
    if not manifest.name.endswith(SUFFIX) or manifest.name == SUFFIX:
        raise Misuse(f"{manifest} is no manifest: give the OUT{SUFFIX} that `consentkit filter` has written")
    return manifest.with_name(manifest.name.removesuffix(SUFFIX))


def write(
    out: Path, *, source: Stamp, judge: "Judge", summary: "Summary", key: str | None, scope: Scope | None
) -> None:
    """After OUT is there. `source`: IN as it stood before the first row was read."""
    counted = Counts(summary.rows, summary.kept, summary.excluded, summary.unknown, summary.out_of_scope)
    said = Filtered(
        log=judge.state.trust.verifier.name,
        purposes=judge.purposes,
        size=summary.size,
        key=key,
        scope=None if scope is None else f"{scope.column}={scope.value}",
        index=judge.index.digest if judge.index else None,
        input=source,
        output=Stamp.of(out),
        counts=counted,
        reasons={reason: summary.reasons[reason] for reason in REASONS},
        filtered_at=int(judge.clock()),
        unreadable=summary.unread_kept,
    )
    with appearing(beside(out)) as partial:
        partial.write_bytes(said.encode())


def read(manifest: Path) -> Filtered:
    """Raises Misuse, Unreadable, or Malformed."""
    out_of(manifest)
    try:
        return Filtered.decode(manifest.read_bytes())
    except OSError as error:  # not there, no permission
        raise Unreadable(f"{manifest} cannot be read: {error.strerror}") from error
    except Malformed as error:  # altered, or of another version
        raise Malformed(f"{manifest} is no manifest that we read ({error}): filter again") from error


def files_in(path: Path) -> Iterator[Path]:
    """The file itself, or every file of a folder, in order of their paths in it. Raises OSError."""
    if not path.is_dir():
        yield path
        return
    found = [Path(folder) / name for folder, _, names in os.walk(path, onerror=_raise) for name in names]
    yield from sorted(found, key=lambda file: os.fsencode(file.relative_to(path)))


def _raise(error: OSError) -> None:
    raise error
