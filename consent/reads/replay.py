"""The rows against the log: standings, totals and states, replayed from the openings and compared (law 5)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from uuid import UUID

from consent.exclusions.facts import Row, rows
from consent.exclusions.fold import Folded, fold
from consent.exclusions.openings import acts
from consent.exclusions.standings import digests, stored
from consent.models import FeedTotal, Standing
from consentkit.scopes import FEED_MODULUS
from registry.reads.size import at_one_size

PAGE = 5_000


def differences() -> Iterator[str]:
    """Each difference in words; none when rows and log tell one story. One size for all of it."""
    with at_one_size() as size:
        folded = fold(acts(size))
        yield from _standings(folded)
        yield from _states(folded)
        yield from _totals(folded)


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
        if not row.held:
            for scope, digest in enumerate(digests(image, row)):
                counts[row.collection, scope] += 1
                sums[row.collection, scope] += digest
    return {key: (counts[key], sums[key] % FEED_MODULUS) for key in counts}
