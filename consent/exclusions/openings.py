"""The log's items, act by act, as the fold wants them."""

import json
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from consent.exclusions.fold import Opened
from registry.models import Entry, Opening

PAGE = 1_000


def acts(size: int) -> Iterator[Opened]:
    """The acts of entries [0, size), in order, a page in memory at a time.

    Items are our own canonical JSON; that they are the bytes committed to, `registry.log.fsck` tells.
    """
    for start in range(0, size, PAGE):
        indexed = dict(
            Entry.objects.filter(index__gte=start, index__lt=min(start + PAGE, size)).values_list("act", "index")
        )
        openings = Opening.objects.filter(act__any=indexed).order_by("act", "position").values_list("act", "item")
        items = {
            act: tuple(json.loads(bytes(item)) for _, item in group)
            for act, group in groupby(openings.iterator(), key=itemgetter(0))
        }
        for act in sorted(indexed, key=indexed.__getitem__):
            yield Opened(act, items.get(act, ()))
