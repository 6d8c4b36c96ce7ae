"""POST manifests and what became of them: what a pipeline trained on, and what of it may no longer be used."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import IO, Any, Final
from uuid import UUID

import numpy as np
from django.http import HttpResponse
from rest_framework.request import Request

from consent.acts.attest import Attested, attest
from consent.reads.manifests import Attestation, affected, manifests, receipt_of
from consent.reads.manifests import manifest as read
from consentkit.manifests import KEY_BYTES, REASONS
from service.api import described as d
from service.api import forms, streams
from service.api.doors import PAGE, PipelineDoor, answer, written
from service.nudge import nudger
from service.problems import Problem

MOST_JSON: Final = 100_000
MOST: Final = 10_000_000
BODY_BYTES: Final = 8 * 2**20
STREAM_BYTES: Final = 512 * 2**20
DIGESTS: Final[streams.Kind] = (
    "fixed-size binaries of 32 bytes",
    lambda kind: str(kind) == f"fixed_size_binary[{KEY_BYTES}]",
)

NUMBER: Final = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
DIGEST: Final = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
STATEMENT: Final = (
    "registry.example/log/manifest\n"
    '{"counts":{…},"filtered_at":1767225600,"inputs":[…],"key":null,"keys":{…},"model":"face-1","name":"run 7",'
    '"outputs":[…],"purpose":"ai_training","reasons":{…},"scope":null,"size":1042,"v":1,"verifier":"…"}\n'
    "\n— pipeline-1f0c3b7a …\n"
)
SENT: Final = d.shown(
    d.thing(
        {
            "statement": {
                "type": "string",
                "description": "A C2SP signed note, as `consentkit attest` makes it (see its README).",
            },
            "keys": d.many(d.DIGEST, minItems=1, maxItems=MOST_JSON),
        }
    ),
    {"statement": STATEMENT, "keys": [DIGEST]},
)
DONE: Final = d.shown(
    d.thing({"manifest": d.NUMBER, "index": d.WHOLE, "receipt": d.TEXT}),
    {"manifest": NUMBER, "index": 1043, "receipt": f"/api/v1/manifests/{NUMBER}/receipt"},
)
MADE: Final = d.thing({"name": d.TEXT, "files": d.WHOLE, "bytes": d.WHOLE, "sha256": d.DIGEST})
COUNTS: Final = d.thing(dict.fromkeys(("rows", "kept", "excluded", "unknown", "out_of_scope"), d.WHOLE))
MANIFEST_FIELDS: Final[dict[str, d.Schema]] = {
    "manifest": d.NUMBER,
    "name": d.TEXT,
    "model": d.TEXT,
    "purpose": d.PURPOSE,
    "filtered_size": {**d.WHOLE, "description": "The log's size that it was filtered at."},
    "counts": COUNTS,
    "reasons": d.thing(dict.fromkeys(REASONS, d.WHOLE)),
    "inputs": d.many(MADE),
    "outputs": d.many(MADE),
    "keys": {**d.WHOLE, "description": "How many digests came with it."},
    "images": {**d.WHOLE, "description": "How many images the registry knew of them."},
    "attested_at": d.TIME,
    "index": d.WHOLE,
    "receipt": d.TEXT,
}
EXAMPLE: Final[dict[str, Any]] = {
    "manifest": NUMBER,
    "name": "run 7",
    "model": "face-1",
    "purpose": "ai_training",
    "filtered_size": 1042,
    "counts": {"rows": 1000, "kept": 800, "excluded": 150, "unknown": 50, "out_of_scope": 0},
    "reasons": {"not_covered": 100, "remove": 40, "wait": 10},
    "inputs": [{"name": "train.parquet", "files": 1, "bytes": 48213, "sha256": DIGEST}],
    "outputs": [{"name": "permitted.parquet", "files": 1, "bytes": 38570, "sha256": DIGEST}],
    "keys": 800,
    "images": 800,
    "attested_at": "2026-05-01T12:00:00Z",
    "index": 1043,
    "receipt": f"/api/v1/manifests/{NUMBER}/receipt",
}
LIST: Final = d.shown(
    d.thing({"size": d.WHOLE, "manifests": d.many(d.thing(MANIFEST_FIELDS), maxItems=PAGE), "next": d.WHOLE}),
    {"size": 1044, "manifests": [EXAMPLE], "next": 1},
)
ONE: Final = d.shown(
    d.thing({"size": d.WHOLE, **MANIFEST_FIELDS, "statement": d.TEXT}),
    {"size": 1044, **EXAMPLE, "statement": STATEMENT},
)
TOLD: Final = {"type": "string", "enum": ["remove", "wait", "not_covered", "unknown"]}
AFFECTED: Final = d.shown(
    d.thing(
        {
            "size": d.WHOLE,
            "images": d.many(
                d.thing({"image": d.NUMBER, "sha256": d.DIGEST, "reason": TOLD, "since": d.WHOLE}), maxItems=PAGE
            ),
            "next": d.maybe({**d.NUMBER, "description": "Go on behind this image; null at the end."}),
        },
        counts=d.thing(dict.fromkeys(("remove", "wait", "not_covered", "unknown"), d.WHOLE)),
    ),
    {
        "size": 1051,
        "counts": {"remove": 1, "wait": 0, "not_covered": 0, "unknown": 0},
        "images": [
            {"image": "0f8fad5b-d9cb-469f-a165-70867728950e", "sha256": DIGEST, "reason": "remove", "since": 1050}
        ],
        "next": None,
    },
)
LIMIT: Final = {"type": "integer", "minimum": 1, "maximum": PAGE}


@dataclass(frozen=True)
class Sent:
    """The body of a manifest, as JSON."""

    statement: str = field(metadata=forms.by(forms.text))
    keys: list[str] = field(metadata=forms.by(forms.strings))


@dataclass(frozen=True)
class Said:
    """What the metadata of a stream's schema says."""

    statement: str = field(metadata=forms.by(forms.text))


class Manifests(PipelineDoor):
    """Attest one; list them."""

    body_bytes = BODY_BYTES
    query = ("after", "limit")

    @d.described(
        "attest",
        "State what a model was trained on: 201. The same statement again: 200 and the same body.",
        body={"application/json": SENT, streams.MEDIA_TYPE: d.FILE},
        answers={200: DONE, 201: DONE},
        problems=(413, 415),
    )
    def post(self, request: Request) -> HttpResponse:
        if request.GET:
            raise Problem("request-ambiguous", "The body says it all.")
        done = self._streamed(request) if streams.is_stream(request) else self._listed()
        nudger.look_over()
        nudger.deliver()  # of what was taken before it was attested
        body = {"manifest": str(done.manifest), "index": done.index, "receipt": _receipt_path(done.manifest)}
        return answer(body, status=200 if done.repeated else 201)

    @d.described(
        "manifests",
        "What you have attested, oldest first. `next` is where to go on.",
        answers={200: LIST},
        parameters={"after": d.AFTER, "limit": LIMIT},
    )
    def get(self, request: Request) -> HttpResponse:
        after = forms.digits("after", request.GET.get("after", "0"))
        found = manifests(self.asker, after=after, limit=self.page_size())
        return answer({"size": found.size, "manifests": [_told(each) for each in found.manifests], "next": found.next})

    def _listed(self) -> Attested:
        sent = self.form(Sent)
        if not sent.keys:
            raise Problem("bulk-empty", "Send at least one key.")
        if len(sent.keys) > MOST_JSON:
            raise Problem("bulk-too-large", f"Send at most {MOST_JSON:,} keys at once, or an Arrow stream.")
        forms.require_form(sent.keys, forms.SHA256)
        keys = [bytes.fromhex("".join(sent.keys))]
        return attest(self.asker.serial, note=sent.statement, keys=keys, at=self.at)

    def _streamed(self, request: Request) -> Attested:
        with streams.spooled(request, most=STREAM_BYTES) as file:
            self.arrived()
            schema = streams.schema_of(file, {"key": DIGESTS})
            said = streams.said(schema, {}, Said)
            return attest(self.asker.serial, note=said.statement, keys=_keys(file, schema), at=self.at)


class Manifest(PipelineDoor):
    """What was attested."""

    @d.described("manifest", "What was attested.", answers={200: ONE}, problems=(404,))
    def get(self, request: Request, manifest: UUID) -> HttpResponse:  # noqa: ARG002 - DRF's signature
        size, found = read(self.asker, manifest)
        return answer({"size": size, **_told(found), "statement": found.statement})


class Receipt(PipelineDoor):
    """The proof that it stands in the log."""

    @d.described(
        "manifest_receipt",
        "The receipt of a manifest's entry (c2sp.org/tlog-proof); 202 until a checkpoint covers it.",
        answers={200: d.TEXT, 202: d.shown(d.thing({"state": d.TEXT}), {"state": "recorded"})},
        problems=(404,),
        media_type="text/plain",
    )
    def get(self, request: Request, manifest: UUID) -> HttpResponse:  # noqa: ARG002 - DRF's signature
        found = receipt_of(self.asker, manifest)
        if found is None:
            return answer({"state": "recorded"}, status=202, headers={"Retry-After": "1"})
        return HttpResponse(found, content_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"})


class Affected(PipelineDoor):
    """What of it may no longer be used today."""

    query = ("after", "limit")

    @d.described(
        "affected",
        "What of a manifest is not permitted now, by image; counts over all of it with the first page.",
        answers={200: AFFECTED},
        parameters={"after": d.NUMBER, "limit": LIMIT},
        problems=(404,),
    )
    def get(self, request: Request, manifest: UUID) -> HttpResponse:
        named = request.GET.get("after")
        after = forms.number("after", named) if named is not None else None
        found = affected(self.asker, manifest, after=after, limit=self.page_size(), at=self.at)
        images = [{**asdict(each), "image": str(each.image)} for each in found.images]
        counts = {} if found.counts is None else {"counts": found.counts}
        end = None if found.next is None else str(found.next)
        return answer({"size": found.size, **counts, "images": images, "next": end})


def _keys(file: IO[bytes], schema: Any) -> Iterator[bytes]:
    """The digests of the one column, a batch a chunk."""
    seen = 0
    for batch in streams.batches(file, schema):
        column = batch.column(0)
        if column.null_count:
            position = seen + column.is_null().to_pylist().index(True)
            raise Problem("digest-malformed", f"Key {position} is null.", position=position)
        seen += len(column)
        if seen > MOST:
            raise Problem("bulk-too-large", f"Send at most {MOST:,} keys at once.")
        held = np.frombuffer(column.buffers()[1] or b"", np.uint8)
        yield held[column.offset * KEY_BYTES : (column.offset + len(column)) * KEY_BYTES].tobytes()
    if not seen:
        raise Problem("bulk-empty", "Send at least one key.")


def _receipt_path(manifest: UUID) -> str:
    return f"/api/v1/manifests/{manifest}/receipt"


def _told(of: Attestation) -> dict[str, Any]:
    return {
        "manifest": str(of.id),
        "name": of.name,
        "model": of.model,
        "purpose": of.purpose,
        "filtered_size": of.size,
        "counts": of.counts,
        "reasons": of.reasons,
        "inputs": of.inputs,
        "outputs": of.outputs,
        "keys": of.sent,
        "images": of.images,
        "attested_at": written(of.at),
        "index": of.index,
        "receipt": _receipt_path(of.id),
    }
