"""Makes an index, part by part. A part that was made of what is there now is left as it stands.

`index.json` names the parts, and appears last: an index that was never finished is none.
"""

import fcntl
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from consentkit.indexing import parts
from consentkit.indexing.index import NAME, VERSION, Part
from consentkit.indexing.members import Member
from consentkit.indexing.parts import MadeOf
from consentkit.indexing.units import Unit, units_of
from consentkit.lookers import Look, Lookers
from consentkit.looking import MissingExtra, require_extra
from consentkit.matches import VERSION as VIEWS
from consentkit.settings import Misuse
from consentkit.sources.appearing import appearing
from consentkit.sources.batches import Unreadable

DAMAGED: Final = "damaged.jsonl"
_LOCK: Final = ".lock"

Progress = Callable[[int, int], None]


@dataclass
class Built:
    """`damaged`: pictures with a problem; `unread`: which shards could not be read, and why."""

    shards: int = 0
    pictures: int = 0
    sources: int = 0
    views: int = 0
    damaged: int = 0
    unread: list[str] = field(default_factory=list)


def build(
    given: Iterable[Path],
    out: Path,
    *,
    source_field: str = "sha256",
    progress: Progress = lambda _done, _of: None,
) -> Built:
    """Indexes shards and folders into the folder `out`. Raises Misuse, Unreadable, or ConsentkitError.

    A shard that cannot be read is told in the answer, and the others are indexed. Without the extra `fingerprints`
    no picture is looked at.
    """
    paths = list(given)
    units = units_of(paths)
    place(out, paths)
    with _locked(out):
        for left in out.glob(".*.part"):  # of a run that was killed
            left.unlink()
        unread = _build(units, out, source_field, progress)
        built = finish(out)
    built.unread = unread
    return built


def build_unit(
    unit: Unit,
    out: Path,
    *,
    source_field: str,
    lookers: Lookers | None,
    progress: Callable[[int], None] = lambda _done: None,
) -> None:
    """Makes the part of one shard or folder, unless it stands. Raises Unreadable."""
    _, stamp = unit.stamp()
    made_of = MadeOf(unit.name, stamp, source_field, VIEWS if lookers else None)
    stands = parts.made_of(out / unit.part)
    if stands is None or not stands.serves(made_of):
        parts.write(out / unit.part, made_of, _rows(unit, stamp, source_field, lookers, progress))


def finish(out: Path) -> Built:
    """Names all parts that are there. Raises Unreadable."""
    built, named = Built(), []
    with appearing(out / DAMAGED) as listed, listed.open("w", encoding="utf-8") as file:
        for path in sorted(out.glob("*.parquet")):
            of = parts.made_of(path)
            if of is None:
                raise Unreadable(f"{path} is no part of an index: remove it, and run consentkit index again")
            rows = parts.count(path)
            named.append(Part(path.name, rows, of.stamp, of.views))
            built.shards += 1
            built.pictures += rows
            for batch in parts.read(path, ["position", "source", "views", "problem"]):
                built.sources += len(batch) - batch.column("source").null_count
                built.views += len(batch) - batch.column("views").null_count
                for row in batch.select(["position", "problem"]).filter(batch.column("problem").is_valid()).to_pylist():
                    built.damaged += 1
                    file.write(json.dumps({"shard": of.unit, **row}) + "\n")
    said = {"v": VERSION, "parts": [vars(part) for part in named]}
    with appearing(out / NAME) as partial:
        partial.write_text(json.dumps(said, indent=1) + "\n")
    return built


def place(out: Path, given: Iterable[Path]) -> None:
    """Makes the folder, unless it is there with an index or with nothing. Raises Misuse."""
    inside = next((path for path in given if path.resolve() in (out.resolve(), *out.resolve().parents)), None)
    if inside is not None:
        raise Misuse(f"{out} is within {inside}, and would be taken for a part of it: write to another place")
    if not out.parent.is_dir() or (out.exists() and not out.is_dir()):
        raise Misuse(f"{out} cannot be a folder: name one that is not there yet, in one that is")
    others = [each.name for each in out.iterdir() if not _is_ours(each)] if out.is_dir() else []
    if others:
        raise Misuse(f"{out} has other files, {min(others)} first: an index needs a folder of its own")
    out.mkdir(exist_ok=True)


def fit() -> bool:
    """Whether pictures can be looked at here: whether the extra `fingerprints` is installed."""
    try:
        require_extra()
    except MissingExtra:
        return False
    return True


def _build(units: list[Unit], out: Path, source_field: str, progress: Progress) -> list[str]:
    """Those that could not be read, and why."""
    sizes = [unit.stamp()[0] for unit in units]
    total, before, unread = sum(sizes), 0, []
    with Lookers() as lookers:
        looking = lookers if fit() else None
        for unit, size in zip(units, sizes, strict=True):

            def within(done: int, before: int = before) -> None:
                progress(before + done, total)

            try:
                build_unit(unit, out, source_field=source_field, lookers=looking, progress=within)
            except Unreadable as error:  # cut, damaged, or changed while it was read
                (out / unit.part).unlink(missing_ok=True)
                unread.append(str(error))
            before += size
            progress(before, total)
    return unread


def _rows(
    unit: Unit, stamp: str, source_field: str, lookers: Lookers | None, progress: Callable[[int], None]
) -> Iterator[tuple[Member, Look | None]]:
    members = unit.members(source_field=source_field)
    rows = lookers.look(members) if lookers else ((member, None) for member in members)
    for member, look in rows:
        yield member, look
        progress(member.done)
    if unit.stamp()[1] != stamp:  # the part would be taken for one of what is there now
        raise Unreadable(f"{unit.path} was changed while it was read: run consentkit index again")


def _is_ours(path: Path) -> bool:
    return path.name in (NAME, DAMAGED) or path.name.startswith(".") or path.suffix == ".parquet"


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """One run at a time. The lock ends with the process that holds it."""
    with (out / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # another run holds it
            raise Misuse(f"{out} is being indexed by another run: wait for it") from None
        yield
