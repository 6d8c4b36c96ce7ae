"""`sync` and `filter`: the state that the registry signs, and a file filtered by it."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from consentkit.cli.purposes import JsonOption, PurposeOption

if TYPE_CHECKING:
    from consentkit.filtering import Summary


def sync(*, as_json: JsonOption = False) -> None:
    """Fetch what the registry signs now: which images may be used, for each purpose of your key."""
    from consentkit.registry import Registry

    state = Registry().sync()
    if as_json:
        _object({"size": state.size, "images": state.close.count, "issued_at": state.close.issued_at})
    else:
        typer.echo(f"Synced {state.close.count} images at log size {state.size}.")


def filter_(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A Parquet file.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="OUT", help="Where the permitted rows go.")],
    purpose: PurposeOption,
    key: Annotated[str, typer.Option(help="The column with the SHA-256 of each image.")] = "sha256",
    scope: Annotated[
        str, typer.Option(metavar="COLUMN=VALUE", help="Only these rows need permission; others pass unless excluded.")
    ] = "",
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Use the state as last synced; ask nobody.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the rows of IN that are permitted to OUT. Unknown is dropped."""
    from consentkit.filtering import Judge, NotOurs, Scope, filter_parquet
    from consentkit.registry import Registry

    rows_of = Scope.parse(scope) if scope else None
    registry = Registry()
    state = registry.offline() if offline else registry.sync()
    judge = Judge(state, purpose.value, registry.settings.max_age, time.time)
    try:
        with _progress() as progress:
            summary = filter_parquet(source, out, judge=judge, key=key, scope=rows_of, progress=progress)
    except NotOurs as refused:
        _report(refused.summary, as_json=as_json, out=None)
        raise
    _report(summary, as_json=as_json, out=out)


def _report(summary: "Summary", *, as_json: bool, out: Path | None) -> None:
    if as_json:
        _object(summary.as_json())
        return
    where = f"written to {out}" if out else "and nothing was written"
    besides = f" ({summary.out_of_scope} of them out of scope)" if summary.out_of_scope else ""
    typer.echo(
        f"{summary.rows} rows: {summary.kept} kept{besides}, {summary.excluded} excluded, "
        f"{summary.unknown} unknown, at log size {summary.size}; {where}."
    )


def _object(values: dict[str, int]) -> None:
    typer.echo(json.dumps(values))


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal's stderr; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _of: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Filtering", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
