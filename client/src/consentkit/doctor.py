"""Whether this machine is set up to ask, and what to do if not. Each finding is of one thing."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from consentkit.checkpoints import open_checkpoint
from consentkit.closes import open_close, open_list
from consentkit.errors import BadProof, ConsentkitError, Malformed
from consentkit.feeds import OLD_FEED, PlainFeed
from consentkit.looking import MissingExtra, require_fit
from consentkit.scopes import AUDIENCES
from consentkit.settings import Settings, require_address
from consentkit.transport import SOON, Transport, ending
from consentkit.trust import CLOCK_SKEW, require_young


@dataclass(frozen=True)
class Finding:
    """What was looked at, whether it is as it must be, and what it is or what to do."""

    what: str
    fine: bool
    says: str


def examine() -> Iterator[Finding]:
    """Settings first; without an address nothing else can be looked at."""
    try:
        settings = Settings.read()
        url = settings.require_url()
    except ConsentkitError as error:  # says what to set
        yield Finding("settings", fine=False, says=str(error))
        return
    yield Finding("settings", fine=True, says=f"{url}, state under {settings.home}")
    with Transport(url, key=settings.key) as transport:
        yield _network(transport)
        yield _key(settings, transport)
        yield _log(settings, transport)
        yield _clock(transport)
    yield _state(settings)
    yield _fingerprints()


def examine_feed(url: str, audience: str | None) -> Iterator[Finding]:
    """The same for plain files, which need the log's key and no other."""
    try:
        settings = Settings.read()
        verifier = settings.require_verifier()
        require_address(url, named="the feed")
    except ConsentkitError as error:  # says what to set
        yield Finding("settings", fine=False, says=str(error))
        return
    yield Finding("settings", fine=True, says=f"{url}, state under {settings.home}")
    with Transport(url.rstrip("/"), plain=True) as transport:
        yield _feed(PlainFeed(transport, verifier, audience=audience or AUDIENCES[0]), max_age=settings.max_age)
        yield _log(settings, transport)
        yield _clock(transport)


def _feed(feed: PlainFeed, *, max_age: int) -> Finding:
    try:
        listed = open_list(feed.snapshot().list, feed.verifier)
        require_young(open_close(feed.close, feed.verifier), max_age=max_age, at=time.time(), remedy=OLD_FEED)
    except ConsentkitError as error:  # not there, no feed, another log's, for somebody else, or not renewed
        return Finding("feed", fine=False, says=str(error))
    of = f"of collection {listed.collection}, for {listed.audience}: {', '.join(listed.purposes)}"
    return Finding("feed", fine=True, says=of)


def _network(transport: Transport) -> Finding:
    try:
        transport.log("checkpoint")
    except ConsentkitError as error:  # says what to check
        return Finding("network", fine=False, says=str(error))
    return Finding("network", fine=True, says="the registry answers")


def _key(settings: Settings, transport: Transport) -> Finding:
    """Asks for the snapshot, which names the purposes of the key."""
    try:
        settings.require_key()
        answer = transport.get("snapshot")
    except ConsentkitError as error:  # no key, or one that the registry does not know
        return Finding("key", fine=False, says=str(error))
    purposes = answer.get("purposes") if isinstance(answer, dict) else None
    known = f"the registry knows it, for {', '.join(map(str, purposes or []))}"
    if (ends := transport.key_ends) is None:
        return Finding("key", fine=True, says=known)
    soon = ends - datetime.now(UTC) < SOON
    return Finding("key", fine=not soon, says=ending(ends) if soon else f"{known}, until {ends:%Y-%m-%d}")


def _log(settings: Settings, transport: Transport) -> Finding:
    try:
        verifier = settings.require_verifier()
        checkpoint = open_checkpoint(transport.log("checkpoint"), verifier)
    except (BadProof, Malformed) as error:  # another registry's key, or another registry's log
        return Finding(
            "log key",
            fine=False,
            says=f"CONSENTKIT_LOG_KEY does not verify this log ({error}): ask the registry's operator which is right",
        )
    except ConsentkitError as error:  # not set, or the log is not there
        return Finding("log key", fine=False, says=str(error))
    return Finding("log key", fine=True, says=f"it signs {checkpoint.origin}, {checkpoint.size} entries")


def _clock(transport: Transport) -> Finding:
    try:
        theirs = parsedate_to_datetime(transport.date())
    except ConsentkitError as error:  # nobody to compare with
        return Finding("clock", fine=False, says=str(error))
    except ValueError:  # no Date header, or not a date
        return Finding("clock", fine=True, says="the registry does not say its time")
    ahead = round(time.time() - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)).timestamp())
    if abs(ahead) > CLOCK_SKEW:
        words = f"{abs(ahead)} s {'ahead of' if ahead > 0 else 'behind'} the registry: set this machine's clock"
        return Finding("clock", fine=False, says=words)
    return Finding("clock", fine=True, says=f"within {CLOCK_SKEW} s of the registry's")


def _state(settings: Settings) -> Finding:
    at = time.time()
    try:
        from consentkit import access, signing
        from consentkit.state import Store
    except ModuleNotFoundError as error:  # the extra is not installed: `check` and `verify` work without
        return Finding("state", fine=True, says=f"none without {error.name}: pip install 'consentkit[filter]' to sync")
    try:
        verifier = settings.require_verifier()
        opened = access.remembered(settings)
        secret = signing.signer(settings.home).encode()
        store = opened and Store(settings.home, feed=opened.named(), secret=secret)
        state = store.load(verifier) if store else None
        if state is None:
            return Finding("state", fine=True, says="nothing synced yet: run consentkit sync")
        require_young(state.close, max_age=settings.max_age, at=at)
    except ConsentkitError as error:  # damaged, of another key, or too old
        return Finding("state", fine=False, says=str(error))
    age = max(int(at - state.close.issued_at), 0)
    return Finding("state", fine=True, says=f"{state.close.count} images at log size {state.size}, {age} s old")


def _fingerprints() -> Finding:
    try:
        require_fit()
    except MissingExtra as error:  # everything but `match` works without
        return Finding("fingerprints", fine=True, says=f"none, and no match: {error}")
    except ConsentkitError as error:  # copies would be missed
        return Finding("fingerprints", fine=False, says=str(error))
    return Finding("fingerprints", fine=True, says="pictures get the ones here that they must have")
