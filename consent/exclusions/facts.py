"""The facts about images, read from the rows of both tiers."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache
from uuid import UUID

from consent.models import CaseImage, GrantLine, Standing, WithdrawalLine
from consent.rules.lifecycle import GrantState, Hold
from consent.rules.reasons import Reason
from consent.rules.standings import Facts, Terms, terms
from consentkit.scopes import PURPOSES, SCOPES, scope
from registry.models import Depiction, Derivation, Image
from registry.rules.lifecycle import ImageState


@dataclass(frozen=True)
class Row:
    """The content of a standing's row: all of it but the act that made it so."""

    collection: UUID
    sha256: bytes
    held: bool
    terms: Terms


@dataclass
class _Shown:
    """Who is shown in one image, and what each of them has granted."""

    confirmed: bool = True
    granted: dict[UUID, list[int | None]] = field(default_factory=dict)


def rows(images: Collection[UUID]) -> dict[UUID, Row]:
    """The rows that follow from the facts, for images that are locked together with their descendants."""
    found = {image.id: image for image in Image.objects.filter(id__any=images)}
    shown, withdrawn, held = _shown(images), _withdrawn(images), _holds(images)
    sources = _sources(images)
    derived: dict[UUID, Terms] = {}

    def terms_of(image: UUID) -> Terms:
        """Sources before what was made from them; the house refuses circles, so this ends."""
        if image not in derived:
            of = found[image]
            derived[image] = terms(
                Facts(
                    fingerprinted=of.state == ImageState.REGISTERED,
                    held=of.held,
                    erased=False,
                    revoked=Hold.REVOKED in held[image],
                    restricted=Hold.RESTRICTED in held[image],
                    everyone_confirmed=bool(shown[image].granted) and shown[image].confirmed,
                    withdrawn=withdrawn[image],
                    granted=shown[image].granted,
                    sources=[terms_of(s) if s in found else _stored(s) for s in sources[image]],
                )
            )
        return derived[image]

    return {image: Row(of.collection_id, bytes(of.sha256), of.held, terms_of(image)) for image, of in found.items()}


def _shown(images: Collection[UUID]) -> dict[UUID, _Shown]:
    shown: dict[UUID, _Shown] = defaultdict(_Shown)
    depictions = Depiction.objects.filter(image__any=images).values_list("image", "person", "confirmed")
    for image, person, confirmed in depictions:
        shown[image].confirmed &= confirmed
        if confirmed and person is not None:
            shown[image].granted[person] = [None] * SCOPES
    given = GrantLine.objects.filter(image__any=images, state=GrantState.GIVEN).order_by("grant__serial")
    lines = given.values_list("image", "grant__person", "purpose", "grant__audience", "grant__until")
    for image, person, purpose, audience, until in lines.iterator():
        if person in shown[image].granted:
            at = scope(PURPOSES[purpose], audience)
            shown[image].granted[person][at] = int(until.timestamp())
    return shown


def _withdrawn(images: Collection[UUID]) -> dict[UUID, int]:
    bits: dict[UUID, int] = defaultdict(int)
    lines = WithdrawalLine.objects.filter(image__any=images).exclude(in_force=0)
    for image, in_force in lines.values_list("image", "in_force"):
        bits[image] |= in_force
    return bits


def _holds(images: Collection[UUID]) -> dict[UUID, set[str]]:
    holds: dict[UUID, set[str]] = defaultdict(set)
    for image, hold in CaseImage.objects.filter(image__any=images).values_list("image", "hold"):
        holds[image].add(hold)
    return holds


def _sources(images: Collection[UUID]) -> dict[UUID, list[UUID]]:
    sources: dict[UUID, list[UUID]] = defaultdict(list)
    for source, derived in Derivation.objects.filter(derived__any=images).values_list("source", "derived"):
        sources[derived].append(source)
    return sources


def _stored(image: UUID) -> Terms:
    """A source outside the act: its row is what the act that last changed it left."""
    row = Standing.objects.get(image=image)
    return stored_terms(tuple(row.until), tuple(row.reason))


@lru_cache(maxsize=1024)
def stored_terms(until: tuple[int | None, ...], reason: tuple[int | None, ...]) -> Terms:
    """The terms of a stored row; most rows say one of a few things."""
    return Terms(until, tuple(None if code is None else Reason(code) for code in reason))
