"""Which images there are, and which fingerprints each has: for those who keep files beside the rows."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from uuid import UUID

from registry.models import Fingerprint, Image
from registry.rules.lifecycle import ImageState

PAGE = 500


@dataclass(frozen=True)
class Made:
    """A registered image, and the (algorithm, version) of each of its fingerprints."""

    image: UUID
    fingerprints: frozenset[tuple[str, int]]


def known(images: Collection[UUID]) -> set[UUID]:
    """Those of these numbers that have a row, in any state."""
    return set(Image.objects.filter(id__in=list(images)).values_list("id", flat=True))


def digest(image: UUID) -> bytes:
    """SHA-256 of its bytes as they came."""
    return bytes(Image.objects.values_list("sha256", flat=True).get(id=image))


def count_registered() -> int:
    return Image.objects.filter(state=ImageState.REGISTERED).count()


def registered() -> Iterator[Made]:
    """All of them by number, a page at a time: those that come meanwhile may be left out."""
    after = UUID(int=0)
    while page := _page(after):
        yield from page
        after = page[-1].image


def _page(after: UUID) -> list[Made]:
    rows = Image.objects.filter(state=ImageState.REGISTERED, id__gt=after).order_by("id")
    images = list(rows.values_list("id", flat=True)[:PAGE])
    made: dict[UUID, set[tuple[str, int]]] = {image: set() for image in images}
    prints = Fingerprint.objects.filter(image__in=images)
    for image, algorithm, version in prints.values_list("image", "algorithm", "version"):
        made[image].add((algorithm, version))
    return [Made(image, frozenset(found)) for image, found in made.items()]
