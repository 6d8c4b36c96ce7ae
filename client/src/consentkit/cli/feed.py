"""`sync`, `filter`, `audit` and `rewrite`: the state that the registry signs, and files filtered by it."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from consentkit.cli.errors import EXCLUDED, UNKNOWN
from consentkit.cli.purposes import (
    Audience,
    AudienceOption,
    CollectionOption,
    FeedOption,
    JsonOption,
    Purpose,
    PurposesOption,
)

if TYPE_CHECKING:
    from consentkit.filtering import Judge, Summary
    from consentkit.registry import Registry
    from consentkit.sources.batches import Scope


class OnUnreadable(StrEnum):
    """What becomes of rows out of scope whose key cannot be read: `batches.OnUnreadable`, by a test."""

    REFUSE = "refuse"
    KEEP = "keep"


SourceArgument = Annotated[
    Path,
    typer.Argument(
        metavar="IN",
        help="Parquet, CSV, JSON lines, a WebDataset shard, a folder of any of these, a folder of pictures.",
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        help="The column or field with the images' SHA-256: sha256 unless given; in shards the picture's.",
    ),
]
UnreadableOption = Annotated[
    OnUnreadable,
    typer.Option(
        "--unreadable", help="Rows out of scope whose key cannot be read: refuse all of IN, or keep those rows, too."
    ),
]
ScopeOption = Annotated[
    str,
    typer.Option("--scope", metavar="COLUMN=VALUE", help="Only these need permission; others pass if not excluded."),
]
IndexOption = Annotated[
    Path | None,
    typer.Option("--index", metavar="DIR", help="What consentkit index made of IN: digests of originals decide, too."),
]
CopiesOption = Annotated[
    bool, typer.Option("--copies", help="Also drop what looks like a protected image. Asks now; needs --index.")
]
OfflineOption = Annotated[bool, typer.Option("--offline", help="Use the state as last synced; ask nobody.")]


def sync(
    feed: FeedOption = None,
    audience: AudienceOption = None,
    collection: CollectionOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Fetch what the registry signs now: which images may be used, for each purpose of your key or of the feed."""
    state = _registry(feed, audience, collection).sync()
    if as_json:
        of = {"collection": state.parts.collection, "audience": state.parts.audience}
        _object({"size": state.size, "images": state.close.count, "issued_at": state.close.issued_at, **of})
    else:
        whose = f", of collection {state.parts.collection}, for {state.parts.audience}" if feed else ""
        typer.echo(f"Synced {state.close.count} images at log size {state.size}{whose}.")


def filter_(
    source: SourceArgument,
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="Where what is permitted goes.")],
    purposes: PurposesOption,
    key: KeyOption = None,
    scope: ScopeOption = "",
    unreadable: UnreadableOption = OnUnreadable.REFUSE,
    index: IndexOption = None,
    feed: FeedOption = None,
    audience: AudienceOption = None,
    collection: CollectionOption = None,
    *,
    copies: CopiesOption = False,
    offline: OfflineOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write what is permitted of IN to OUT, and what was dropped to OUT.dropped.jsonl. Unknown is dropped.

    OUT.manifest.json says from what it was made, and by which state: `consentkit attest` signs that.
    """
    from consentkit import filtered
    from consentkit.filtering import Refused, filter_file

    registry, rows_of = _registry(feed, audience, collection), _scope(scope, unreadable)
    with _judging(registry, purposes, index, rows_of, copies=copies, offline=offline) as judge:
        begun = filtered.Stamp.of(source)
        try:
            with progress_bar("Filtering") as progress:
                summary = filter_file(source, out, judge=judge, key=key, scope=rows_of, progress=progress)
        except Refused as refused:
            _report(refused.summary, "and nothing was written", as_json=as_json)
            raise
        filtered.write(out, source=begun, judge=judge, summary=summary, key=key, scope=rows_of)
    others = _tell_of_others(source)
    _report(summary, f"written to {out}", others=others, as_json=as_json)
    if summary.unseen:
        raise typer.Exit(UNKNOWN)


def audit(
    source: SourceArgument,
    purposes: PurposesOption,
    key: KeyOption = None,
    scope: ScopeOption = "",
    unreadable: UnreadableOption = OnUnreadable.REFUSE,
    index: IndexOption = None,
    feed: FeedOption = None,
    audience: AudienceOption = None,
    collection: CollectionOption = None,
    *,
    copies: CopiesOption = False,
    offline: OfflineOption = False,
    as_json: JsonOption = False,
) -> None:
    """Say what `filter` would keep and drop, and write nothing.

    Exit code: 0 all kept, 3 any excluded, 4 where any is unknown or not everything was looked at.
    """
    from consentkit.filtering import Refused, audit_file

    registry, rows_of = _registry(feed, audience, collection), _scope(scope, unreadable)
    try:
        with (
            _judging(registry, purposes, index, rows_of, copies=copies, offline=offline) as judge,
            progress_bar("Auditing") as progress,
        ):
            summary = audit_file(source, judge=judge, key=key, scope=rows_of, progress=progress)
    except Refused as refused:
        _report_audit(refused.summary, as_json=as_json)
        raise
    others = _tell_of_others(source)
    _report_audit(summary, others=others, as_json=as_json)
    raise typer.Exit(EXCLUDED if summary.excluded else UNKNOWN if summary.unknown or summary.unseen or others else 0)


def rewrite(
    place: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", help="Parquet, CSV, JSON lines, a WebDataset shard, or a folder of any of these."
        ),
    ],
    purposes: PurposesOption,
    key: KeyOption = None,
    scope: ScopeOption = "",
    unreadable: UnreadableOption = OnUnreadable.REFUSE,
    index: IndexOption = None,
    feed: FeedOption = None,
    audience: AudienceOption = None,
    collection: CollectionOption = None,
    *,
    offline: OfflineOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take out of DATA, in place, what is not permitted; unknown too. Parts in which all is permitted stay untouched.

    What was taken out is added to DATA.dropped.jsonl. `audit` says beforehand what that would be. Exit code: 4 where
    files lie beside the parts that were not looked at, and may hold the same rows.
    """
    from consentkit.rewriting import rewrite as rewritten

    registry, rows_of = _registry(feed, audience, collection), _scope(scope, unreadable)
    with (
        _judging(registry, purposes, index, rows_of, copies=False, offline=offline) as judge,
        progress_bar("Rewriting") as progress,
    ):
        done = rewritten(place, judge=judge, key=key, scope=rows_of, progress=progress)
    others = _tell_of_others(place)
    if as_json:
        _object({**_told(done.summary, others), "parts": done.parts, "rewritten": len(done.hit)})
    else:
        typer.echo(f"{_counted(done.summary)}; {len(done.hit)} of {done.parts} parts rewritten.")
    if others:
        raise typer.Exit(UNKNOWN)


def _registry(feed: str | None, audience: Audience | None, collection: UUID | None) -> "Registry":
    from consentkit.registry import Registry

    return Registry(feed=feed, audience=audience, collection=str(collection) if collection else None)


def _scope(text: str, unreadable: OnUnreadable) -> "Scope | None":
    from consentkit.settings import Misuse
    from consentkit.sources.batches import Scope

    if text:
        return Scope.parse(text, unreadable=unreadable.value)
    if unreadable is OnUnreadable.KEEP:
        raise Misuse("--unreadable keep is about rows out of scope, so it needs --scope; in scope they are dropped")
    return None


@contextmanager
def _judging(
    registry: "Registry",
    purposes: Sequence[Purpose],
    index: Path | None,
    scope: "Scope | None",
    *,
    copies: bool,
    offline: bool,
) -> "Iterator[Judge]":
    from consentkit.filtering import Judge
    from consentkit.indexing.copies import Copies
    from consentkit.indexing.index import Index
    from consentkit.settings import Misuse
    from consentkit.transport import Transport

    if copies and (offline or registry.feed):
        raise Misuse("--copies asks the registry about each picture, so it cannot be --offline, nor go by a --feed")
    if copies and index is None:
        raise Misuse("--copies needs --index DIR, which has the pictures' fingerprints: consentkit index makes it")
    opened = None if index is None else Index.open(index)
    settings = registry.settings
    state = registry.offline() if offline else registry.sync()
    judge = Judge(state, purposes, settings.max_age, time.time, opened)
    judge.unreadable = scope.unreadable if scope else "refuse"
    if opened is None or not copies:
        yield judge
        return
    with Transport(settings.require_url(), key=settings.require_key()) as transport:
        judge.copies = Copies(opened, transport, purposes=judge.purposes)
        yield judge


def _tell_of_others(place: Path) -> int:
    """What lies beside the parts may hold the same rows, and was neither judged nor changed: how many such files."""
    from consentkit.sources.batches import printable
    from consentkit.sources.kinds import is_description, others_in

    if others := others_in(place):
        files = "one file that is no part" if len(others) == 1 else f"{len(others)} files that are no parts"
        typer.echo(f"consentkit: not looked at: {files}, {printable(others[0])} first", err=True)
    return sum(not is_description(name) for name in others)


def _told(summary: "Summary", others: int) -> dict[str, Any]:
    return {**summary.as_json(), **({"not_looked_at": others} if others else {})}


def _report(summary: "Summary", end: str, *, others: int = 0, as_json: bool) -> None:
    if as_json:
        _object(_told(summary, others))
    else:
        typer.echo(f"{_counted(summary)}; {end}.")


def _report_audit(summary: "Summary", *, others: int = 0, as_json: bool) -> None:
    if as_json:
        _object({**_told(summary, others), "reasons": summary.reasons})
        return
    why = ", ".join(f"{count} {reason}" for reason, count in summary.reasons.items() if count)
    typer.echo(f"{_counted(summary)}." + (f" Excluded: {why}." if why else ""))


def _counted(summary: "Summary") -> str:
    besides = f" ({summary.out_of_scope} of them out of scope)" if summary.out_of_scope else ""
    as_copies = f" ({summary.copies} of them as copies)" if summary.copies else ""
    not_seen = f"; {summary.unseen} could not be looked at" if summary.unseen else ""
    return (
        f"{summary.rows} rows: {summary.kept} kept{besides}, {summary.excluded} excluded{as_copies}, "
        f"{summary.unknown} unknown, at log size {summary.size}{not_seen}{_not_read(summary)}"
    )


def _not_read(summary: "Summary") -> str:
    if not summary.unreadable:
        return ""
    keys = "the key of one" if summary.unreadable == 1 else f"the keys of {summary.unreadable}"
    more = ", …" if summary.unreadable > len(summary.named) else ""
    return f"; {keys} could not be read ({'; '.join(summary.named)}{more})"


def _object(values: dict[str, Any]) -> None:
    typer.echo(json.dumps(values))


@contextmanager
def progress_bar(doing: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal's stderr; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _of: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(doing, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
