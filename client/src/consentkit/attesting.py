"""Attests what was filtered, and asks what of it may no longer be used: `POST manifests` and `…/affected`.

Memory stays constant: keys go by a temporary file, from which they are signed first and sent then.
"""

import hashlib
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Literal

import pyarrow as pa

from consentkit import canonical, filtered, receipts
from consentkit.errors import BadProof, ConsentkitError, Malformed
from consentkit.filtered import Filtered, Stamp
from consentkit.indexing.index import Index
from consentkit.indexing.joined import Joined
from consentkit.lookup import Lookup
from consentkit.manifests import KEY_BYTES, Keys, Made, Statement, digest_of, open_statement, sign_statement
from consentkit.notes import Signer
from consentkit.settings import Misuse
from consentkit.sources.appearing import appearing
from consentkit.sources.batches import Unreadable, ahead, printable
from consentkit.sources.kinds import parts_in, source_of
from consentkit.state import State
from consentkit.transport import Refused, Transport

SUFFIX: Final = ".attested.json"
VERSION: Final = 1
Progress = Callable[[int, int], None]
Reason = Literal["remove", "wait", "not_covered", "unknown"]

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_REASONS: Final = ("remove", "wait", "not_covered", "unknown")
_STREAM: Final = "application/vnd.apache.arrow.stream"
_KEYS_AT_ONCE: Final = 100_000
_CHUNK: Final = 1 << 20
_SECONDS: Final = 600  # ten million keys take a registry minutes
_RECEIPT_SECONDS: Final = 5
_ACCEPTED: Final = 202


class Changed(ConsentkitError):
    """What was filtered is not what lies there now."""


@dataclass(frozen=True)
class Attested:
    """The manifest's number and its entry's index. `receipt`: the proof of it; None where it was not published yet."""

    manifest: str
    index: int
    statement: str
    receipt: str | None


@dataclass(frozen=True)
class Affected:
    """An image of a manifest that may no longer be used; `since`: the index of the act that last changed it."""

    image: str
    sha256: str
    reason: Reason
    since: int


@dataclass(frozen=True)
class Affecting:
    """How many of a manifest may no longer be used, by reason, true at `size`; `images` are read while iterated."""

    size: int
    counts: dict[str, int]
    images: Iterator[Affected]


@dataclass(frozen=True)
class Run:
    """The training that is attested: its model's name, its own, where IN is, if not beside OUT, and the index that
    `filter` went by.
    """

    model: str
    name: str = ""
    source: Path | None = None
    index: Path | None = None


def attest(
    transport: Transport,
    manifest: Path,
    *,
    run: Run,
    state: State,
    signer: Signer,
    progress: Progress = lambda _done, _of: None,
) -> Attested:
    """Signs what `filter` wrote beside OUT, registers it with OUT's keys that the state knows, and keeps the answer.

    Raises Changed where IN or OUT are not as they were, Misuse, Unreadable, Malformed, BadProof, Unreachable.
    """
    said, out = filtered.read(manifest), filtered.out_of(manifest)
    source, index = _source(said, out, run.source), _index(said, run.index)
    if len(said.purposes) > 1:
        raise Misuse(
            f"{manifest} was filtered for several purposes, and what is attested names one: filter OUT again for the "
            "purpose of the run, to another place, and attest that"
        )
    if said.log != state.trust.verifier.name:
        raise Misuse(f"{manifest} was filtered by another registry, whose log is {said.log}")
    done, total = 0, said.input.bytes + 2 * said.output.bytes

    def read(count: int) -> None:
        nonlocal done
        done += count
        progress(min(done, total), total)

    inputs, outputs = _made(source, said.input, read), _made(out, said.output, read)
    with tempfile.TemporaryFile() as keys:
        signed = _spool(out, said, _lookup(said, state, index), keys, read)
        _require(out, said.output)
        statement = _statement(said, run, inputs, outputs, signed)
        note = _signed(statement, signer, origin=said.log)
        answer = _send(transport, note, keys)
    attested = _proved(transport, answer, note, state)
    _keep(out, attested)
    return attested


def affected(transport: Transport, manifest: str) -> Affecting:
    """Of a manifest by its number. Raises Misuse, Unreachable, or Malformed; the images may raise the same."""
    if not _UUID.fullmatch(manifest):
        raise Misuse(f"{manifest!r} is no manifest: give its number, or the OUT{filtered.SUFFIX} that was attested")
    first = transport.get(f"manifests/{manifest}/affected", patience=_SECONDS)
    if not isinstance(first, dict):
        raise Malformed("the registry said nothing of what is affected")
    counts = dict(zip(_REASONS, map(canonical.whole, canonical.fields(first.get("counts"), *_REASONS)), strict=True))
    return Affecting(canonical.whole(first.get("size")), counts, _pages(transport, manifest, first))


def number_of(given: str) -> str:
    """A manifest's number: as it is, or of what was attested of a file. Raises Misuse, Unreadable, Malformed."""
    if _UUID.fullmatch(given):
        return given
    path = Path(given)
    if not path.name.endswith(SUFFIX):
        path = _beside(filtered.out_of(path))
    try:
        said = canonical.decode(path.read_bytes().removesuffix(b"\n"))
    except OSError as error:  # never attested
        raise Unreadable(f"{path} cannot be read ({error.strerror}): attest it first, or give the number") from error
    manifest = said.get("manifest") if isinstance(said, dict) else None
    if not isinstance(manifest, str) or not _UUID.fullmatch(manifest):
        raise Malformed(f"{path} is not what `consentkit attest` wrote")
    return manifest


# What is stated


def _source(said: Filtered, out: Path, given: Path | None) -> Path:
    source = given or out.with_name(said.input.name)
    if not source.exists():
        raise Misuse(f"{said.input.name} is not beside OUT: say where it is, with --input PATH")
    if source.resolve().name != said.input.name:
        raise Misuse(f"{source} is not what was filtered: that was {said.input.name}")
    return source


def _require(path: Path, stamp: Stamp) -> None:
    found = Stamp.of(path)
    if (found.files, found.bytes, found.modified) != (stamp.files, stamp.bytes, stamp.modified):
        raise Changed(f"{path} has changed since it was filtered: filter again, and attest that")


def _made(path: Path, stamp: Stamp, read: Callable[[int], None]) -> tuple[Made, ...]:
    """As it stood when it was filtered, before and after it is digested."""
    _require(path, stamp)
    if path.is_dir():
        whole = hashlib.sha256()
        for file in filtered.files_in(path):
            name = printable(str(file.relative_to(path)))
            whole.update(f"{_digest(file, read)}  {name}\n".encode())
        sha256 = whole.hexdigest()
    else:
        sha256 = _digest(path, read)
    _require(path, stamp)
    return (Made(stamp.name, stamp.files, stamp.bytes, sha256),)


def _digest(path: Path, read: Callable[[int], None]) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                read(len(chunk))
    except OSError as error:  # no permission, gone meanwhile
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def _index(said: Filtered, given: Path | None) -> Index | None:
    """The index that OUT was filtered by: without it, keys that only it knows would not be told. Raises Misuse."""
    index = None if given is None else Index.open(given)
    if (index.digest if index else None) != said.index:
        raise Misuse(
            "OUT was filtered by an index: give it by --index, as it was then, or filter again"
            if said.index
            else "OUT was not filtered by this index: leave --index away, or filter again"
        )
    return index


def _lookup(said: Filtered, state: State, index: Index | None) -> Lookup | Joined:
    lookup = Lookup(state.rows, purpose=said.purposes, at=time.time())
    return Joined(lookup, index) if index else lookup


def _spool(out: Path, said: Filtered, lookup: Lookup | Joined, into: IO[bytes], read: Callable[[int], None]) -> Keys:
    """OUT's digests that the registry has a row for, whatever it says: those are what it can tell about later."""
    unread = 0
    for path in [out / name for name in parts_in(out)] or [out]:
        source, size, before = source_of(path, key=said.key, scope=None), Stamp.of(path).bytes, 0
        for batch in ahead(source.asked()):
            unread += int(batch.keys.unreadable.sum())
            into.write(lookup.known(batch.keys).tobytes())
            read(size * (batch.done - before) // max(source.total, 1))
            before = batch.done
    if unread > said.unreadable:
        raise ConsentkitError(
            f"{unread} keys in {out} cannot be read, so nobody could tell about these images later: filter again"
        )
    found = digest_of(_chunks(into))
    if not found.count:
        raise ConsentkitError(f"there is nothing to attest: the registry knows none of the keys in {out}")
    return found


def _chunks(keys: IO[bytes]) -> Iterator[bytes]:
    keys.seek(0)
    while chunk := keys.read(_KEYS_AT_ONCE * KEY_BYTES):
        yield chunk


def _statement(said: Filtered, run: Run, inputs: tuple[Made, ...], outputs: tuple[Made, ...], keys: Keys) -> Statement:
    return Statement(
        name=run.name,
        model=run.model,
        purpose=said.purposes[0],
        size=said.size,
        key=said.key,
        scope=said.scope,
        inputs=inputs,
        outputs=outputs,
        counts=said.counts,
        reasons=said.reasons,
        filtered_at=said.filtered_at,
        keys=keys,
    )


def _signed(statement: Statement, signer: Signer, *, origin: str) -> str:
    note = sign_statement(statement, signer, origin=origin)
    try:
        open_statement(note, origin=origin)
    except Malformed as error:  # an empty name, or one that no file should have
        raise Misuse(f"this cannot be attested: {error}") from error
    return note


# How it is sent, and what comes back


def _send(transport: Transport, note: str, keys: IO[bytes]) -> Any:
    with tempfile.TemporaryFile() as body:
        schema = pa.schema([("key", pa.binary(KEY_BYTES))], metadata={"statement": note})
        with pa.ipc.new_stream(body, schema) as writer:
            for chunk in _chunks(keys):
                count = len(chunk) // KEY_BYTES
                column = pa.FixedSizeBinaryArray.from_buffers(pa.binary(KEY_BYTES), count, [None, pa.py_buffer(chunk)])
                writer.write_batch(pa.record_batch([column], schema=schema))
        return transport.post_file("manifests", body, kind=_STREAM, seconds=_SECONDS)


def _proved(transport: Transport, answer: Any, note: str, state: State) -> Attested:
    manifest = answer.get("manifest") if isinstance(answer, dict) else None
    if not isinstance(manifest, str) or not _UUID.fullmatch(manifest):
        raise Malformed("the registry gave the manifest no number")
    index = canonical.whole(answer.get("index"))
    receipt = _receipt(transport, manifest)
    if receipt is not None:
        proven = receipts.verify(receipt, state.trust.verifier)
        pinned = [item.get("statement") for item in proven.items]
        if proven.index != index or pinned != [hashlib.sha256(note.encode()).hexdigest()]:
            raise BadProof("the registry's receipt is not for what was attested")
    return Attested(manifest, index, note, None if receipt is None else receipt.decode())


def _receipt(transport: Transport, manifest: str) -> bytes | None:
    """Waits a little for the checkpoint that covers it."""
    end = time.monotonic() + _RECEIPT_SECONDS
    while True:
        try:
            return transport.read(f"manifests/{manifest}/receipt")
        except Refused as waits:
            if waits.status != _ACCEPTED:
                raise
        if time.monotonic() > end:
            return None
        time.sleep(0.2)


def _keep(out: Path, attested: Attested) -> None:
    said = {
        "index": attested.index,
        "manifest": attested.manifest,
        "receipt": attested.receipt,
        "statement": attested.statement,
        "v": VERSION,
    }
    with appearing(_beside(out)) as partial:
        partial.write_bytes(canonical.encode(said) + b"\n")


def _beside(out: Path) -> Path:
    return out.with_name(out.name + SUFFIX)


# What is affected


def _pages(transport: Transport, manifest: str, page: Any) -> Iterator[Affected]:
    after = ""
    while True:
        for value in canonical.array(page.get("images")):
            yield (found := _affected(value))
            if found.image <= after:
                raise Malformed("the registry's list of what is affected leads back")
            after = found.image
        if page.get("next") is None:
            return
        if page["next"] != after:
            raise Malformed("the registry's list of what is affected goes on elsewhere")
        page = transport.get(f"manifests/{manifest}/affected", query={"after": after}, patience=_SECONDS)
        if not isinstance(page, dict):
            raise Malformed("the registry's list of what is affected breaks off")


def _affected(value: Any) -> Affected:
    image, sha256, reason, since = canonical.fields(value, "image", "sha256", "reason", "since")
    if not _UUID.fullmatch(canonical.text(image)) or reason not in _REASONS:
        raise Malformed("an image that is affected has a number, and a reason that we know")
    return Affected(image, canonical.from_hex(sha256, size=KEY_BYTES).hex(), reason, canonical.whole(since))
