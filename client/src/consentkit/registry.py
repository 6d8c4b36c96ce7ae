"""The registry as a Python program sees it. Every doubt is an exception, never "allowed"."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from consentkit import access, attesting, checks, matches, notifications, signing
from consentkit.attesting import Affected, Attested, Run
from consentkit.checks import Answer, By
from consentkit.errors import Inconsistent, Stale
from consentkit.feeds import OLD_FEED, Feed, KeyedFeed, PlainFeed
from consentkit.matches import Match
from consentkit.moments import Moment
from consentkit.notes import Verifier
from consentkit.notifications import ManifestNotification, Notification
from consentkit.pins import Kept, Pin
from consentkit.purposes import Purposes
from consentkit.scopes import AUDIENCES
from consentkit.settings import Misuse, Settings, require_address
from consentkit.sources.batches import OnUnreadable
from consentkit.state import State, Store
from consentkit.syncing import sync
from consentkit.terms import Term
from consentkit.transport import Transport
from consentkit.trust import require_young

NOTHING: Final = "nothing is synced for this key, or this feed: run consentkit sync"
LEASE: Final = 900
"""Seconds for which a synced state answers before it is synced again."""

Row = TypeVar("Row", bound=Mapping[str, Any])


class Registry:
    """One registry, asked with one key; what is not given comes from the environment.

    `check` and `match` ask now. `is_allowed`, `mask` and `filter_allowed` work from the synced state, and sync it first
    whenever its last sync is older than `LEASE`; a sync that fails is their failure.

    With `feed`, the address of a public collection's plain files, the state comes from there and needs no key.
    `audience` says who asks, `research` unless given, or `commercial`; `collection` which one it must be, else it is
    the one that comes first. Otherwise the key says both.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        log_key: str | None = None,
        home: Path | str | None = None,
        feed: str | None = None,
        audience: str | None = None,
        collection: str | None = None,
    ) -> None:
        """Raises Misuse for a setting that cannot be used."""
        if feed is None and (audience or collection):
            raise Misuse("audience and collection are for a feed: a key is for one of each, and cannot ask for others")
        if audience not in (None, *AUDIENCES):
            raise Misuse(f"no such audience: {audience}; there are {' and '.join(AUDIENCES)}")
        given = {"CONSENTKIT_HOME": str(home)} if home is not None else {}
        settings = Settings.read({**_environment(), **given})
        self.settings = replace(
            settings,
            url=settings.url if url is None else url.rstrip("/"),
            key=settings.key if key is None else key,
            log_key=settings.log_key if log_key is None else log_key,
        )
        self.feed = None if feed is None else require_address(feed.rstrip("/"), named="the feed")
        self.audience, self.collection = audience or AUDIENCES[0], collection
        self._moment: Moment | None = None

    def check(self, keys: Sequence[str], *, purpose: Purposes, by: By = "sha256") -> Answer:
        """The registry's decisions now, in the order of the keys: digests (64 lower-case hex) or image ids."""
        with self._transport() as transport:
            return checks.check(transport, keys, purpose=purpose, by=by, at=datetime.now(UTC))

    def match(
        self, files: Iterable[Path | str] | Path | str, *, purpose: Purposes, deposit: bool = False
    ) -> Iterator[Match]:
        """For each picture whether it is a copy of a protected one, altered or not. Asks now, while it is iterated.

        `files`: picture files, and folders of them. Only fingerprints leave this machine, and names below the folders;
        with `deposit` they are kept, and `notifications` lists what later withdrawals match among them. A picture that
        cannot be read comes with its `problem`. Raises ConsentkitError without the extra `fingerprints`.
        """
        given = [files] if isinstance(files, Path | str) else files
        with self._transport() as transport:
            yield from matches.match(transport, map(Path, given), purpose=purpose, deposit=deposit)

    def notifications(self) -> Iterator[Notification | ManifestNotification]:
        """What later withdrawals matched among the deposits, or took from attested runs, oldest first."""
        with self._transport() as transport:
            yield from notifications.notifications(transport)

    def answer(self, notification: str, *, outcome: str) -> None:
        """Tells the registry what was done: `deleted`, `excluded`, `retrained`, `exempt` or `not_found`."""
        with self._transport() as transport:
            notifications.answer(transport, notification, outcome=outcome)

    def attest(
        self,
        manifest: Path | str,
        *,
        model: str,
        name: str = "",
        source: Path | str | None = None,
        index: Path | str | None = None,
        progress: attesting.Progress = lambda _done, _of: None,
    ) -> Attested:
        """Signs and registers what `filter` wrote to OUT.manifest.json: the run `name` trained `model` on OUT.

        `source`: where IN is, if not beside OUT; `index`: what `filter` went by, if it did. Raises Changed where IN or
        OUT is not as it was.
        """
        run = Run(model, name, *(None if each is None else Path(each) for each in (source, index)))
        state, signer = self.sync(), signing.signer(self.settings.home)
        with self._transport() as transport:
            return attesting.attest(transport, Path(manifest), run=run, state=state, signer=signer, progress=progress)

    def affected(self, manifest: str) -> list[Affected]:
        """What of an attested run may no longer be used today, by the manifest's number. Asks now."""
        with self._transport() as transport:
            return list(attesting.affected(transport, manifest).images)

    def sync(self) -> State:
        """The newest state, stored. Raises Unreachable, Malformed, BadProof, Inconsistent or Stale."""
        return self._newest().state

    def offline(self) -> State:
        """The state as last synced, without asking anybody. Raises Stale, or BadProof if it was changed."""
        state = self._kept(self._store())
        if state is None:
            raise Stale(NOTHING)
        require_young(state.close, max_age=self.settings.max_age, at=time.time())
        return state

    def is_allowed(self, sha256: str, *, purpose: Purposes) -> bool:
        """Whether the image with this digest is permitted for the purpose; of several, for each of them."""
        return bool(self.mask([sha256], purpose=purpose)[0])

    def mask(
        self, keys: Any, *, purpose: Purposes, in_scope: Any = None, unreadable: OnUnreadable = "refuse"
    ) -> NDArray[np.bool_]:
        """For each key whether it is permitted. Keys: a sequence of hex digests or 32 bytes, or an Arrow array.

        With `in_scope`, a bool for each key, that holds where it is true; elsewhere whether it is not excluded. There a
        key that cannot be read raises UnreadableKeys, or with `unreadable="keep"` it passes.
        """
        return self.moment().mask(keys, purpose=purpose, in_scope=in_scope, unreadable=unreadable)

    def filter_allowed(self, rows: Iterable[Row], *, purpose: Purposes, key: str = "sha256") -> list[Row]:
        """The rows whose digest under `key` is permitted, in their order. A row without one is not."""
        listed = list(rows)
        mask = self.mask([row.get(key) for row in listed], purpose=purpose)
        return [row for row, allowed in zip(listed, mask, strict=True) if allowed]

    # For adapters and long runs

    def moment(self) -> Moment:
        """The state as of now, for what is read at once; synced first like `mask`. It ends with the lease."""
        held = self._moment
        if held is None or held.ended:
            held = self._newest()
        return held.renewed()

    def pin(self) -> Pin:
        """Syncs, and keeps that size for a run of up to 7 days; other ranks and restarts load it by `pinned`.

        What is withdrawn later does not count in it until `Pin.advance`. Raises as `sync`.
        """
        state = self.sync()
        store = self._store()
        with store.locked():
            store.forget_ended_pins(at=time.time())
        kept = store.pinned(state.size)
        with kept.locked():
            kept.save(state)
        return self.pinned(state.size)

    def pinned(self, size: int) -> Pin:
        """A size that `pin` kept under the same home, for this key or another of the same pipeline.

        A key that is new here is asked for what it opens. Raises Stale, or BadProof if it was changed.
        """
        if self.feed is None and access.remembered(self.settings) is None:
            with self._source(self.settings.require_verifier()) as source:
                store = self._store(source)
        else:
            store = self._store()
        kept = store.pinned(size)
        state = self._kept(kept)
        if state is None or state.size != size:
            raise Stale(f"size {size} is not pinned in {kept.folder}: call pin(), or share CONSENTKIT_HOME")
        return Pin(Kept(state, kept.folder, kept.rows_path()), newest=self.pin)

    def _newest(self) -> Moment:
        """Synced now, and read until the lease ends."""
        verifier = self.settings.require_verifier()
        with self._source(verifier) as source:
            state = sync(source, self._store(source), verifier, clock=time.time)
        self._require_access(state)
        close, at, max_age = state.close, time.time(), self.settings.max_age
        remedy = "the registry serves old answers, ask its operator" if self.feed is None else OLD_FEED
        require_young(close, max_age=max_age, at=at, remedy=remedy)
        ends = float(min(at + LEASE, close.issued_at + max_age, close.not_after))
        term = Term(ends, f"the state of size {state.size}", "ask the registry again, and it is synced")
        self._moment = Moment(state, at, term)
        return self._moment

    def _transport(self) -> Transport:
        return Transport(self.settings.require_url(), key=self.settings.require_key())

    @contextmanager
    def _source(self, verifier: Verifier) -> Iterator[Feed]:
        if self.feed is None:
            with self._transport() as transport:
                yield KeyedFeed(transport)
        else:
            with Transport(self.feed, plain=True) as transport:
                yield PlainFeed(transport, verifier, audience=self.audience, collection=self.collection)

    def _store(self, source: Feed | None = None) -> Store:
        """Where the state is kept. Without a source nobody is asked. Raises Stale where that is not known yet."""
        secret = signing.signer(self.settings.home).encode()
        if self.feed is not None:
            named = f"{self.feed}\n{self.audience}\n{self.collection or ''}"
        else:
            named = self._access(source).named()
        return Store(self.settings.home, feed=named, secret=secret)

    def _access(self, source: Feed | None = None) -> access.Access:
        found = access.remembered(self.settings)
        if found is None and source is not None:
            found = access.asked(source, self.settings, self.settings.require_verifier())
        if found is None:
            raise Stale(NOTHING)
        return found

    def _kept(self, store: Store) -> State | None:
        """What is stored there. Raises BadProof if it was changed."""
        state = store.load(self.settings.require_verifier())
        if state is not None:
            self._require_access(state)
        return state

    def _require_access(self, state: State) -> None:
        """The rows are those that the key opens, whatever a folder is called."""
        if self.feed is None and access.Access.of(state.parts) != self._access():
            raise Inconsistent("this state is of another collection, purposes or audience than the key: sync again")


def _environment() -> dict[str, str]:
    import os

    return dict(os.environ)
