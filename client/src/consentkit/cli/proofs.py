"""`verify` and `doctor`: what a receipt proves, and whether this machine is set up to ask."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from consentkit.cli.errors import ERROR
from consentkit.cli.purposes import AudienceOption, FeedOption, JsonOption
from consentkit.errors import ConsentkitError

if TYPE_CHECKING:
    from consentkit.receipts import Verified


def verify(
    receipt: Annotated[Path, typer.Argument(metavar="RECEIPT", help="The receipt's file.")],
    log_key: Annotated[
        str, typer.Option("--log-key", metavar="KEY", help="The log's verifier key; else CONSENTKIT_LOG_KEY.")
    ] = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """Prove, offline and with the log's key alone, what a receipt says."""
    from consentkit import receipts
    from consentkit.settings import parse_log_key

    # Not the other settings: a receipt is verified where nothing else is set, or set wrongly.
    verifier = parse_log_key(log_key or os.environ.get("CONSENTKIT_LOG_KEY", "").strip())
    try:
        data = receipt.read_bytes()
    except OSError as error:  # not there, or not to be read: nothing was proven or disproven
        raise ConsentkitError(f"{receipt} cannot be read: {error.strerror or error}") from error
    proven = receipts.verify(data, verifier)
    typer.echo(_line(proven, verifier.name) if as_json else _words(proven, verifier.name))


def doctor(feed: FeedOption = None, audience: AudienceOption = None, *, as_json: JsonOption = False) -> None:
    """Look at settings, key, network, log, clock and state, or at a feed, and say what to do about each."""
    from consentkit.doctor import examine, examine_feed

    findings = list(examine() if feed is None else examine_feed(feed, audience))
    for finding in findings:
        if as_json:
            typer.echo(json.dumps({"what": finding.what, "fine": finding.fine, "says": finding.says}))
        else:
            typer.echo(f"{'ok ' if finding.fine else 'BAD'}  {finding.what}: {finding.says}")
    raise typer.Exit(0 if all(finding.fine for finding in findings) else ERROR)


def _line(proven: "Verified", log: str) -> str:
    return json.dumps(
        {
            "log": log,
            "index": proven.index,
            "kind": proven.kind.value,
            "recorded_at": _time(proven.recorded_at),
            "size": proven.size,
            "items": proven.items,
        }
    )


def _words(proven: "Verified", log: str) -> str:
    what = proven.kind.value.replace("_", " ")
    items = [f"  - {json.dumps(item, ensure_ascii=True, sort_keys=True)}" for item in proven.items]
    return "\n".join(
        [
            f"The receipt holds. The log {log} recorded this act, signed over {proven.size} entries:",
            f"  act:      {what}",
            f"  recorded: {_time(proven.recorded_at)}",
            f"  entry:    {proven.index}",
            f"It was about {len(items)} {'item' if len(items) == 1 else 'items'} of this receipt:",
            *items,
        ]
    )


def _time(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):  # past the year 9999: signed all the same
        return f"{seconds} seconds after 1970"
