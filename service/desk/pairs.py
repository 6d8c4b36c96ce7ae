"""The two pictures that a steward compares, and what matched, in words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from consent.reads.cases import Docket, Held
from consentkit.fingerprints.pixels import CONFIRMED
from registry import originals
from service import words


@dataclass(frozen=True)
class Side:
    """One picture and what it is. `address` is empty where there is no preview."""

    named: words.Words
    address: str


@dataclass(frozen=True)
class Pair:
    """One picture of a case beside the one that it is compared with, if that can be seen.

    `distance` is in bits of 248, `percent` how alike the pixels are; None where it is the very file.
    """

    image: UUID
    sides: tuple[Side, ...]
    alteration: str
    distance: int | None
    percent: int | None
    hold: words.Words
    same: bool


def pairs(docket: Docket, *, ticks: Mapping[UUID, bool]) -> list[Pair]:
    """The case's pictures in its order. `ticks`: what a steward said of some; of the others, what pixels confirm."""
    asked = _asked(docket)
    return [_pair(docket, held, asked, ticks) for held in docket.images]


def _pair(docket: Docket, held: Held, asked: Side | None, ticks: Mapping[UUID, bool]) -> Pair:
    confirmed = held.likeness is None or held.likeness >= CONFIRMED  # without a likeness it is the very file
    return Pair(
        image=held.image,
        sides=tuple(_sides(docket, held, asked)),
        alteration=words.alteration(held.alteration),
        distance=held.distance,
        percent=None if held.likeness is None else round(100 * max(0.0, held.likeness)),
        hold=words.HOLD[held.hold],
        same=ticks.get(held.image, confirmed),
    )


def _sides(docket: Docket, held: Held, asked: Side | None) -> Iterator[Side]:
    """The copy first, then what it is a copy of."""
    if docket.kind == "copy":
        yield Side(_("The upload"), _address(docket, held.image))
        if held.of is not None:
            yield Side(_("The picture that must not be used"), _address(docket, held.of))
        return
    if asked is not None:
        yield asked
    yield Side(_("In the registry"), _address(docket, held.image))


def _asked(docket: Docket) -> Side | None:
    """The asker's picture: there from when it was read until the case is decided."""
    if docket.open and originals.asked_preview(docket.id).exists():
        return Side(_("From the request"), reverse("desk-asked", args=[docket.id]))
    return None


def _address(docket: Docket, image: UUID) -> str:
    """Empty where nothing was decoded, or all of it was erased."""
    return reverse("desk-preview", args=[docket.id, image]) if originals.preview(image).exists() else ""


def seen_in(docket: Docket) -> frozenset[UUID]:
    """The pictures whose previews belong to the case."""
    if docket.kind == "statements":
        return frozenset({UUID(docket.asked)})
    return frozenset(each for held in docket.images for each in (held.image, held.of) if each is not None)
