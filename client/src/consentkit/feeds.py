"""Where a feed comes from: a registry that knows the key, or plain files on any host. Nothing is believed here."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Protocol

from consentkit import canonical, feedfile
from consentkit.closes import Close, Part, PartList, digest_of, open_list, open_pages
from consentkit.errors import BadProof, ConsentkitError, Inconsistent, Malformed
from consentkit.feedfile import FeedFile
from consentkit.notes import Verifier
from consentkit.published import Logged
from consentkit.transport import Refused, Transport

OLD_FEED: Final = "the host serves an old feed, ask whoever runs it"
_BUILDING: Final = 600
"""Seconds until a registry has built a snapshot; ten million images take more than half a minute."""
_NEEDS_SNAPSHOT: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT, HTTPStatus.GONE)


class Drift(Exception):
    """No changes lead from the rows that we have to what was signed: a snapshot starts over."""


@dataclass(frozen=True)
class Offered:
    """A snapshot as it is sent: the notes of its parts and of its close, and where the log holds it."""

    list: str
    close: str
    logged: Logged


class Feed(Protocol):
    """One collection's rows for some scopes, and the log that they are in.

    All raise Unreachable, Refused or Malformed.
    """

    cached: bool
    """Whether an older copy may be served after a newer one, by nobody's fault."""

    def log(self, path: str) -> bytes:
        """A file of the log: `checkpoint`, or below `tile/`."""

    def snapshot(self) -> Offered:
        """The newest snapshot."""

    def download(self, part: Part, *, into: Path) -> None:
        """The file of a part. Raises BadProof unless it is the one that was signed."""

    def pages(self, parts: PartList, close: Close) -> Iterator[dict[str, Any]]:
        """Each with `rows`, the last one with `close`: what has changed since this close. Raises Drift."""

    def report(self, note: str) -> None:
        """Show whoever serves it a note that it does not lead to any more. Raises nothing of the above."""


class KeyedFeed:
    """What a registry sends to one key."""

    cached = False

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._offered: Offered | None = None

    def log(self, path: str) -> bytes:
        return self._transport.log(path)

    def snapshot(self) -> Offered:
        """Asked for once: whoever only wants to know what the key opens costs the sync nothing."""
        if self._offered is None:
            self._offered = self._newest()
        return self._offered

    def _newest(self) -> Offered:
        answer = _object(self._transport.get("snapshot", patience=_BUILDING))
        if "logged" not in answer:
            raise Malformed("the registry does not say where its log holds the snapshot: it is older than consentkit")
        notes = canonical.text(answer.get("list")), canonical.text(answer.get("close"))
        return Offered(*notes, Logged.read(answer.get("logged")))

    def download(self, part: Part, *, into: Path) -> None:
        self._transport.download(f"snapshot/parts/{part.sha256}", into=into, sha256=part.sha256, size=part.bytes)

    def pages(self, parts: PartList, close: Close) -> Iterator[dict[str, Any]]:  # noqa: ARG002 - the cursor says it
        cursor = close.cursor
        while True:
            answer = _object(self._page(cursor))
            yield answer
            if "close" in answer:
                return
            following = canonical.text(answer.get("next"))
            if not answer.get("rows") or following == cursor:
                raise Malformed("the registry's changes do not end")
            cursor = following

    def report(self, note: str) -> None:
        # That it went back is what is raised; whether it could be told so changes nothing.
        with suppress(ConsentkitError):
            self._transport.post("checkpoints", body={"note": note})

    def _page(self, cursor: str) -> Any:
        try:
            return self._transport.get("deltas", query={"from": cursor})
        except Refused as refused:
            if refused.status in _NEEDS_SNAPSHOT:  # altered, ahead, or of other purposes
                raise Drift(str(refused)) from refused
            raise


class PlainFeed:
    """What `manage.py publish --static` wrote, served by any host. `feed.json` is read once: one sync sees one state.

    Whoever serves the files could serve those of another audience or collection, signed as well: so the audience that
    is meant is named, and the collection stays the one that it was at first, or is named as well.
    """

    cached = True

    def __init__(
        self, transport: Transport, verifier: Verifier, *, audience: str, collection: str | None = None
    ) -> None:
        self.verifier = verifier
        self._transport, self._audience, self._collection = transport, audience, collection

    @cached_property
    def _file(self) -> FeedFile:
        return FeedFile.decode(self._transport.read(feedfile.NAME))

    @cached_property
    def _listed(self) -> PartList:
        listed = open_list(self._file.list, self.verifier)
        if listed.audience != self._audience:
            raise BadProof(f"this feed is for {listed.audience}, not for {self._audience}: check its address")
        if self._collection not in (None, listed.collection):
            raise BadProof(f"this feed is of collection {listed.collection}, not of {self._collection}")
        return listed

    @property
    def close(self) -> str:
        """The note that ends it."""
        return self._file.close

    def log(self, path: str) -> bytes:
        # The checkpoint of feed.json covers its close; the one beside it may come from a cache.
        return self._file.checkpoint.encode() if path == "checkpoint" else self._transport.log(path)

    def snapshot(self) -> Offered:
        _ = self._listed
        return Offered(self._file.list, self._file.snapshot, self._file.logged)

    def download(self, part: Part, *, into: Path) -> None:
        path = f"{feedfile.PARTS}/{part.sha256}"
        self._transport.download(path, into=into, sha256=part.sha256, size=part.bytes)

    def report(self, note: str) -> None:
        """Files take nothing."""

    def pages(self, parts: PartList, close: Close) -> Iterator[dict[str, Any]]:
        """All that has changed since the snapshot: more than since a later close, and each row as it is now."""
        if parts.collection != self._listed.collection:
            raise Inconsistent("this feed is of another collection than before: ask whoever runs it")
        if parts.purposes != self._listed.purposes or close.size < self._listed.size:
            raise Drift("its snapshot is newer")
        signed = open_pages(self._file.pages, self.verifier)
        if (signed.list, signed.close) != (digest_of(self._file.list), digest_of(self._file.close)):
            raise BadProof("feed.json was put together out of several: ask whoever runs the host")
        for sha256 in signed.pages:
            yield {"rows": _rows(self._transport.read(f"{feedfile.PAGES}/{sha256}"), sha256)}
        yield {"rows": [], "close": self._file.close}


def _rows(data: bytes, sha256: str) -> Any:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise BadProof("a page of the feed is not the one that feed.json names: try again")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:  # whole, but no page
        raise Malformed("a page of the feed is not JSON") from error


def _object(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise Malformed("the registry's answer is not an object")
    return answer
