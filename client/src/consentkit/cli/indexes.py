"""`index`: what `filter` needs to know of pictures that a downloader has re-encoded."""

import json
from pathlib import Path
from typing import Annotated

import typer

from consentkit.cli.errors import ERROR, UNKNOWN
from consentkit.cli.feed import progress_bar
from consentkit.cli.purposes import JsonOption


def index(
    given: Annotated[
        list[Path], typer.Argument(metavar="SHARDS…", help="WebDataset shards, folders of them, folders of pictures.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Where the index is, or shall be.")],
    source_field: Annotated[
        str, typer.Option("--source-field", help="The JSON field with the SHA-256 of what was downloaded.")
    ] = "sha256",
    *,
    as_json: JsonOption = False,
) -> None:
    """Note every picture's digest, that of the original it was made of, and its fingerprints, for filter --index.

    Goes on where it was broken off, and leaves what has not changed. DIR/damaged.jsonl lists pictures with a problem.

    Exit code: 1 where a shard could not be read or nothing is a picture; else 4 where a picture has a problem; else 0.
    """
    from consentkit.indexing.building import DAMAGED, build, fit

    with progress_bar("Indexing") as progress:
        built = build(given, out, source_field=source_field, progress=progress)
    if as_json:
        typer.echo(json.dumps(vars(built)))
    else:
        typer.echo(
            f"{built.pictures} pictures in {built.shards} parts: {built.sources} tell their original, "
            f"{built.views} have fingerprints, {built.damaged} have a problem"
            + (f" (see {out / DAMAGED})." if built.damaged else ".")
        )
    if not fit():
        typer.echo("Copies cannot be looked for: pip install 'consentkit[fingerprints]', and run this again.", err=True)
    for each in built.unread:
        typer.echo(f"consentkit: {each}", err=True)
    if not built.pictures and not built.unread:
        typer.echo("consentkit: there is no picture in what was given: nothing was looked at", err=True)
    if built.unread or not built.pictures:
        raise typer.Exit(ERROR)
    if built.damaged:
        typer.echo(f"consentkit: looked at {built.pictures - built.damaged} of {built.pictures} pictures", err=True)
        raise typer.Exit(UNKNOWN)
