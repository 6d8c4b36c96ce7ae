"""What a claimant may suspend of other people's before a person looks, and how a case holds what it found.

The very bytes that somebody asks about wait for nothing. Of altered copies, only those count that were permitted when
they were restricted: copies that nobody allowed are restricted, too, and use up nothing.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from consent.exclusions.allowances import REACH, most, reach_left, suspended
from consent.models import Case, CaseImage
from consent.rules.lifecycle import CaseState, Hold
from consent.rules.likeness import Likeness
from registry.models.bulk import ask, uuid_array
from registry.rules.items import Item

IN_USE: Final = """
    SELECT image_id, collection_id FROM consent_standing
    WHERE image_id = ANY(%(images)s::uuid[]) AND EXISTS (SELECT FROM unnest(until) AS ends WHERE ends > %(now)s)
"""


@dataclass(frozen=True)
class Share:
    """Of some images: those that may be restricted now, and those of them that were in use."""

    restricted: frozenset[UUID]
    in_use: frozenset[UUID]

    def hold(self, image: UUID) -> Hold:
        return Hold.RESTRICTED if image in self.restricted else Hold.NOTED


def one_at_a_time(claimant: str) -> None:
    """Two acts of one claimant at the same moment would both find the allowance unused."""
    key = int.from_bytes(hashlib.sha256(claimant.encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def share(images: Sequence[UUID], *, claimant: str, exact: Collection[UUID], at: datetime) -> Share:
    """What the claimant may restrict of these, whose order counts. `exact`: the very bytes, for which nothing waits.

    A claimant without a name (`Case.claimant`) has no allowance, and restricts nothing but those.
    """
    in_use = _in_use(images, at)
    free = set(exact)
    if claimant:
        free |= set(images) - in_use.keys()
        free |= set(_within([image for image in images if image not in free], in_use, claimant, at))
    return Share(frozenset(free), frozenset(free & in_use.keys()))


def hold(
    case: Case,
    images: Sequence[UUID],
    *,
    measured: Mapping[UUID, Likeness],
    at: datetime,
    exact: Collection[UUID] = (),
) -> list[Item]:
    """Restrict what the case's claimant may of these locked images and note the others; the items that say so."""
    shared = share(images, claimant=case.claimant, exact=exact, at=at)
    held = [_held(case, image, measured.get(image), shared, at) for image in images]
    CaseImage.objects.bulk_create(held)
    said = {"case": str(case.id)}
    return [Item(each.hold, image=each.image_id, particulars=said) for each in held]


def _held(case: Case, image: UUID, measured: Likeness | None, shared: Share, at: datetime) -> CaseImage:
    in_use = image in shared.in_use
    held = CaseImage(case=case, image_id=image, hold=shared.hold(image), held_at=at, in_use=in_use)
    if measured is not None:
        held.of_id, held.distance = measured.of, measured.distance
        held.alteration, held.likeness = measured.alteration, measured.likeness
    return held


def _in_use(images: Sequence[UUID], at: datetime) -> dict[UUID, UUID]:
    """Those of which some use is permitted, with their collections."""
    (found,) = ask(IN_USE, {"images": uuid_array(images), "now": int(at.timestamp())})
    return dict(found)


def _within(images: Sequence[UUID], in_use: Mapping[UUID, UUID], claimant: str, at: datetime) -> list[UUID]:
    """The first of these that neither the claimant's allowance nor their collections' limits stop."""
    left, room, chosen = reach_left(claimant, at), dict[UUID, int](), list[UUID]()
    confirmed = Case.objects.filter(claimant=claimant, state=CaseState.FULFILLED).exists()
    for image in images:
        collection = in_use[image]
        if collection not in room:
            room[collection] = REACH if confirmed else most(collection) - suspended(collection, at)
        if len(chosen) < left and room[collection] > 0:
            chosen.append(image)
            room[collection] -= 1
    return chosen
