"""`match` and `notifications`: copies of protected pictures among one's files, and what was taken back later."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from consentkit.cli.checks import MEANING
from consentkit.cli.errors import EXCLUDED, UNKNOWN
from consentkit.cli.purposes import JsonOption, PurposesOption

if TYPE_CHECKING:
    from consentkit.matches import Found, Match
    from consentkit.notifications import ManifestNotification, Notification
    from consentkit.transport import Transport

_REASONS: Final = 20  # that are told, the most frequent first

notifications = typer.Typer(invoke_without_command=True)


class Outcome(StrEnum):
    """What was done: `notifications.OUTCOMES`, by a test."""

    DELETED = "deleted"
    EXCLUDED = "excluded"
    RETRAINED = "retrained"
    EXEMPT = "exempt"
    NOT_FOUND = "not_found"


def match(
    files: Annotated[list[Path], typer.Argument(metavar="FILE|FOLDER…", help="Pictures, and folders of them.")],
    purposes: PurposesOption,
    *,
    deposit: Annotated[
        bool,
        typer.Option(
            "--deposit",
            help="Also leave the fingerprints and names at the registry, which are personal data there. Each later "
            "withdrawal is compared with them, and `consentkit notifications` lists what it matched.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Find copies of protected pictures, altered or not, by fingerprints made on this machine.

    Only fingerprints leave it, and the names below the given folder. That nothing matched permits nothing. Exit code: 3
    any excluded; else 4 when not everything was looked at, here or by the registry; else 0.
    """
    from consentkit import matches

    codes, passed, count = {0}, Counter[str](), 0
    with _transport() as transport, _progress() as progress:
        answers = matches.match(transport, files, purpose=purposes, deposit=deposit, progress=progress)
        with closing(answers):
            for answer in answers:
                count += 1
                codes.add(_code(answer))
                passed.update([answer.problem] if answer.problem else [])
                _tell(answer, as_json=as_json)
    _report(count, passed)
    raise typer.Exit(next(code for code in (EXCLUDED, UNKNOWN, 0) if code in codes))


def _report(count: int, passed: Counter[str]) -> None:
    """How many of the files that are, or may be, pictures were looked at, and why the others were not."""
    typer.echo(f"consentkit: looked at {count - passed.total()} of {count} pictures", err=True)
    for problem, number in passed.most_common(_REASONS):
        typer.echo(f"consentkit: passed over {number}: {problem}", err=True)
    if len(passed) > _REASONS:
        typer.echo(f"consentkit: and others, for {len(passed) - _REASONS} more reasons", err=True)


@notifications.callback()
def listed(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """List what later withdrawals matched among your deposits, or took from what you attested, oldest first."""
    if context.invoked_subcommand:
        return
    from consentkit.notifications import notifications

    with _transport() as transport:
        for each in notifications(transport):
            typer.echo(_line(each) if as_json else _words(each))


@notifications.command("answer")
def answer(
    notification: Annotated[str, typer.Argument(metavar="ID", help="The notification's id.")],
    outcome: Annotated[Outcome, typer.Argument(metavar="OUTCOME", help=f"One of: {', '.join(Outcome)}.")],
) -> None:
    """Tell the registry what you did about it. It is recorded, once and for all."""
    from consentkit.notifications import answer

    with _transport() as transport:
        answer(transport, notification, outcome=outcome.value)
    typer.echo(f"Recorded: {outcome.value}.")


def _transport() -> "Transport":
    """Not by `Registry`, which needs the extra `filter`."""
    from consentkit.settings import Settings
    from consentkit.transport import Transport

    settings = Settings.read()
    return Transport(settings.require_url(), key=settings.require_key())


def _code(answer: "Match") -> int:
    if answer.decision == "excluded":
        return EXCLUDED
    return 0 if answer.complete else UNKNOWN


def _tell(answer: "Match", *, as_json: bool) -> None:
    path = _printable(str(answer.path))
    if answer.problem:
        typer.echo(f"consentkit: {path}: {answer.problem}", err=True)
    elif as_json:
        found = [_object(each) for each in answer.matches]
        told = {"decision": answer.decision, "reason": answer.reason, "matches": found, "size": answer.size}
        if not answer.complete:
            told |= {"compared": answer.compared, "protected": answer.protected}
        typer.echo(json.dumps({"input": str(answer.path), **told}))
    elif answer.reason:
        copies = "; ".join(f"{each.image} ({each.alteration}, {each.distance} bits off)" for each in answer.matches)
        typer.echo(f"{path}: {answer.decision} ({answer.reason}: {MEANING[answer.reason]}); a copy of {copies}")
    else:
        typer.echo(f"{path}: {answer.decision}; nothing matched{_so_far(answer)}")


def _so_far(answer: "Match") -> str:
    if answer.complete:
        return ""
    return f" so far: the registry compared {answer.compared} of {answer.protected} images; ask again later"


def _line(each: "Notification | ManifestNotification") -> str:
    from consentkit.notifications import Notification

    head = {"id": each.id, "at": _time(each)}
    if isinstance(each, Notification):
        about: dict[str, object] = {"kind": "copy", "key": each.key, **_object(each.found)}
    else:
        images = [vars(image) for image in each.images]
        about = {"kind": "manifest", "manifest": each.manifest, "count": each.count, "images": images}
    return json.dumps({**head, **about, "outcome": each.outcome})


def _words(each: "Notification | ManifestNotification") -> str:
    from consentkit.notifications import Notification

    if isinstance(each, Notification):
        key, found = _printable(each.key), each.found
        about = f"{key}: a copy ({found.alteration}) of {found.image}, which is protected now"
    else:
        images = "1 image" if each.count == 1 else f"{each.count} images"
        about = f"manifest {each.manifest}: {images} may no longer be used, {each.images[0].sha256} first"
    return f"{each.id}  {_time(each)}  {about}; {each.outcome or 'not answered yet'}"


def _object(found: "Found") -> dict[str, str | int]:
    return {"image": found.image, "distance": found.distance, "alteration": found.alteration}


def _time(each: "Notification | ManifestNotification") -> str:
    return each.at.isoformat().replace("+00:00", "Z")


def _printable(text: str) -> str:
    """A file's name can hold what moves the cursor, or is no text."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """A count on a terminal's stderr, unless the answers themselves appear on it."""
    if not sys.stderr.isatty() or sys.stdout.isatty():
        yield lambda _looked: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:,} files looked at"), TimeElapsedColumn())
    # Not redirected: rich would print our stdout on stderr.
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("", total=None)
        yield lambda looked: bar.update(task, completed=looked)
