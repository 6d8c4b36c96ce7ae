"""A feed as plain files, for any host that serves a folder: what its `feed.json` says, and where the rest lies.

    feed.json                        this file
    parts/<sha256>  pages/<sha256>   a snapshot's parts, and pages of the rows that have changed since
    log/checkpoint  log/tile/…       the log (c2sp.org/tlog-tiles)

Invariant
  * All that feed.json names never changes: parts and pages are named by their SHA-256, tiles by their width.
"""

from dataclasses import dataclass
from typing import Final, Self

from consentkit import canonical
from consentkit.published import Logged

NAME: Final = "feed.json"
PARTS: Final = "parts"
PAGES: Final = "pages"
LOG: Final = "log"


@dataclass(frozen=True)
class FeedFile:
    """One state of a feed: a snapshot, what has changed since, and the checkpoint that covers both.

    All but `logged`, which is where the log holds the snapshot, are notes: `list` of the snapshot's parts, `snapshot`
    of its own close, `pages` of what follows, `close` of their end.
    """

    checkpoint: str
    list: str
    snapshot: str
    logged: Logged
    pages: str
    close: str

    def encode(self) -> bytes:
        """The file's bytes."""
        return canonical.encode({**vars(self), "logged": self.logged.sent()})

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Raises Malformed. The notes are not opened here."""
        checkpoint, close, listed, logged, pages, snapshot = canonical.fields(
            canonical.decode(data), "checkpoint", "close", "list", "logged", "pages", "snapshot"
        )
        return cls(
            checkpoint=canonical.text(checkpoint),
            list=canonical.text(listed),
            snapshot=canonical.text(snapshot),
            logged=Logged.read(logged),
            pages=canonical.text(pages),
            close=canonical.text(close),
        )
