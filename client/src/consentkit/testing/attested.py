"""What a simulated registry keeps of manifests, by the format of a real one."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Final
from uuid import UUID, uuid4

from consentkit import manifests
from consentkit.errors import BadSignature, Malformed
from consentkit.manifests import Statement
from consentkit.testing.history import Row
from consentkit.testing.refusals import Gone

SHOWN: Final = 20
_TOLD: Final = ("remove", "wait", "not_covered")


@dataclass
class Manifest:
    """One of them. `told`: the reason that stands told, by image."""

    id: str
    note: str
    statement: Statement
    images: tuple[UUID, ...]
    item: dict[str, Any]
    index: int = 0
    told: dict[UUID, str] | None = None


def read(body: bytes, *, stream: bool) -> tuple[str, list[bytes]]:
    """The note and the keys of a body, JSON or Arrow."""
    import json

    if not stream:
        said = json.loads(body)
        return said["statement"], [bytes.fromhex(key) for key in said["keys"]]
    import pyarrow as pa

    with pa.ipc.open_stream(BytesIO(body)) as reader:
        metadata = reader.schema.metadata or {}
        keys = [key for batch in reader for key in batch.column(0).to_pylist()]
    return metadata[b"statement"].decode(), keys


def made(note: str, keys: Iterable[bytes], rows: Mapping[UUID, Row], *, origin: str, size: int) -> Manifest:
    """The manifest of a body. Raises Gone, as a registry refuses."""
    try:
        statement, verifier = manifests.open_statement(note, origin=origin)
    except BadSignature as error:
        raise Gone(422, "statement-unsigned", str(error)) from error
    except Malformed as error:
        raise Gone(422, "statement-malformed", str(error)) from error
    keys = list(keys)
    if manifests.digest_of(keys) != statement.keys:
        raise Gone(422, "keys-differ", "Other keys came than were signed.")
    if statement.size > size:
        raise Gone(422, "size-ahead", f"The log has {size} entries.")
    wanted = set(keys)
    images = tuple(row.image for row in rows.values() if row.sha256 in wanted)
    if not images:
        raise Gone(422, "keys-not-ours", "The registry knows none of these keys.")
    number = str(uuid4())
    item = {
        "what": "attested",
        "manifest": number,
        "purpose": statement.purpose,
        "size": statement.size,
        "counts": asdict(statement.counts),
        "images": len(images),
        "statement": hashlib.sha256(note.encode()).hexdigest(),
        "verifier": str(verifier),
    }
    return Manifest(number, note, statement, images, item)


def affected(of: Manifest, rows: Mapping[UUID, Row], *, now: float) -> list[dict[str, Any]]:
    """What is not permitted now, by image."""
    found = []
    for image in sorted(of.images):
        until, reason = rows[image].standing[of.statement.purpose]
        if reason is None and (until or 0) <= now:
            reason = "not_covered"
        if reason is not None:
            found.append({**_image(rows[image], reason), "since": rows[image].act})
    return found


def news(of: Manifest, rows: Mapping[UUID, Row]) -> dict[str, Any] | None:
    """The notification of what was taken from it since the last look; None where nothing was."""
    told = of.told = of.told or {}
    fresh = []
    for image in sorted(of.images):
        reason = rows[image].standing[of.statement.purpose][1]
        if reason not in _TOLD:
            told.pop(image, None)
        elif image not in told or _TOLD.index(reason) < _TOLD.index(told[image]):
            told[image] = reason
            fresh.append(_image(rows[image], reason))
    if not fresh:
        return None
    number, at = str(uuid4()), datetime.now(UTC).isoformat().replace("+00:00", "Z")
    rest = f"/api/v1/notifications/{number}/images" if len(fresh) > SHOWN else None
    about = {"kind": "manifest", "manifest": of.id, "count": len(fresh), "images": fresh, "rest": rest}
    return {"id": number, "at": at, **about, "outcome": None}


def described(of: Manifest) -> dict[str, Any]:
    """As `GET manifests/{id}` answers."""
    statement = asdict(of.statement)
    return {
        "manifest": of.id,
        **{name: statement[name] for name in ("name", "model", "purpose", "counts", "reasons", "inputs", "outputs")},
        "filtered_size": of.statement.size,
        "keys": of.statement.keys.count,
        "images": len(of.images),
        "index": of.index,
        "receipt": f"/api/v1/manifests/{of.id}/receipt",
        "statement": of.note,
    }


def _image(row: Row, reason: str) -> dict[str, Any]:
    return {"image": str(row.image), "sha256": row.sha256.hex(), "reason": reason}
