"""A pipeline's feed: a snapshot, and what has changed since."""

from consent.exclusions.deltas import Delta, delta
from consent.exclusions.feed import Feed
from consent.exclusions.snapshots import part
from consent.reads.pipelines import Asker

__all__ = ["Delta", "Feed", "delta", "feed_of", "part"]


def feed_of(asker: Asker) -> Feed:
    """What its key opens."""
    return Feed(asker.collection, asker.purposes, asker.audience)
