"""The log's items, act by act, as the fold wants them."""

from collections.abc import Iterator
from itertools import groupby

from consent.exclusions.fold import Opened
from consentkit import canonical
from registry.models import Entry, Opening

PAGE = 1_000


def acts(size: int) -> Iterator[Opened]:
    """The acts of entries [0, size), in order, a page in memory at a time."""
    for start in range(0, size, PAGE):
        indexed = dict(
            Entry.objects.filter(index__gte=start, index__lt=min(start + PAGE, size)).values_list("act", "index")
        )
        openings = Opening.objects.filter(act__in=indexed).order_by("act", "position")
        items = {
            act: tuple(canonical.decode(bytes(opening.item)) for opening in group)
            for act, group in groupby(openings.iterator(), key=lambda opening: opening.act)
        }
        for act in sorted(indexed, key=indexed.__getitem__):
            yield Opened(act, items.get(act, ()))
