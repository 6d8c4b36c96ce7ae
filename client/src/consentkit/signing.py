"""The key by which this machine signs what it attests: made on first use, and readable by nobody else."""

import os
import secrets
from pathlib import Path
from typing import Final

from consentkit.errors import Malformed
from consentkit.notes import Signer
from consentkit.settings import Misuse

_FILE: Final = "signing.key"
_OTHERS: Final = 0o077


def signer(home: Path) -> Signer:
    """Raises Misuse for a key that others can read, or that is none."""
    path = home / _FILE
    if not path.exists():
        _make(path)
    if os.name == "posix" and path.stat().st_mode & _OTHERS:
        raise Misuse(f"{path} can be read by others: run chmod 600 on it")
    try:
        return Signer.parse(path.read_text("ascii").strip())
    except (Malformed, UnicodeDecodeError) as error:  # cut, or written over
        raise Misuse(f"{path} is no signing key: remove it, and a new one is made") from error


def _make(path: Path) -> None:
    """Whole or not at all, and once: of two that make it at one moment, the first stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(Signer.generate(f"pipeline-{secrets.token_hex(4)}").encode() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)
    except FileExistsError:  # somebody was faster
        pass
    finally:
        fresh.unlink()
