"""`check` and `hash`: single images, by digest, id or file."""

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from consentkit.cli.errors import ERROR, EXCLUDED, UNKNOWN
from consentkit.cli.purposes import JsonOption, PurposesOption
from consentkit.looking import VIEWS, MissingExtra, Unreadable, bits, look
from consentkit.settings import Misuse

if TYPE_CHECKING:
    from consentkit.checks import By, Decision
    from consentkit.purposes import Purposes

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
MEANING: Final = {
    "remove": "its permission was taken back: stop using it and delete it",
    "wait": "a case is open: do not use it until it is decided",
    "not_covered": "nothing permits it for this purpose",
}


class KeyKind(StrEnum):
    """What the keys are."""

    SHA256 = "sha256"
    IMAGE = "image"


def check(
    keys: Annotated[list[str], typer.Argument(metavar="KEY…", help="A SHA-256, an image's id, or a file.")],
    purposes: PurposesOption,
    by: Annotated[KeyKind | None, typer.Option(help="What the keys are; otherwise each says it by its form.")] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Ask the registry now. Exit code: 0 all permitted, 3 any excluded, 4 otherwise."""
    decisions = _ask([_recognised(key, by) for key in keys], purpose=purposes)
    for given, decision in zip(keys, decisions, strict=True):
        typer.echo(_line(given, decision) if as_json else _words(given, decision))
    raise typer.Exit(_code(decisions))


def hash_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Image files.")], *, as_json: JsonOption = False
) -> None:
    """Print the SHA-256 of each file, and its perceptual fingerprint where that extra is installed.

    With --json also its views, which are what `match` sends.
    """
    failed = False
    for path in files:
        try:
            digest = _sha256(path)
        except OSError as error:  # no such file, or not to be read: the others still can
            typer.echo(f"consentkit: {path}: {error.strerror or error}", err=True)
            failed = True
            continue
        try:
            phash, views = _fingerprints(path)
        except Unreadable as error:  # its digest holds all the same
            typer.echo(f"consentkit: {path}: {error}", err=True)
            failed, phash, views = True, None, None
        if as_json:
            typer.echo(json.dumps({"input": str(path), "sha256": digest, "phash256": phash, "views": views}))
        else:
            typer.echo("  ".join([digest, *([phash] if phash else []), str(path)]))
    raise typer.Exit(ERROR if failed else 0)


def _ask(asked: "list[tuple[By, str]]", *, purpose: "Purposes") -> "list[Decision]":
    """One question for each kind of key. Not by `Registry`, which needs the extra `filter`."""
    from consentkit import checks
    from consentkit.settings import Settings
    from consentkit.transport import Transport

    settings = Settings.read()
    answers: dict[tuple[By, str], Decision] = {}
    with Transport(settings.require_url(), key=settings.require_key()) as transport:
        for kind in dict.fromkeys(kind for kind, _ in asked):
            listed = [key for each, key in asked if each == kind]
            answer = checks.check(transport, listed, purpose=purpose, by=kind, at=datetime.now(UTC))
            answers |= {(kind, decision.key): decision for decision in answer.decisions}
    return [answers[each] for each in asked]


def _recognised(key: str, by: KeyKind | None) -> "tuple[By, str]":
    if by is None or by is KeyKind.SHA256:
        if _DIGEST.fullmatch(key):
            return "sha256", key
        if not (by is None and _UUID.fullmatch(key)) and Path(key).is_file():
            return "sha256", _sha256(Path(key))
    if by is not KeyKind.SHA256 and _UUID.fullmatch(key):
        return "image", key
    raise Misuse(f"{key!r} is no key: give 64 lower-case hex digits, an image's id in lower case, or a file")


def _line(given: str, decision: "Decision") -> str:
    return json.dumps(
        {
            "input": given,
            "decision": decision.decision,
            "reason": decision.reason,
            "matches": [],
            "size": decision.size,
        }
    )


def _words(given: str, decision: "Decision") -> str:
    meaning = MEANING.get(decision.reason or "", "")
    return f"{given}: {decision.decision}" + (f" ({decision.reason}: {meaning})" if meaning else "")


def _code(decisions: "Iterable[Decision]") -> int:
    words = {decision.decision for decision in decisions}
    if "excluded" in words:
        return EXCLUDED
    return 0 if words == {"permitted"} else UNKNOWN


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fingerprints(path: Path) -> tuple[str | None, str | None]:
    """`phash256` and the views in hex; neither without the extra, or for what is no picture. Raises Unreadable."""
    try:
        perceived = look(path)
    except MissingExtra:
        return None, None
    if perceived is None:
        return None, None
    return bits(perceived, "phash256").hex(), bits(perceived, VIEWS).hex()
