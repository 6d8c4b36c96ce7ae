"""The last checkpoint, kept outside the database, so that a restored backup cannot forget with it (law 7, law 9).

Order inside a turn of the publisher: this file first, then the database's row. A crash between leaves this file
ahead by a checkpoint over entries that are committed; the next turn finds it and writes the row.
"""

import os
from pathlib import Path

from django.conf import settings

from consentkit.checkpoints import Checkpoint, open_checkpoint
from consentkit.errors import Malformed
from registry.log.signer import verifier


def _path() -> Path:
    return Path(settings.CHECKPOINT_DIR) / "checkpoint"


def read() -> tuple[Checkpoint, str] | None:
    """The checkpoint and its note; None before the first. Raises BadProof or Malformed on a foreign or altered file."""
    try:
        note = _path().read_bytes().decode("utf-8")
    except FileNotFoundError:  # nothing was ever signed here
        return None
    except UnicodeDecodeError as error:  # written over
        raise Malformed("the checkpoint's file is not text") from error
    return open_checkpoint(note, verifier()), note


def replace(note: str) -> None:
    """Durably swap the file: written beside it, synced, renamed, and the folder synced."""
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="utf-8", newline="\n") as out:
        out.write(note)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
