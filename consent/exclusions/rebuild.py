"""Standings and totals made anew from the log alone: for a registry whose rows are in doubt."""

from collections import defaultdict
from uuid import UUID

from django.db import transaction

from consent.exclusions.facts import Row
from consent.exclusions.fold import fold
from consent.exclusions.openings import acts
from consent.exclusions.protecting import await_views
from consent.exclusions.snapshots import alone_with_snapshots
from consent.exclusions.standings import insert, move_totals, stop_restating
from consent.models import FeedTotal, Snapshot, Standing
from registry.log.recorder import head_size, stop_the_log


@transaction.atomic(durable=True)
def rebuild() -> int:
    """Replace every row; the number of rows. No act can be recorded meanwhile. A crash leaves the old rows.

    Snapshots go with the rows that they were made of: the next is made of these. One that is being built is waited
    for, else it would appear afterwards. Protected views stay; an image that lacks its row waits for them.
    """
    alone_with_snapshots()
    stop_restating()
    stop_the_log()
    folded = fold(acts(head_size()))
    Standing.objects.all().delete()
    FeedTotal.objects.all().delete()
    Snapshot.objects.all().delete()
    by_act: dict[UUID, dict[UUID, Row]] = defaultdict(dict)
    for image, known in folded.items():
        if known.row is not None and known.act is not None:
            by_act[known.act][image] = known.row
    for act, rows in by_act.items():
        insert(act, rows)
        move_totals({}, rows)
        await_views(rows, rows)
    return len(folded)
