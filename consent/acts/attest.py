"""Attest: a pipeline states what it trained a model on. What was withdrawn meanwhile, it is told with the same act."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import transaction

from consent.errors import (
    KeysDiffer,
    KeysNotOurs,
    PurposeNotCovered,
    PurposeUnknown,
    SizeAhead,
    SizeTooOld,
    StatementMalformed,
    StatementUnsigned,
)
from consent.exclusions.duties import DUTY
from consent.exclusions.feed import LASTS
from consent.models import Manifest, ManifestLook, Pipeline
from consent.models.notifications import in_commit_order
from consentkit import manifests
from consentkit.entries import Kind
from consentkit.errors import BadSignature, Malformed
from consentkit.manifests import KEY_BYTES, Statement
from consentkit.notes import Verifier
from consentkit.scopes import PURPOSES, scope
from registry.log.recorder import Act, head_size, record
from registry.log.signer import origin
from registry.models import Entry
from registry.models.bulk import ask, copy_fixed
from registry.rules.items import Item

KEPT: Final = "CREATE TEMPORARY TABLE attested_key (key bytea NOT NULL) ON COMMIT DROP"
# A digest may stand twice among the keys.
KNOWN: Final = f"""
    CREATE TEMPORARY TABLE attested_image ON COMMIT DROP AS
    SELECT standing.image_id AS image, {DUTY} AS duty FROM consent_standing standing
    WHERE collection_id = %(collection)s AND sha256 IN (SELECT key FROM attested_key)
    ORDER BY image_id
"""  # noqa: S608 - our own words
COUNTED: Final = "SELECT count(*), count(duty) FROM attested_image"
HOLD: Final = """
    INSERT INTO consent_manifestimage (manifest_id, image_id) SELECT %(manifest)s, image FROM attested_image
"""
TELL: Final = """
    WITH told AS (
        INSERT INTO consent_notification (id, pipeline_id, kind, key, alteration, manifest_id, act, count, created_at)
        VALUES (%(id)s, %(pipeline)s, 'manifest', '', '', %(manifest)s, %(act)s, %(count)s, %(at)s) RETURNING serial
    )
    INSERT INTO consent_notificationimage (notification_id, image_id, duty, over)
    SELECT serial, image, duty, false FROM told, attested_image WHERE duty IS NOT NULL
"""


@dataclass(frozen=True)
class Attested:
    """The manifest's number and its entry's index; `repeated` where just this statement was attested before."""

    manifest: UUID
    index: int
    repeated: bool = False


@transaction.atomic(durable=True)
def attest(pipeline: int, *, note: str, keys: Iterable[bytes], at: datetime) -> Attested:
    """Keep the statement with the images that its keys name. `keys`: digests of 32 bytes, any number a chunk.

    What was permitted at the statement's size is not judged again, but what an act stands against now is told at once.
    Raises StatementMalformed, StatementUnsigned, PurposeUnknown, PurposeNotCovered, SizeAhead, SizeTooOld, KeysDiffer
    or KeysNotOurs; whatever `keys` raises ends it as well.
    """
    statement, verifier = _opened(note)
    by = Pipeline.objects.get(serial=pipeline)
    _require_purpose(by, statement.purpose)
    digest = _locked(pipeline, note)
    known = Manifest.objects.filter(pipeline=pipeline, digest=digest).first()
    if known is not None:
        return Attested(known.id, Entry.objects.get(act=known.act).index, repeated=True)
    _require_recent(statement.size, at=at)
    _receive(statement, keys)
    # Of acts before this size the next statement sees the outcome; the first look begins with those after it.
    seen = head_size()
    images, against = _known(by, statement)
    act = Act.begin(Kind.MANIFEST_ATTESTED, at=at)
    kept = _keep(act, by, statement, Manifest(note=note, verifier=str(verifier), digest=digest, images=images))
    ManifestLook(manifest=kept, size=seen).save(force_insert=True)
    ask(HOLD, {"manifest": kept.serial})
    if against:
        in_commit_order()
        told = {"id": uuid4(), "pipeline": pipeline, "manifest": kept.serial, "act": act.id, "count": against}
        ask(TELL, told | {"at": at})
    return Attested(kept.id, record(act, [_item(kept, by, statement, verifier)]).index)


def _opened(note: str) -> tuple[Statement, Verifier]:
    try:
        return manifests.open_statement(note, origin=origin())
    except BadSignature as error:  # altered after it was signed, or signed by another key
        raise StatementUnsigned(f"{error}.") from error
    except Malformed as error:  # no note, no statement, or about another registry
        raise StatementMalformed(f"This is no statement that we read: {error}.") from error


def _require_purpose(by: Pipeline, purpose: str) -> None:
    if purpose not in PURPOSES:
        raise PurposeUnknown(f"The purposes are {', '.join(PURPOSES)}.")
    if purpose not in by.purposes:
        raise PurposeNotCovered(f"This key is for {', '.join(by.purposes)}.")


def _locked(pipeline: int, note: str) -> bytes:
    """The note's digest. The same statement sent twice at once waits here, and finds the first."""
    digest = hashlib.sha256(note.encode()).digest()
    word = hashlib.sha256(b"attest" + pipeline.to_bytes(8) + digest).digest()[:8]
    ask("SELECT pg_advisory_xact_lock(%(word)s)", {"word": int.from_bytes(word, signed=True)})
    return digest


def _require_recent(size: int, *, at: datetime) -> None:
    """A size was the newest until the entry of that index came: whatever was signed of it has ended a lease later."""
    if size > (head := head_size()):
        raise SizeAhead(f"The log has {head} entries, and the statement says {size}.")
    next_one = Entry.objects.filter(index=size).first()
    if next_one is not None and at - next_one.recorded_at > timedelta(seconds=LASTS):
        raise SizeTooOld(f"The state at size {size} was good for 7 days at most, and they are over.")


def _receive(statement: Statement, keys: Iterable[bytes]) -> None:
    digest, count = hashlib.sha256(), 0

    def read() -> Iterator[bytes]:
        nonlocal count
        for chunk in keys:
            digest.update(chunk)
            count += len(chunk) // KEY_BYTES
            yield chunk

    ask(KEPT, {})
    copy_fixed("attested_key", "key", read(), width=KEY_BYTES)
    signed = statement.keys
    if (count, digest.hexdigest()) != (signed.count, signed.sha256):
        raise KeysDiffer(f"{count:,} keys came, and they are not the {signed.count:,} that were signed.")


def _known(by: Pipeline, statement: Statement) -> tuple[int, int]:
    """How many images the keys name, and against how many of them an act stands."""
    position = scope(statement.purpose, by.audience) + 1
    ask(KNOWN, {"collection": by.collection_id, "position": position})
    (((images, against),),) = ask(COUNTED, {})
    if not images:
        raise KeysNotOurs("The registry knows none of these keys: they are the SHA-256 of image files.")
    return images, against


def _keep(act: Act, by: Pipeline, statement: Statement, manifest: Manifest) -> Manifest:
    for name, value in asdict(statement.counts).items():
        setattr(manifest, name, value)
    manifest.pipeline, manifest.act, manifest.attested_at = by, act.id, act.at
    manifest.name, manifest.model = statement.name, statement.model
    manifest.purpose, manifest.size = statement.purpose, statement.size
    manifest.reasons, manifest.sent = dict(statement.reasons), statement.keys.count
    manifest.inputs = [asdict(each) for each in statement.inputs]
    manifest.outputs = [asdict(each) for each in statement.outputs]
    manifest.save(force_insert=True)
    return manifest


def _item(kept: Manifest, by: Pipeline, statement: Statement, verifier: Verifier) -> Item:
    """What the log commits to. Names of files, runs and models stay in the statement, which its digest pins."""
    said: dict[str, Any] = {
        "manifest": str(kept.id),
        "pipeline": str(by.id),
        "purpose": statement.purpose,
        "size": statement.size,
        "counts": asdict(statement.counts),
        "keys": asdict(statement.keys),
        "images": kept.images,
        "inputs": [each.sha256 for each in statement.inputs],
        "outputs": [each.sha256 for each in statement.outputs],
        "statement": kept.digest.hex(),
        "verifier": str(verifier),
    }
    return Item("attested", particulars=said)
