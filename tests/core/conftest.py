"""Kept snapshots of one feed, of few rows in several parts."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from consent.acts.publish_snapshot import publish_snapshot
from consent.exclusions import allowances, columnar, merging, parts, snapshots
from consent.exclusions.feed import Feed, totals
from consent.exclusions.snapshots import Offer
from consentkit.closes import Part
from registry.reads.size import at_one_size
from tests.world import World


@dataclass
class Kept:
    """One feed's snapshots; `whole` counts the parts that were made of all their rows."""

    world: World
    feed: Feed
    whole: int = 0

    def published(self) -> Offer:
        return publish_snapshot(self.feed, clock=lambda: self.world.at)

    def made_of_all_rows(self) -> tuple[Part, ...]:
        """What a snapshot without any before it would list now."""
        with at_one_size():
            prefixes = snapshots._prefixes(totals(self.feed).count)
            return tuple(parts.read_from_database(self.feed, prefix) for prefix in prefixes)


@pytest.fixture
def kept(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    """Sixteen parts of row groups of two, merged however much has changed."""
    monkeypatch.setattr(snapshots, "PIECES", ((0, 0), (10**6, 1)))
    monkeypatch.setattr(merging, "WORTH", 1)
    for module in (columnar, merging):
        monkeypatch.setattr(module, "BATCH", 2)
    found = Kept(world, Feed(world.collection, ("ai_training", "evaluation"), "research"))

    def counted(feed: Feed, prefix: str) -> Part:
        found.whole += 1
        return parts.read_from_database(feed, prefix)

    monkeypatch.setattr(snapshots, "read_from_database", counted)
    return found


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """The allowance of a claimant's day is 3, so that it takes few pictures to use it up."""
    monkeypatch.setattr(allowances, "REACH", 3)
    return 3


def path(part: Part) -> Path:
    return parts.folder() / part.sha256


def by_rows(offer: Offer) -> list[dict[str, Any]]:
    """All rows, in the order of the parts."""
    return [row for part in offer.parts for row in pq.ParquetFile(path(part)).read().to_pylist()]
