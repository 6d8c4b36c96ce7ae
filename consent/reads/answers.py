"""Who has answered what they were told, and who is late. Stewards read this."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from consent.models import Notification, Webhook
from consent.rules.deadlines import ANSWER_TO_NOTIFICATION
from registry.models.bulk import ask
from registry.reads.size import at_one_size

_UNANSWERED: Final = Q(outcome=None)
COUNTED: Final = """
    SELECT pipeline.id, pipeline.name,
        count(*) FILTER (WHERE outcome IS NULL AND created_at < %(since)s) AS late,
        count(*) FILTER (WHERE outcome IS NULL AND created_at >= %(since)s) AS waiting,
        count(*) FILTER (WHERE outcome IS NOT NULL) AS answered
    FROM consent_notification JOIN consent_pipeline pipeline ON pipeline.serial = pipeline_id
    GROUP BY pipeline.id, pipeline.name ORDER BY late DESC, waiting DESC, pipeline.name, pipeline.id
"""


class Show(StrEnum):
    """Which notifications: `waiting` for an answer and in time, `late`, `answered`, or all of them."""

    LATE = "late"
    WAITING = "waiting"
    ANSWERED = "answered"
    ALL = "all"


@dataclass(frozen=True)
class Organisation:
    """What one pipeline was told, counted. The three are all of it."""

    pipeline: UUID
    name: str
    late: int
    waiting: int
    answered: int


@dataclass(frozen=True)
class Word:
    """One notification. `images`: how many it tells of. `received`: some webhook of the pipeline's has had it."""

    pipeline: UUID
    name: str
    kind: str
    model: str
    images: int
    created_at: datetime
    due_at: datetime
    outcome: str | None
    answered_at: datetime | None
    received: bool


@dataclass(frozen=True)
class Answers:
    """At one size: every pipeline that was told anything, those with most that is late first; and some of the words,
    the oldest first (answered ones: the newest answer first). `more`: others follow."""

    size: int
    organisations: tuple[Organisation, ...]
    words: tuple[Word, ...]
    more: bool


def answers(*, show: Show, pipeline: UUID | None, at: datetime, after: int = 0, limit: int) -> Answers:
    """At most `limit` words behind the first `after`; of one pipeline, or of all."""
    with at_one_size() as size:
        counted = _counted(at)
        wanted = Notification.objects.filter(_chosen(show, at))
        if pipeline is not None:
            wanted = wanted.filter(pipeline__id=pipeline)
        order = ("-answered_at", "-serial") if show is Show.ANSWERED else ("serial",)
        hooks = Webhook.objects.filter(pipeline=OuterRef("pipeline"), delivered__gte=OuterRef("serial"))
        rows = wanted.select_related("pipeline", "manifest").annotate(received=Exists(hooks)).order_by(*order)
        found = list(rows[after : after + limit + 1])
    words = tuple(_word(row, received=row.received) for row in found[:limit])
    return Answers(size, counted, words, more=len(found) > limit)


def _chosen(show: Show, at: datetime) -> Q:
    since = at - ANSWER_TO_NOTIFICATION
    return {
        Show.LATE: _UNANSWERED & Q(created_at__lt=since),
        Show.WAITING: _UNANSWERED & Q(created_at__gte=since),
        Show.ANSWERED: ~_UNANSWERED,
        Show.ALL: Q(),
    }[show]


def _counted(at: datetime) -> tuple[Organisation, ...]:
    (rows,) = ask(COUNTED, {"since": at - ANSWER_TO_NOTIFICATION})
    return tuple(Organisation(*row) for row in rows)


def _word(row: Notification, *, received: bool) -> Word:
    return Word(
        pipeline=row.pipeline.id,
        name=row.pipeline.name,
        kind=row.kind,
        model=row.manifest.model if row.manifest is not None else "",
        images=1 if row.count is None else row.count,
        created_at=row.created_at,
        due_at=row.created_at + ANSWER_TO_NOTIFICATION,
        outcome=row.outcome,
        answered_at=row.answered_at,
        received=received,
    )
