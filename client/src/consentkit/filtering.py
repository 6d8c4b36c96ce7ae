"""Filters what pipelines hold by the synced state, a batch at a time.

Invariants
  * In scope, a row passes only if its key is a digest that the state permits now.
  * Out of scope, no row passes whose key cannot be read, unless it was said that it may.
  * OUT appears whole, by one rename at the end, or not at all; of a folder of shards or tables, each does.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from consentkit import keys, trust
from consentkit.errors import ConsentkitError
from consentkit.indexing.copies import Copies
from consentkit.indexing.index import Index
from consentkit.indexing.joined import Joined
from consentkit.lookup import NOT_COVERED, PERMITTED, REASONS, UNKNOWN, WAIT, Lookup
from consentkit.purposes import Purposes, purposes_of
from consentkit.rows import Bytes
from consentkit.settings import Misuse
from consentkit.sources.appearing import appearing
from consentkit.sources.batches import Batch, Mask, OnUnreadable, Scope, Sink, Source, Unreadable, ahead
from consentkit.sources.dropped import Dropped, as_json, beside
from consentkit.sources.kinds import parts_in, source_of
from consentkit.sources.records import Record, recorded
from consentkit.sources.sidecars import sidecar_of, write_sidecar
from consentkit.sources.tables import require_plain
from consentkit.state import State

Clock = Callable[[], float]
Progress = Callable[[int, int], None]

_COUNTED: Final = (
    "rows",
    "kept",
    "excluded",
    "out_of_scope",
    "asked",
    "known",
    "copies",
    "unseen",
    "unreadable",
    "unread_kept",
)
_NAMED: Final = 3
"""So many keys that cannot be read are named."""

_SHOWN: Final = 80


class Refused(ConsentkitError):
    """All rows were read and counted, and nothing was written."""

    def __init__(self, message: str, summary: "Summary") -> None:
        super().__init__(message)
        self.summary = summary


class UnreadableKeys(ConsentkitError):
    """Rows out of scope have keys that cannot be read, so nobody knows whether those are excluded."""


class NotRead(Refused, UnreadableKeys):
    """The same of a file or folder."""

    def __init__(self, summary: "Summary", refused: int) -> None:
        super().__init__(_refusal(refused, "; ".join(summary.named)), summary)


class NotOurs(Refused):
    """The scope has keys, and the registry knows none of them. Nothing was written."""

    def __init__(self, summary: "Summary", *, joined: bool = False) -> None:
        super().__init__(
            "your keys are not ours: the registry knows none of them"
            + (", nor what the index has beside them" if joined else "")
            + ", so nothing was kept. "
            "Keys are the SHA-256 of the image files, as 64 lower-case hex digits; see --key and --scope"
            + ("" if joined else ". If a downloader has re-encoded the images, try consentkit index, and --index"),
            summary,
        )


@dataclass(frozen=True)
class Summary:
    """`kept` counts every row written, `out_of_scope` those among them; rows = kept + excluded + unknown.

    `reasons` counts the excluded rows by what a pipeline must do. If copies were looked for, `copies` counts those that
    are excluded as such, and `unseen` the rows that could not be looked at. `unreadable` counts the rows whose key
    cannot be read, which are among the unknown, or, `unread_kept` of them, among the kept; `named` are the first.
    """

    rows: int
    kept: int
    excluded: int
    unknown: int
    out_of_scope: int
    size: int
    reasons: dict[str, int]
    copies: int | None = None
    unseen: int | None = None
    unreadable: int | None = None
    named: tuple[str, ...] = ()
    unread_kept: int = 0

    def as_json(self) -> dict[str, int]:
        """The object that `filter --json` ends with."""
        apart = ("reasons", "named", "unread_kept")
        return {name: value for name, value in asdict(self).items() if name not in apart and value is not None}


@dataclass(frozen=True)
class Verdict:
    """Per row its answer (`lookup.PERMITTED` …), whether the registry has a row for it, and whether it passes.

    `unreadable`: its key cannot be read, nor is it excluded; `told`: if copies were looked for, what `Copies.told` of
    the rows that would pass.
    """

    answer: Bytes
    known: Mask
    keep: Mask
    unreadable: Mask
    told: Bytes | None = None
    decisive: NDArray[np.intp] | None = None
    """Where rows have several keys, the number of the key by which each was decided."""

    def by_row(self, batch: Batch) -> Batch:
        """The batch with one key for each row: the one by which it was decided."""
        if self.decisive is None:
            return batch
        at, read = self.decisive, batch.keys
        one = keys.Keys(read.sha256[at], read.given[at], read.read[at], read.proper[at])
        inside = None if batch.in_scope is None else batch.in_scope[batch.first]
        return replace(batch, keys=one, texts=batch.texts.take(pa.array(at)), in_scope=inside, first=None)

    @property
    def copy(self) -> Mask | None:
        """Which rows are excluded only as copies."""
        return None if self.told is None else self.told >= WAIT


@dataclass
class Judge:
    """Decides batches, and counts. `purpose`: one, or several, which all must permit; `max_age`: seconds from the
    close's `issued_at`; `unreadable`: what becomes of rows out of scope whose key cannot be read.

    With an `index` a row is decided by all digests that it has beside the key. With `copies` what would pass is asked
    about besides.
    """

    state: State
    purpose: Purposes
    max_age: int
    clock: Clock
    index: Index | None = None
    copies: Copies | None = None
    unreadable: OnUnreadable = "refuse"
    named: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0))

    def __post_init__(self) -> None:
        at = self._now()
        self.purposes = purposes_of(self.purpose)
        lookup = Lookup(self.state.rows, purpose=self.purposes, at=at)
        self._lookup = Joined(lookup, self.index) if self.index else lookup
        self._answers = np.zeros(len(REASONS), np.int64)
        self._refused = 0

    def keep(self, read: keys.Keys, in_scope: Mask | None = None, *, at: float | None = None) -> Mask:
        """Which rows pass, without counting; as of now, or as of `at`. Raises Stale, or UnreadableKeys."""
        verdict = self.decide(read, in_scope, at=at)
        refused = self._refusing(verdict, in_scope)
        if refused.any():
            rows = np.flatnonzero(refused)
            raise UnreadableKeys(_refusal(len(rows), ", ".join(f"row {row}" for row in rows[:_NAMED])))
        return verdict.keep

    def decide(self, read: keys.Keys, in_scope: Mask | None = None, *, at: float | None = None) -> Verdict:
        """Raises Stale when the state's time ends during a long run, and what `Copies.told` raises."""
        answer, known = self._by_digest(read, in_scope, at)
        if self.copies is None:
            return self._verdict(read, in_scope, answer, known)
        # Only what would pass is asked about; in scope it must have been seen.
        told = self.copies.told(read, self._verdict(read, in_scope, answer, known).keep)
        return self._verdict(read, in_scope, np.maximum(answer, told), known, told)

    def _by_digest(self, read: keys.Keys, in_scope: Mask | None, at: float | None) -> tuple[Bytes, Mask]:
        now = self._now()  # also where it is not asked as of now: the state's time may be over
        found = self._lookup.find(read, at=now if at is None else at)
        answer = found.answer
        if in_scope is None:
            answer[~read.proper] = UNKNOWN
            return answer, found.known & read.proper
        # Capitals are no key of ours. They can still exclude a row that nobody else vouches for.
        answer[in_scope & ~read.proper] = UNKNOWN
        return answer, found.known & read.proper & in_scope

    def _verdict(
        self, read: keys.Keys, in_scope: Mask | None, answer: Bytes, known: Mask, told: Bytes | None = None
    ) -> Verdict:
        unreadable = read.unreadable & (answer < NOT_COVERED)
        keep = _passing(answer, in_scope)
        if self.unreadable == "refuse":
            keep = keep & ~unreadable
        return Verdict(answer, known, keep, unreadable, told)

    def _refusing(self, verdict: Verdict, in_scope: Mask | None) -> Mask:
        if in_scope is None or self.unreadable == "keep":
            return np.zeros(len(verdict.keep), bool)
        return np.asarray(verdict.unreadable & ~in_scope)

    def judged(self, batch: Batch) -> Verdict:
        """On the rows of a batch: one passes if each of its keys does, and has the strongest answer of those."""
        verdict, first = self.decide(batch.keys, batch.in_scope), batch.first
        if first is None:
            return verdict
        # What does not pass comes first, then the strongest answer, then the first key.
        weight = verdict.answer.astype(np.int64) + 256 * ~verdict.keep
        row = np.repeat(np.arange(len(first)), np.diff(first, append=len(weight)))
        order = np.lexsort((np.arange(len(weight)), -weight, row))
        decisive = order[first]
        return Verdict(
            verdict.answer[decisive],
            np.logical_or.reduceat(verdict.known, first),
            verdict.keep[decisive],
            verdict.unreadable[decisive],
            None if verdict.told is None else verdict.told[decisive],
            decisive,
        )

    def count(self, batch: Batch, verdict: Verdict) -> None:
        """Adds a batch to the summary."""
        batch = verdict.by_row(batch)
        self._answers += np.bincount(verdict.answer, minlength=len(REASONS))
        self._add("rows", len(batch.keys))
        self._add("kept", np.count_nonzero(verdict.keep))
        self._add("known", np.count_nonzero(verdict.known))
        self._add("unreadable", np.count_nonzero(verdict.unreadable))
        self._add("unread_kept", np.count_nonzero(verdict.unreadable & verdict.keep))
        self._refused += int(np.count_nonzero(self._refusing(verdict, batch.in_scope)))
        for at in np.flatnonzero(verdict.unreadable)[: _NAMED - len(self.named)]:
            self.named.append(_named(batch, int(at)))
        if verdict.told is not None:
            self._add("copies", np.count_nonzero(verdict.told >= WAIT))
            self._add("unseen", np.count_nonzero(verdict.told == UNKNOWN))
        if batch.in_scope is None:
            self._add("asked", np.count_nonzero(batch.keys.given))
        else:
            self._add("asked", np.count_nonzero(batch.in_scope & batch.keys.given))
            self._add("out_of_scope", np.count_nonzero(verdict.keep & ~batch.in_scope))

    def summary(self) -> Summary:
        """What was counted. Raises NotRead or NotOurs."""
        count = self.counts
        rows, excluded = count["rows"], int(self._answers[NOT_COVERED:].sum())
        reasons = {str(REASONS[at]): int(self._answers[at]) for at in range(NOT_COVERED, len(REASONS))}
        not_ours = count["asked"] and not count["known"]
        kept, outside = (0, 0) if self._refused or not_ours else (count["kept"], count["out_of_scope"])
        counted = (rows, kept, excluded, rows - excluded - kept, outside)
        apart = (*self._seen(), count["unreadable"] or None, tuple(self.named), count["unread_kept"])
        summary = Summary(*counted, self.state.size, reasons, *apart)
        if self._refused:
            raise NotRead(summary, self._refused)
        if not_ours:
            raise NotOurs(summary, joined=self.index is not None)
        return summary

    def _seen(self) -> tuple[int | None, int | None]:
        return (self.counts["copies"], self.counts["unseen"]) if self.copies else (None, None)

    def _add(self, name: str, number: Any) -> None:
        self.counts[name] += int(number)

    def _now(self) -> float:
        at = self.clock()
        trust.require_young(self.state.close, max_age=self.max_age, at=at)
        return at


def filter_file(
    source: Path,
    out: Path,
    *,
    judge: Judge,
    key: str | None = None,
    scope: Scope | None = None,
    progress: Progress = lambda _done, _of: None,
) -> Summary:
    """Writes to `out` what passes of `source`, a file or folder, and beside it what was dropped, and why.

    Raises Misuse, Unreadable, NotRead, NotOurs, or Stale; then `out` is as it was, but for the parts of a folder that
    were done before: those stay, and the next run has only the others to do.
    """
    _require_apart(source, out)
    if names := parts_in(source):
        return _Parts(source, out, judge, key, scope).filter(names, progress)
    opened = source_of(source, key=key, scope=scope)
    _require_place(out, folder=source.is_dir())
    with appearing(out) as partial, appearing(beside(out)) as listed, Dropped(listed) as dropped:
        with opened.sink(partial) as sink:
            for batch in ahead(opened.batches()):
                _pass(batch, judge, sink, dropped)
                progress(batch.done, opened.total)
            sink.finish()
        dropped.finish()
        return judge.summary()


def audit_file(
    source: Path,
    *,
    judge: Judge,
    key: str | None = None,
    scope: Scope | None = None,
    progress: Progress = lambda _done, _of: None,
) -> Summary:
    """What `filter_file` would say; nothing is written. Raises the same."""
    names = parts_in(source)
    sources = [source_of(source / name, key=key, scope=scope) for name in names or [""]]
    total, before = sum(each.total for each in sources), 0
    for each in sources:
        for batch in ahead(each.asked()):
            judge.count(batch, judge.judged(batch))
            progress(before + batch.done, total)
        before += each.total
    return judge.summary()


def _pass(batch: Batch, judge: Judge, sink: Sink, dropped: Dropped) -> Verdict:
    verdict = judge.judged(batch)
    judge.count(batch, verdict)
    sink.write(batch.rows, verdict.keep)
    dropped.write(verdict.by_row(batch), verdict.answer, verdict.keep, verdict.copy)
    return verdict


def _passing(answer: Bytes, in_scope: Mask | None) -> Mask:
    """In scope what is permitted; outside what is not excluded."""
    permitted = answer == PERMITTED
    return permitted if in_scope is None else np.where(in_scope, permitted, answer < NOT_COVERED)


@dataclass
class _Parts:
    """A folder of shards or tables. Each part of OUT appears whole, then what it was made of is recorded beside it.

    A part is left as it stands if neither it nor its source has changed, and every one of its rows, judged again by
    the state of this run, would be decided as it was. So all of OUT is true at the size in the summary.
    """

    source: Path
    out: Path
    judge: Judge
    key: str | None
    scope: Scope | None

    def filter(self, names: list[str], progress: Progress) -> Summary:
        self._require_ours(names)
        total, done = sum((self.source / name).stat().st_size for name in names), 0
        self.out.mkdir(exist_ok=True)
        with appearing(beside(self.out)) as listed, Dropped(listed) as dropped:
            for name in names:
                if not self._stands(name, dropped):
                    self._write(name, dropped)
                done += (self.source / name).stat().st_size
                progress(done, total)
            dropped.finish()
            return self._summary(names)

    def _stands(self, name: str, dropped: Dropped) -> bool:
        record = recorded(self.source / name, self.out / name, key=self.key, scope=self.scope)
        if record is None or (verdicts := self._judged_again(name, record)) is None:
            return False
        samples = set[str]()
        for batch, verdict in zip(self._read_again(name, record), verdicts, strict=True):
            self.judge.count(batch, verdict)
            samples |= self._samples(name, batch, verdict)
            dropped.write(verdict.by_row(batch), verdict.answer, verdict.keep, verdict.copy)
        self._write_sidecar(name, samples)
        return True

    def _judged_again(self, name: str, record: Record) -> list[Verdict] | None:
        """None if any row would be decided otherwise now."""
        verdicts, kept, done = list[Verdict](), record.kept, 0
        for batch in self._read_again(name, record):
            verdict = self.judge.judged(batch)
            if not np.array_equal(verdict.keep, kept[done : done + len(verdict.keep)]):
                return None
            verdicts.append(verdict)
            done += len(verdict.keep)
        return verdicts if done == len(kept) else None

    def _read_again(self, name: str, record: Record) -> Iterator[Batch]:
        samples = record.samples()
        batches = iter([samples]) if samples else ahead(self._open(name).asked())
        return (replace(batch, within=name) for batch in batches)

    def _write(self, name: str, dropped: Dropped) -> None:
        record = Record.begun(self.source / name, key=self.key, scope=self.scope)
        opened, samples = self._open(name), set[str]()
        (self.out / name).parent.mkdir(parents=True, exist_ok=True)
        with appearing(self.out / name) as partial, opened.sink(partial) as sink:
            for batch in ahead(opened.batches()):
                verdict = _pass(replace(batch, within=name), self.judge, sink, dropped)
                record.add(batch, verdict.keep)
                samples |= self._samples(name, batch, verdict)
            sink.finish()
            self._write_sidecar(name, samples)  # first: a sidecar never has more rows than its shard
        record.save(self.out / name)

    def _samples(self, name: str, batch: Batch, verdict: Verdict) -> set[str]:
        """The names of those that pass, if there is a table beside the shard."""
        if sidecar_of(self.source / name) is None:
            return set()
        return set(batch.positions.filter(pa.array(verdict.keep)).to_pylist())

    def _write_sidecar(self, name: str, samples: set[str]) -> None:
        if source := sidecar_of(self.source / name):
            write_sidecar(source, (self.out / name).with_suffix(".parquet"), samples)
        elif left := sidecar_of(self.out / name):
            left.unlink()

    def _open(self, name: str) -> Source:
        return source_of(self.source / name, key=self.key, scope=self.scope)

    def _summary(self, names: list[str]) -> Summary:
        try:
            return self.judge.summary()
        except Refused:
            for name in names:
                Record.forget(self.out / name)
                if left := sidecar_of(self.out / name):
                    left.unlink()
                (self.out / name).unlink()
            raise

    def _require_ours(self, names: list[str]) -> None:
        """A part that no longer has a source would stay for ever, whatever is withdrawn."""
        _require_place(self.out, folder=True, filled=True)
        if others := sorted(set(parts_in(self.out)) - set(names)):
            raise Misuse(f"{self.out} has parts that {self.source} has not, {others[0]} first: remove them")


# Arguments


def _require_apart(source: Path, out: Path) -> None:
    inside, outside = source.resolve(), out.resolve()
    if not outside.parent.is_dir():
        raise Unreadable(f"no such folder: {outside.parent}")
    require_plain(out)
    same = out.exists() and source.exists() and out.samefile(source)
    if same or inside in (outside, beside(outside)) or inside in outside.parents or outside in inside.parents:
        raise Misuse("IN and OUT are the same, or one is within the other: write to another place")


def _require_place(out: Path, *, folder: bool, filled: bool = False) -> None:
    """OUT is not there, or can be replaced by one rename."""
    if folder and out.is_dir() and (filled or not any(out.iterdir())):
        return
    if out.exists() and (folder or not out.is_file()):
        raise Misuse(f"{out} cannot be replaced: remove it, or write to another place")


# What cannot be read


def _refusal(count: int, named: str) -> str:
    keys_ = "one key" if count == 1 else f"{count} keys"
    return (
        f"{keys_} out of scope cannot be read, so nobody knows whether these images are excluded: {named}. "
        "Keys are 64 lower-case hex digits, or 32 bytes. Correct them, or say --unreadable keep (in Python "
        'unreadable="keep"), and those rows pass'
    )


def _named(batch: Batch, at: int) -> str:
    """Where a row stands, and what is in place of its key."""
    text = as_json(batch.texts[at])
    where = f"{batch.within}, " if batch.within else ""
    return f"{where}position {batch.positions[at].as_py()}: {text if len(text) <= _SHOWN else text[:_SHOWN] + '…'}"
