"""Takes out of a data set, in place, what may no longer be used: only the parts that hold such rows are written.

Order: every part is judged; then what will be dropped is listed; then each part that was hit is written beside itself,
brought to disk and renamed. A crash leaves each part as it was or as it shall be, and the next run does the rest.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from consentkit.filtering import Judge, Progress, Summary, Verdict
from consentkit.settings import Misuse
from consentkit.sources.appearing import appearing
from consentkit.sources.batches import Batch, Scope, Source, Unreadable, ahead
from consentkit.sources.dropped import Dropped, beside
from consentkit.sources.folder import PictureFolder
from consentkit.sources.kinds import parts_in, source_of
from consentkit.sources.sidecars import sidecar_of, write_sidecar
from consentkit.sources.tables import checksum_of, require_no_summary


@dataclass(frozen=True)
class Rewritten:
    """`summary`: of the rows as they were found; of `parts` files those in `hit` were written anew."""

    summary: Summary
    parts: int
    hit: tuple[Path, ...]


@dataclass(frozen=True)
class _Hit:
    """A part as it stood when it was judged, and what was decided: three bytes a row are held of it."""

    path: Path
    named: str
    stood: tuple[int, int]
    verdicts: tuple[Verdict, ...]

    def require_unchanged(self) -> None:
        """Raises Unreadable."""
        if _stands(self.path) != self.stood:
            raise Unreadable(f"{self.path} was changed by somebody else meanwhile: run consentkit rewrite again")


def rewrite(
    place: Path,
    *,
    judge: Judge,
    key: str | None = None,
    scope: Scope | None = None,
    progress: Progress = lambda _done, _of: None,
) -> Rewritten:
    """Leaves of `place`, a file or a folder of shards or tables, only what passes; the rest is listed beside it.

    Parts of which every row passes are not touched. The list grows by each run's rows, at their positions before it;
    what was listed before a crash, and not yet taken out, is listed again.
    Until all are judged nothing is touched. Raises Misuse, Unreadable, NotOurs or Stale.
    """
    run = _Run(place, judge, key, scope)
    names = parts_in(place) or [""]
    require_no_summary(place if place.is_dir() else place.parent)
    hits, done, total = list[_Hit](), 0, sum((place / name).stat().st_size for name in names if place.exists())
    for name in names:
        if hit := run.judged(name):
            hits.append(hit)
        done += (place / name).stat().st_size
        progress(done, total)
    summary = judge.summary()
    if hits:
        run.list(hits)
    for hit in hits:
        run.write(hit)
    return Rewritten(summary, len(names), tuple(hit.path for hit in hits))


@dataclass(frozen=True)
class _Run:
    place: Path
    judge: Judge
    key: str | None
    scope: Scope | None

    def judged(self, name: str) -> _Hit | None:
        """None if all of its rows pass."""
        path = self.place / name
        if not path.exists():
            raise Unreadable(f"{path} cannot be read: it is not there")
        stood, opened = _stands(path), self._open(path)
        if isinstance(opened, PictureFolder):
            raise Misuse(f"{path} is a folder of pictures, or has no table: filter it to another place instead")
        verdicts, whole = list[Verdict](), True
        for batch in ahead(opened.asked()):
            verdict = self.judge.judged(batch)
            self.judge.count(batch, verdict)
            whole = whole and bool(verdict.keep.all())
            verdicts.append(verdict)
        return None if whole else _Hit(path, name, stood, tuple(verdicts))

    def list(self, hits: list[_Hit]) -> None:
        """On disk before the first part is touched."""
        before = beside(self.place)
        with appearing(before) as listed:
            if before.exists():
                shutil.copyfile(before, listed)
            with Dropped(listed) as dropped:
                for hit in hits:
                    for batch, verdict in self._decided(hit, self._open(hit.path).asked()):
                        dropped.write(verdict.by_row(batch), verdict.answer, verdict.keep)
                dropped.finish()
            _to_disk(listed)

    def write(self, hit: _Hit) -> None:
        opened, beside, samples = self._open(hit.path), sidecar_of(hit.path), set[str]()
        with appearing(hit.path) as partial:
            with opened.sink(partial) as sink:
                for batch, verdict in self._decided(hit, opened.batches()):
                    sink.write(batch.rows, verdict.keep)
                    samples |= set(batch.positions.filter(pa.array(verdict.keep)).to_pylist()) if beside else set()
                sink.finish()
            shutil.copymode(hit.path, partial)
            # Else a power cut could leave an empty file where the only copy was.
            _to_disk(partial)
            hit.require_unchanged()
            if beside:  # before its shard: after a crash the next run finds the shard, and does both
                write_sidecar(beside, beside, samples)
            checksum_of(hit.path).unlink(missing_ok=True)  # of the old bytes: Spark would refuse the new ones

    def _decided(self, hit: _Hit, batches: Iterator[Batch]) -> Iterator[tuple[Batch, Verdict]]:
        hit.require_unchanged()
        for batch, verdict in zip(ahead(batches), hit.verdicts, strict=True):
            yield replace(batch, within=hit.named), verdict

    def _open(self, path: Path) -> Source:
        return source_of(path, key=self.key, scope=self.scope)


def _stands(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _to_disk(path: Path) -> None:
    with path.open("rb") as written:
        os.fsync(written.fileno())
