"""The facts about images, read from the rows of both tiers."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from graphlib import TopologicalSorter
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
    SELECT id, collection_id, sha256, state,
        (SELECT coalesce(bit_or(in_force), 0) FROM consent_withdrawalline WHERE image_id = image.id),
        ARRAY(SELECT hold FROM consent_caseimage WHERE image_id = image.id),
        ARRAY(SELECT source_id FROM registry_derivation WHERE derived_id = image.id),
        coalesce((SELECT denied & ~lifted FROM registry_signal WHERE image_id = image.id), 0)
    FROM registry_image image WHERE id = ANY(%(images)s::uuid[])
"""
# Of each who brought it, everybody whom they state to be shown. A statement that names nobody has one row without any.
SHOWN: Final = """
    SELECT bringing.image_id, shown.person_id, coalesce(shown.confirmed, false), given.purpose, given.audience,
        given.until
    FROM registry_bringing bringing
    LEFT JOIN registry_depiction shown ON shown.bringing_id = bringing.id
    LEFT JOIN (
        SELECT image_id, person_id, serial, purpose, audience, extract(epoch FROM until)::bigint AS until
        FROM consent_grantline JOIN consent_grant ON serial = grant_id WHERE state = %(given)s
    ) given ON given.image_id = bringing.image_id AND given.person_id = shown.person_id AND shown.confirmed
    WHERE bringing.image_id = ANY(%(images)s::uuid[]) AND NOT bringing.dismissed
    ORDER BY given.serial
"""


@dataclass(frozen=True)
class Row:
    """The content of a standing's row: all of it but the act that made it so."""

    collection: UUID
    sha256: bytes
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
    state: str
    withdrawn: int
    holds: list[str]
    sources: list[UUID]
    denied: int


def rows(images: Collection[UUID]) -> dict[UUID, Row]:
    """The rows that follow from the facts, for images that are locked together with their descendants.

    Sources before what was made from them, however long the chain; the house refuses circles.
    """
    described, depicted = ask(f"{IMAGES}; {SHOWN}", {"images": uuid_array(images), "given": GrantState.GIVEN})
    found = {image: _Image(*columns) for image, *columns in described}
    shown = _shown(depicted)
    known = _stored({source for each in found.values() for source in each.sources} - found.keys())
    for image in in_order({image: each.sources for image, each in found.items()}):
        if image in found:
            known[image] = _terms(found[image], shown[image], known)
    return {image: Row(each.collection, each.sha256, known[image]) for image, each in found.items()}


def in_order(sources: Mapping[UUID, Iterable[UUID]]) -> Iterable[UUID]:
    """Images and their sources, each behind what it was made from."""
    if not any(sources.values()):  # as of nearly all
        return sources
    return TopologicalSorter(sources).static_order()


def _terms(image: _Image, shown: _Shown, known: Mapping[UUID, Terms]) -> Terms:
    return terms(
        Facts(
            fingerprinted=image.state == ImageState.REGISTERED,
            erased=False,
            revoked=Hold.REVOKED in image.holds,
            restricted=Hold.RESTRICTED in image.holds,
            everyone_confirmed=bool(shown.granted) and shown.confirmed,
            withdrawn=image.withdrawn,
            granted=tuple(map(tuple, shown.granted.values())),
            sources=tuple(known[source] for source in image.sources),
            denied=image.denied,
        )
    )


def _shown(depicted: Sequence[tuple[Any, ...]]) -> dict[UUID, _Shown]:
    shown: dict[UUID, _Shown] = defaultdict(_Shown)
    for image, person, confirmed, purpose, audience, until in depicted:
        everyone = shown[image]
        everyone.confirmed &= confirmed
        if confirmed and person is not None:
            granted = everyone.granted.setdefault(person, [None] * SCOPES)
            if until is not None:
                granted[scope(PURPOSES[purpose], audience)] = until
    return shown


def _stored(images: Collection[UUID]) -> dict[UUID, Terms]:
    """Sources outside the act: their rows are what the act that last changed each left."""
    if not images:
        return {}
    found = Standing.objects.filter(image__any=list(images)).values_list("image", "until", "reason")
    return {image: stored_terms(tuple(until), tuple(reason)) for image, until, reason in found}


@lru_cache(maxsize=1024)
def stored_terms(until: tuple[int | None, ...], reason: tuple[int | None, ...]) -> Terms:
    """The terms of a stored row; most rows say one of a few things."""
    return Terms(until, tuple(None if code is None else Reason(code) for code in reason))
