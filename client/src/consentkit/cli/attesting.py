"""`attest` and `affected`: what a model was trained on, and what of it may no longer be used."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from consentkit.cli.checks import MEANING
from consentkit.cli.errors import EXCLUDED
from consentkit.cli.feed import progress_bar
from consentkit.cli.purposes import JsonOption

if TYPE_CHECKING:
    from consentkit.attesting import Affected


def attest(
    manifest: Annotated[
        Path, typer.Argument(metavar="MANIFEST", help="The OUT.manifest.json that `filter` wrote beside OUT.")
    ],
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="What the model is called.")],
    name: Annotated[str, typer.Option("--name", metavar="RUN", help="What the training run is called.")] = "",
    source: Annotated[
        Path | None, typer.Option("--input", metavar="IN", help="Where IN is, if it is not beside OUT.")
    ] = None,
    index: Annotated[
        Path | None, typer.Option("--index", metavar="DIR", help="The index that `filter` went by, if it did.")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Sign what was filtered, and register it: then later withdrawals in it reach you as notifications.

    The digests of IN and OUT, the counts, and those of OUT's keys that the registry knows are sent; no paths, no other
    rows. The answer, with its proof, is written to OUT.attested.json. The same again changes nothing.
    """
    from consentkit.registry import Registry

    with progress_bar("Attesting") as progress:
        done = Registry().attest(manifest, model=model, name=name, source=source, index=index, progress=progress)
    if as_json:
        typer.echo(json.dumps({"manifest": done.manifest, "index": done.index, "proved": done.receipt is not None}))
    else:
        proof = "proved by its receipt" if done.receipt else "not in a checkpoint yet"
        typer.echo(f"Attested as {done.manifest}, entry {done.index} of the log, {proof}.")


def affected(
    manifest: Annotated[
        str, typer.Argument(metavar="MANIFEST", help="A manifest's number, or the OUT.manifest.json that was attested.")
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """List what of an attested run may no longer be used. Exit code: 0 nothing, 3 something."""
    from consentkit.attesting import affected, number_of
    from consentkit.settings import Settings
    from consentkit.transport import Transport

    number, settings = number_of(manifest), Settings.read()
    with Transport(settings.require_url(), key=settings.require_key()) as transport:
        found = affected(transport, number)
        any_ = False
        for each in found.images:
            any_ = True
            typer.echo(_line(each) if as_json else f"{each.sha256}  {each.reason}: {_meaning(each)}")
    if as_json:
        typer.echo(json.dumps({"manifest": number, "counts": found.counts, "size": found.size}))
    else:
        counted = ", ".join(f"{count} {reason}" for reason, count in found.counts.items() if count)
        typer.echo(f"{counted or 'Nothing is affected'}, at log size {found.size}.")
    raise typer.Exit(EXCLUDED if any_ or any(found.counts.values()) else 0)


def _line(each: "Affected") -> str:
    return json.dumps({"image": each.image, "sha256": each.sha256, "reason": each.reason, "since": each.since})


def _meaning(each: "Affected") -> str:
    return f"{MEANING.get(each.reason, 'not permitted now')} (since entry {each.since})"
