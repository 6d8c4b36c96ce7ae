"""The facts about images, read from the rows of both tiers."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from consent.models import Standing
from consent.rules.lifecycle import GrantState, Hold
from consent.rules.reasons import Reason
from consent.rules.standings import Facts, Terms, terms
from consentkit.scopes import PURPOSES, SCOPES, scope
from registry.models.bulk import ask, uuid_array
from registry.rules.lifecycle import ImageState

# One round trip whatever the number of images, and plain tuples out: every act reads them.
IMAGES: Final = """
    SELECT id, collection_id, sha256, held, state,
        (SELECT coalesce(bit_or(in_force), 0) FROM consent_withdrawalline WHERE image_id = image.id),
        ARRAY(SELECT hold FROM consent_caseimage WHERE image_id = image.id),
        ARRAY(SELECT source_id FROM registry_derivation WHERE derived_id = image.id)
    FROM registry_image image WHERE id = ANY(%(images)s::uuid[])
"""
SHOWN: Final = """
    SELECT shown.image_id, shown.person_id, shown.confirmed, given.purpose, given.audience, given.until
    FROM registry_depiction shown
    LEFT JOIN (
        SELECT image_id, person_id, serial, purpose, audience, extract(epoch FROM until)::bigint AS until
        FROM consent_grantline JOIN consent_grant ON serial = grant_id WHERE state = %(given)s
    ) given ON given.image_id = shown.image_id AND given.person_id = shown.person_id AND shown.confirmed
    WHERE shown.image_id = ANY(%(images)s::uuid[])
    ORDER BY given.serial
"""


@dataclass(frozen=True)
class Row:
    """The content of a standing's row: all of it but the act that made it so."""

    collection: UUID
    sha256: bytes
    held: bool
    terms: Terms


@dataclass
class _Shown:
    """Who is shown in one image, and what each of them has granted; the newest grant of a scope counts."""

    confirmed: bool = True
    granted: dict[UUID, list[int | None]] = field(default_factory=dict)


class _Image(NamedTuple):
    """What one image's own row says, and the lines that point at it."""

    collection: UUID
    sha256: bytes
    held: bool
    state: str
    withdrawn: int
    holds: list[str]
    sources: list[UUID]


def rows(images: Collection[UUID]) -> dict[UUID, Row]:
    """The rows that follow from the facts, for images that are locked together with their descendants."""
    described, depicted = ask(f"{IMAGES}; {SHOWN}", {"images": uuid_array(images), "given": GrantState.GIVEN})
    found = {image: _Image(*columns) for image, *columns in described}
    shown = _shown(depicted)
    derived: dict[UUID, Terms] = {}

    def terms_of(image: UUID) -> Terms:
        """Sources before what was made from them; the house refuses circles, so this ends."""
        if image not in derived:
            of, people = found[image], shown[image]
            derived[image] = terms(
                Facts(
                    fingerprinted=of.state == ImageState.REGISTERED,
                    held=of.held,
                    erased=False,
                    revoked=Hold.REVOKED in of.holds,
                    restricted=Hold.RESTRICTED in of.holds,
                    everyone_confirmed=bool(people.granted) and people.confirmed,
                    withdrawn=of.withdrawn,
                    granted=tuple(map(tuple, people.granted.values())),
                    sources=tuple(terms_of(s) if s in found else _stored(s) for s in of.sources),
                )
            )
        return derived[image]

    return {image: Row(of.collection, of.sha256, of.held, terms_of(image)) for image, of in found.items()}


def _shown(depicted: Sequence[tuple[Any, ...]]) -> dict[UUID, _Shown]:
    shown: dict[UUID, _Shown] = defaultdict(_Shown)
    for image, person, confirmed, purpose, audience, until in depicted:
        of = shown[image]
        of.confirmed &= confirmed
        if confirmed and person is not None:
            granted = of.granted.setdefault(person, [None] * SCOPES)
            if until is not None:
                granted[scope(PURPOSES[purpose], audience)] = until
    return shown


def _stored(image: UUID) -> Terms:
    """A source outside the act: its row is what the act that last changed it left."""
    row = Standing.objects.get(image=image)
    return stored_terms(tuple(row.until), tuple(row.reason))


@lru_cache(maxsize=1024)
def stored_terms(until: tuple[int | None, ...], reason: tuple[int | None, ...]) -> Terms:
    """The terms of a stored row; most rows say one of a few things."""
    return Terms(until, tuple(None if code is None else Reason(code) for code in reason))
