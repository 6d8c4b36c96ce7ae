"""The rows against the log: standings, totals and states, replayed from the openings and compared (law 5)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from consent.exclusions.facts import Row, rows
from consent.exclusions.fold import Folded, Opened, fold
from consent.exclusions.openings import acts
from consent.exclusions.standings import digests, stored
from consent.models import FeedTotal, Standing
from consent.reads import disclosures
from consent.rules.disclosures import WHAT as LOGGED
from consentkit.published import WHAT as PUBLISHED
from consentkit.scopes import FEED_MODULUS
from registry.reads.size import at_one_size

PAGE = 5_000


def differences() -> Iterator[str]:
    """Each difference in words; none when rows and log tell one story. One size for all of it."""
    with at_one_size() as size:
        noted: dict[str, list[Mapping[str, Any]]] = {PUBLISHED: [], LOGGED: []}
        folded = fold(_noting(acts(size), noted))
        yield from _standings(folded)
        yield from _states(folded)
        yield from _totals(folded)
        yield from _snapshots(noted[PUBLISHED])
        yield from disclosures.differences(noted[LOGGED])


def _noting(read: Iterable[Opened], noted: Mapping[str, list[Mapping[str, Any]]]) -> Iterator[Opened]:
    """The acts as they come, while the items of these kinds are kept: the log is read once."""
    for opened in read:
        for item in opened.items:
            if item["what"] in noted:
                noted[item["what"]].append(item)
        yield opened


def _snapshots(published: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Of one feed at one size there is one list: two would be what two pipelines were shown."""
    seen: set[str] = set()
    for item in published:
        of = f"collection {item['collection']}, {item['audience']}, {', '.join(item['purposes'])}, size {item['size']}"
        if of in seen:
            yield f"{of}: two snapshots were published"
        seen.add(of)


def _standings(folded: Mapping[UUID, Folded]) -> Iterator[str]:
    held = dict(Standing.objects.values_list("image", "act"))
    for image in held.keys() ^ folded.keys():
        yield f"image {image}: a standing without a submission, or a submission without a standing"
    for page in _pages(folded):
        for image, row in stored(page).items():
            if row != folded[image].row:
                yield f"image {image}: its standing is not the fold of the log"
            if held[image] != folded[image].act:
                yield f"image {image}: another act changed it last"


def _states(folded: Mapping[UUID, Folded]) -> Iterator[str]:
    """What the rows of grants, withdrawals and cases say must come to the same as the items."""
    for page in _pages(folded):
        for image, row in rows(page).items():
            if row != folded[image].row:
                yield f"image {image}: its records do not say what the log says"


def _pages(folded: Mapping[UUID, Folded]) -> Iterator[set[UUID]]:
    images = sorted(folded)
    for start in range(0, len(images), PAGE):
        yield set(images[start : start + PAGE])


def _totals(folded: Mapping[UUID, Folded]) -> Iterator[str]:
    wanted = totals({image: known.row for image, known in folded.items() if known.row})
    found = {(t.collection_id, t.scope): (t.count, int(t.total)) for t in FeedTotal.objects.all()}
    for key in wanted.keys() | found.keys():
        if found.get(key, (0, 0)) != wanted.get(key, (0, 0)):
            yield f"collection {key[0]}, scope {key[1]}: the total is not the sum of the rows"


def totals(by_image: Mapping[UUID, Row]) -> dict[tuple[UUID, int], tuple[int, int]]:
    """By collection and scope: images in the feed, and the sum of their digests mod 2²⁵⁶."""
    counts: dict[tuple[UUID, int], int] = defaultdict(int)
    sums: dict[tuple[UUID, int], int] = defaultdict(int)
    for image, row in by_image.items():
        for scope, digest in enumerate(digests(image, row)):
            counts[row.collection, scope] += 1
            sums[row.collection, scope] += digest
    return {key: (counts[key], sums[key] % FEED_MODULUS) for key in counts}
