"""A registry simulator: a real HTTP server on 127.0.0.1, with a log that it signs, which lies when told to."""

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from uuid import UUID, uuid4

from consentkit import canonical, merkle, tiles
from consentkit.checkpoints import Checkpoint, open_checkpoint, sign_checkpoint
from consentkit.closes import Close, Part, PartList, open_close, sign_close, sign_list
from consentkit.entries import SALT_BYTES, Kind, Leaf, commitment
from consentkit.errors import Malformed
from consentkit.notes import Signer
from consentkit.published import WHAT, Logged, particulars
from consentkit.receipts import OpenedItem, Receipt
from consentkit.testing import attested
from consentkit.testing.copies import Copies
from consentkit.testing.history import Act, Row, Standing, digest, rows_at
from consentkit.testing.parts import parquet
from consentkit.testing.refusals import Gone
from consentkit.testing.server import door

TERM: Final = 604_800
LEASE: Final = 900
PUBLISHED: Final = Kind.SNAPSHOT_PUBLISHED
YEAR: Final = 365 * 86_400


class Simulator:
    """One registry with one collection and one key. Use it in a `with`; it is at `url` until the end.

    Everything it says is true until a method makes it lie: `forget_last`, `fork`, `go_stale`,
    `drop_row_from_delta`, `corrupt_part`, `cut_part`, `swap_columns`, `lie_in_close`, `show_another_list`,
    `spoil_matches`, `answer`.
    """

    def __init__(
        self, *, purposes: Sequence[str] = ("ai_training",), audience: str = "research", page_rows: int = 5_000
    ) -> None:
        self.purposes = tuple(purposes)
        self.audience = audience
        self.page_rows = page_rows
        self.signer = Signer.generate("registry.test/log")
        self.key = secrets.token_urlsafe(32)
        self.key_ends = ""
        """When the key ends, RFC 3339, as each answer to it says; empty: not said."""
        self.publish_after = 0.0
        """Seconds from an act until a checkpoint covers it, for acts to come."""
        self.requests: list[str] = []
        self.shown: list[str] = []
        self.copies = Copies()
        self.manifests: dict[str, attested.Manifest] = {}
        """What was attested, by number."""
        self._collection = str(uuid4())
        self._secret = secrets.token_bytes(32)
        self._acts: list[Act] = []
        self._public: list[float] = []
        self._parts: dict[str, bytes] = {}
        self._salts: dict[int, bytes] = {}
        self._offered: tuple[Any, dict[str, Any]] | None = None
        self._shift = 0
        self._faults: set[str] = set()
        self._status: int | None = None
        self._spoil: Callable[[dict[str, Any]], object] = lambda _answer: None

    # To be asked

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), door(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def log_key(self) -> str:
        """The log's verifier key."""
        return str(self.signer.verifier)

    @property
    def size(self) -> int:
        """How many entries its log has."""
        return len(self._acts)

    # What happens

    def grant(
        self, sha256: str | Iterable[str], *, until: int | None = None, purposes: Sequence[str] = ()
    ) -> list[UUID]:
        """One act: an image for each digest, permitted until then (default: a year from now)."""
        digests = [sha256] if isinstance(sha256, str) else list(sha256)
        end = int(time.time()) + YEAR if until is None else until
        for_these = purposes or self.purposes
        standing = {p: (end, None) if p in for_these else (None, "not_covered") for p in self.purposes}
        images = {uuid4(): (bytes.fromhex(each), standing) for each in digests}
        self._record(Act(Kind.GRANTED, int(time.time()), images))
        return list(images)

    def withdraw(self, image: UUID, *, reason: str = "remove") -> None:
        """One act: the image is permitted for nothing."""
        row = rows_at(self._acts)[image]
        standing: Standing = dict.fromkeys(self.purposes, (None, reason))
        self._record(Act(Kind.WITHDRAWN, int(time.time()), {image: (row.sha256, standing)}))
        self.copies.notify(image)
        for each in self.manifests.values():
            self._tell(each)

    def show(self, image: UUID, picture: Path | str) -> None:
        """What a granted image looks like: once it is withdrawn, its altered copies match. Needs `fingerprints`."""
        self.copies.show(image, Path(picture))

    def be_incomplete(self) -> None:
        """From now on it says that it could not look at everything it protects."""
        self.copies.complete = False

    def _tell(self, manifest: attested.Manifest) -> None:
        told = attested.news(manifest, rows_at(self._acts))
        if told is not None:
            self.copies.notifications.append(told)

    def _record(self, act: Act) -> None:
        self._acts.append(act)
        self._public.append(time.monotonic() + self.publish_after)

    # Its lies

    def forget_last(self, count: int) -> None:
        """The last acts never happened: a restored backup."""
        del self._acts[-count:], self._public[-count:]

    def fork(self) -> None:
        """Another history of the same length, from the first entry on."""
        self._acts = [replace(act, items=secrets.token_bytes(32)) for act in self._acts]

    def go_stale(self, seconds: int) -> None:
        """Signs as of so many seconds ago; below zero: to come."""
        self._shift = seconds

    def drop_row_from_delta(self) -> None:
        """Leaves out one row of each delta's first page."""
        self._faults.add("drop")

    def corrupt_part(self) -> None:
        """Changes one byte of each part it sends."""
        self._faults.add("corrupt")

    def cut_part(self) -> None:
        """Sends each part only by half, however often it is asked."""
        self._faults.add("cut")

    def swap_columns(self) -> None:
        """Signs a part in which the terms of the first two purposes stand in each other's place."""
        self._faults.add("swap")

    def lie_in_close(self) -> None:
        """Signs closes with a digest of other rows."""
        self._faults.add("lie")

    def show_another_list(self) -> None:
        """Signs snapshots whose lists are not those that its log holds."""
        self._faults.add("another")

    def spoil_matches(self, spoil: Callable[[dict[str, Any]], object]) -> None:
        """Changes each answer about matches in place, before it is sent."""
        self._spoil = spoil

    def answer(self, status: int | None) -> None:
        """Answers everything with this status; None: as usual again."""
        self._status = status

    def tell_the_truth(self) -> None:
        """Ends every lie but what was forgotten or forked."""
        self._faults.clear()
        self._shift, self._status, self._spoil = 0, None, lambda _answer: None

    # What it says, by address

    def checkpoint(self) -> str:
        """The newest checkpoint, as a note."""
        if self._status:
            raise Gone(self._status, "told-to", "The simulator was told to answer this.")
        now = time.monotonic()
        size = sum(public <= now for public in self._public)
        hashes = [act.leaf_hash for act in self._acts[:size]]
        root = merkle.root(size, merkle.node_from_leaves(hashes))
        return sign_checkpoint(Checkpoint(self.signer.name, size, root), self.signer)

    def compare(self, note: str) -> dict[str, Any]:
        """Takes what somebody holds of this log; it is kept in `shown`."""
        self.shown.append(note)
        try:
            size = open_checkpoint(note, self.signer.verifier).size
        except Malformed:  # the other thing that names a size
            size = open_close(note, self.signer.verifier).size
        return {"size": size, "held": size <= self.size}

    def tile(self, level: int, index: int, width: int) -> bytes:
        """A tile of the log's tree."""
        node = merkle.node_from_leaves([act.leaf_hash for act in self._acts])
        if width > tiles.width_of(level, index, size=self.size):
            raise Gone(404, "not-found", "No such tile.")
        return b"".join(node(level * tiles.TILE_HEIGHT, index * tiles.TILE_WIDTH + i) for i in range(width))

    def bundle(self, index: int, width: int) -> bytes:
        """A bundle of the log's entries."""
        acts = self._acts[index * tiles.TILE_WIDTH :][:width]
        if len(acts) < width:
            raise Gone(404, "not-found", "No such bundle.")
        return tiles.encode_bundle(act.leaf for act in acts)

    def snapshot(self) -> dict[str, Any]:
        """All rows, as one signed part; the same until something happens, and in the log."""
        how = [*self._faults, self._shift, *self.purposes, self.audience]
        if self._offered is None or self._offered[0] != (self.size, how):
            made = self._snapshot()  # its entry is one more
            self._offered = (self.size, how), made
        return self._offered[1]

    def _snapshot(self) -> dict[str, Any]:
        rows = sorted(rows_at(self._acts).values(), key=lambda row: (row.sha256, row.image.bytes))
        data = parquet(rows, purposes=self.purposes, swapped="swap" in self._faults)
        part = Part("", hashlib.sha256(data).hexdigest(), len(data), len(rows))
        self._parts[part.sha256] = data
        listed = PartList(self._collection, self.audience, self.purposes, self.size, (part,))
        size, note, close = self.size, sign_list(listed, self.signer), self._close(rows)
        return {
            "size": size,
            "audience": self.audience,
            "purposes": list(self.purposes),
            "parts": [{"prefix": "", "sha256": part.sha256, "bytes": part.bytes, "rows": part.rows}],
            "list": note,
            "close": close,
            "logged": self._log_list(note, listed, open_close(close, self.signer.verifier)).sent(),
        }

    def _log_list(self, note: str, listed: PartList, close: Close) -> Logged:
        said = particulars(note + "!" * ("another" in self._faults), listed, close)
        index, salt = self.size, secrets.token_bytes(SALT_BYTES)
        committed = commitment(salt, canonical.encode({"what": WHAT, **said}))
        self._record(Act(PUBLISHED, int(time.time()), {}, merkle.items_root([committed])))
        return Logged(index, salt)

    def part(self, sha256: str) -> bytes:
        """The bytes of a part."""
        if sha256 not in self._parts:
            raise Gone(404, "not-found", "No such part: take a new snapshot.")
        data = self._parts[sha256]
        if "corrupt" in self._faults:
            return data[:-20] + bytes([data[-20] ^ 1]) + data[-19:]
        return data

    @property
    def cuts(self) -> bool:
        """Whether parts are sent only by half."""
        return "cut" in self._faults

    def delta(self, cursor: str) -> dict[str, Any]:
        """A page of the rows changed since a cursor."""
        size, after = self._open_cursor(cursor)
        every = sorted(rows_at(self._acts).values(), key=lambda row: (row.act, row.image.bytes))
        changed = [row for row in every if row.act >= size]
        page = changed[after : after + self.page_rows]
        rows = [self._wire(row) for row in page]
        if "drop" in self._faults:
            rows = rows[1:]
        if after + self.page_rows < len(changed):
            return {"rows": rows, "next": self._cursor(size, after + self.page_rows)}
        return {"rows": rows, "close": self._close(every)}

    def checks(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The decisions on some keys."""
        purpose = asked["purpose"]
        self._require(purpose)
        found: dict[str, list[Row]] = {key: [] for key in asked["keys"]}
        for row in rows_at(self._acts).values():
            found.get(row.sha256.hex() if asked["by"] == "sha256" else str(row.image), []).append(row)
        decisions = [{"key": key, **_decision(found[key], purpose)} for key in asked["keys"]]
        until = time.gmtime(self._now() + LEASE)
        return {
            "size": self.size,
            "purpose": purpose,
            "valid_until": time.strftime("%Y-%m-%dT%H:%M:%SZ", until),
            "decisions": decisions,
        }

    def matches(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What pictures are copies of, by their views."""
        purpose = asked["purpose"]
        self._require(purpose)
        rows = rows_at(self._acts)

        def told(image: UUID) -> str | None:
            reason = rows[image].standing[purpose][1] if image in rows else None
            return reason if reason in ("remove", "wait") else None

        pictures = self.copies.match(asked, told)
        answer = {"size": self.size, "purpose": purpose, **self.copies.looked_at(), "pictures": pictures}
        self._spoil(answer)
        return answer

    def attest(self, body: bytes, *, stream: bool) -> dict[str, Any]:
        """Keeps a manifest, once; what was taken from it before is told at once."""
        note, keys = attested.read(body, stream=stream)
        known = next((each for each in self.manifests.values() if each.note == note), None)
        if known is None:
            known = attested.made(note, keys, rows_at(self._acts), origin=self.signer.name, size=self.size)
            self._require(known.statement.purpose)
            known.index, salt = self.size, secrets.token_bytes(SALT_BYTES)
            committed = commitment(salt, canonical.encode(known.item))
            self._salts[known.index] = salt
            self._record(Act(Kind.MANIFEST_ATTESTED, int(time.time()), {}, merkle.items_root([committed])))
            self.manifests[known.id] = known
            self._tell(known)
        return {"manifest": known.id, "index": known.index, "receipt": f"/api/v1/manifests/{known.id}/receipt"}

    def manifest(self, number: str) -> dict[str, Any]:
        """What was attested."""
        return {"size": self.size, **attested.described(self._manifest(number))}

    def receipt(self, number: str) -> bytes | None:
        """Of its entry; None until a checkpoint covers it."""
        of, note = self._manifest(number), self.checkpoint()
        size = sum(public <= time.monotonic() for public in self._public)
        if size <= of.index:
            return None
        act, hashes = self._acts[of.index], [act.leaf_hash for act in self._acts[:size]]
        opened = OpenedItem(0, self._salts[of.index], of.item, ())
        path = tuple(merkle.inclusion_path(of.index, size, merkle.node_from_leaves(hashes)))
        return Receipt(of.index, Leaf.decode(act.leaf), (opened,), path, note).encode()

    def affected(self, number: str, *, after: str) -> dict[str, Any]:
        """What of it is not permitted now."""
        found = attested.affected(self._manifest(number), rows_at(self._acts), now=self._now())
        page = [each for each in found if each["image"] > after][: self.page_rows]
        reasons = [each["reason"] for each in found]
        counts = {reason: reasons.count(reason) for reason in ("remove", "wait", "not_covered", "unknown")}
        end = page[-1]["image"] if len(page) == self.page_rows else None
        return {"size": self.size, **({} if after else {"counts": counts}), "images": page, "next": end}

    def _manifest(self, number: str) -> attested.Manifest:
        if number not in self.manifests:
            raise Gone(404, "not-found", "There is no such manifest for this key.")
        return self.manifests[number]

    # How it says it

    def _require(self, purpose: str) -> None:
        if purpose not in self.purposes:
            raise Gone(403, "purpose-not-yours", f"This key does not cover {purpose}.")

    def _now(self) -> int:
        return int(time.time()) - self._shift

    def _close(self, rows: Sequence[Row]) -> str:
        total = digest(rows, purposes=self.purposes, audience=self.audience)
        now = self._now()
        return sign_close(
            Close(
                size=self.size,
                count=len(rows),
                digest=format(total ^ ("lie" in self._faults), "064x"),
                cursor=self._cursor(self.size, 0),
                issued_at=now,
                not_after=now + TERM,
            ),
            self.signer,
        )

    def _wire(self, row: Row) -> dict[str, Any]:
        fields: dict[str, Any] = {"image": str(row.image), "sha256": row.sha256.hex()}
        for purpose in self.purposes:
            fields[f"{purpose}_until"], fields[f"{purpose}_reason"] = row.standing[purpose]
        return fields

    def _cursor(self, size: int, after: int) -> str:
        place = {"size": size, "after": after}
        return canonical.to_base64(canonical.encode({**place, "mac": self._mac(place)}))

    def _open_cursor(self, cursor: str) -> tuple[int, int]:
        try:
            place = json.loads(canonical.from_base64(cursor))
            mac = place.pop("mac")
        except (Malformed, ValueError, AttributeError, KeyError):  # not one of ours
            raise Gone(400, "cursor-altered", "This cursor is not one of ours: take a snapshot.") from None
        if mac != self._mac(place):
            raise Gone(400, "cursor-altered", "This cursor was altered: take a snapshot.")
        if place["size"] > self.size:
            raise Gone(409, "cursor-ahead", "This cursor is ahead of the log: take a snapshot.")
        return place["size"], place["after"]

    def _mac(self, place: dict[str, Any]) -> str:
        bound = [place, self._collection, list(self.purposes), self.audience, self._secret.hex()]
        return hashlib.sha256(json.dumps(bound, sort_keys=True).encode()).hexdigest()


def _decision(rows: Sequence[Row], purpose: str) -> dict[str, Any]:
    reasons = [row.standing[purpose][1] for row in rows]
    for reason in ("remove", "wait", "not_covered"):
        if reason in reasons:
            return {"decision": "excluded", "reason": reason}
    if not rows or "unknown" in reasons:
        return {"decision": "unknown", "reason": None}
    expired = any((row.standing[purpose][0] or 0) <= time.time() for row in rows)
    return {"decision": "excluded", "reason": "not_covered"} if expired else {"decision": "permitted", "reason": None}
