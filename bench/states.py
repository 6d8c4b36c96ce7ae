"""A synced state of many random digests, signed as a registry would, and manifests of them."""

import time
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from consentkit.checkpoints import Checkpoint, sign_checkpoint
from consentkit.closes import Close, Part, PartList, sign_close, sign_list
from consentkit.notes import Signer
from consentkit.rows import Rows
from consentkit.scopes import WIRE_REASONS
from consentkit.state import Notes, State, Store

PURPOSE: Final = "ai_training"
YEAR, WEEK = 365 * 86_400, 7 * 86_400
HEX: Final = np.frombuffer(b"0123456789abcdef", np.uint8)

Digests = NDArray[np.uint8]


def digests(rows: int) -> Digests:
    """Rows × 32 random bytes, the same at each call."""
    return np.random.default_rng(1).integers(0, 256, (rows, 32), np.uint8)


def as_hex(some: Digests) -> Any:
    """An Arrow array of 64 hex digits each."""
    digits = np.stack([HEX[some >> 4], HEX[some & 15]], axis=2).reshape(-1)
    offsets = np.arange(0, len(digits) + 1, 64, dtype=np.int32)
    return pa.StringArray.from_buffers(len(some), pa.py_buffer(offsets), pa.py_buffer(digits))


def store(folder: Path) -> Store:
    """Where the state of this folder is kept."""
    return Store(folder, feed="registry.bench", secret="none")  # noqa: S106 - of nothing


def keep(folder: Path, of: Digests, permitted: NDArray[np.bool_]) -> str:
    """Saves a state in which these are permitted and the others withdrawn; the log's verifier key.

    The sum of the rows, which only a sync looks at, is left at zero.
    """
    now, signer = int(time.time()), Signer.generate("registry.bench/log")
    rows = Rows(
        (PURPOSE,),
        "research",
        of,
        np.random.default_rng(2).integers(0, 256, (len(of), 16), np.uint8),
        np.where(permitted, now + YEAR, 0)[None],
        np.where(permitted, 0, WIRE_REASONS.index("remove")).astype(np.uint8)[None],
    ).sorted()
    listed = PartList(str(uuid4()), "research", (PURPOSE,), 1, (Part("", "0" * 64, 1, len(of)),))
    notes = Notes(
        sign_checkpoint(Checkpoint(signer.name, 1, bytes(32)), signer),
        sign_close(Close(1, len(of), "0" * 64, cursor="none", issued_at=now, not_after=now + WEEK), signer),
        sign_list(listed, signer),
    )
    store(folder).folder.mkdir(parents=True)
    store(folder).save(State.opened(rows, notes, signer.verifier))
    return str(signer.verifier)
