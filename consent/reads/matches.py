"""A pipeline's question: are these pictures of mine altered copies of protected ones? Only their views come in."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from django.db import connection

from consent.exclusions import matching
from consent.models.protections import refuse_unknown_version
from consent.reads.pipelines import Asker
from consent.rules.pictures import asking_views, pixels
from consent.rules.reasons import PROTECTING, Decision, Reason, wire
from consentkit.fingerprints.views import VERSION, Views, protected
from consentkit.matching.alteration import alteration
from consentkit.matching.resident import Match, Resident
from consentkit.scopes import scope
from registry import originals
from registry.reads.size import at_one_size

TURNS: Final = 20  # transactions, each with a page of news, after which an answer says that it is not complete
FEW: Final = 8  # images whose views are made while the answer waits, 40 ms each

STANDINGS: Final = """
    SELECT image_id, reason[%(position)s] FROM consent_standing
    WHERE image_id = ANY(%(images)s::uuid[]) AND collection_id = %(collection)s
        AND reason[%(position)s] = ANY(%(protecting)s::smallint[])
"""


@dataclass(frozen=True)
class Found:
    """A protected image that a picture is a copy of. `distance` in bits of 248; `reason` as a pipeline is told it."""

    image: UUID
    distance: int
    alteration: str
    reason: str


@dataclass(frozen=True)
class PictureMatches:
    """The answer for one picture, nearest match first. Never permitted: that nothing matches permits nothing."""

    decision: Decision
    reason: str | None
    matches: tuple[Found, ...]


@dataclass(frozen=True)
class Matched:
    """One answer a picture, in their order, true at `size`. `compared`: with how many images that are or were
    protected, of how many in `protected`; the others have no views yet, or came too fast.
    """

    size: int
    compared: int
    protected: int
    pictures: tuple[PictureMatches, ...]
    doubted: bool = False

    @property
    def complete(self) -> bool:
        """Whether every protected image was compared, and the log is not in doubt about which those are."""
        return self.compared == self.protected and not self.doubted

    @property
    def images(self) -> bytes:
        """The ids of those that it names, 16 bytes each."""
        return b"".join(found.image.bytes for picture in self.pictures for found in picture.matches)


def match(asker: Asker, *, purpose: str, version: int, pictures: Sequence[bytes]) -> Matched:
    """Of each picture's packed views, what they match in the asker's collection.

    Ten thousand pictures take longer than a transaction may stand idle, so they are searched before the one that
    answers. What that one finds to be protected and not searched, a page at most, is searched then, and another one
    answers.
    Raises UnknownVersion and FingerprintMalformed.
    """
    refuse_unknown_version(version)
    asked = asking_views(pictures)
    index = matching.current(version)
    seen, held, searched = index.seen, index.count(asker.collection), set[UUID]()
    near = [index.matches(views, collection=asker.collection) for views in asked]
    for turn in range(TURNS):
        with at_one_size() as size:
            news = matching.news(version, collection=asker.collection, seen=seen, searched=searched)
            reasons = _reasons(asker, purpose, {each.key for matches in near for each in matches})
        made = _made(news.images, version) if turn < TURNS - 1 else {}
        if not made:
            break
        searched |= made.keys()
        beside = Resident(made.items())
        near = [[*matches, *beside.matches(views)] for matches, views in zip(near, asked, strict=True)]
    compared = held + len(searched)
    return Matched(size, compared, compared + news.count, tuple(_answer(matches, reasons) for matches in near))


def _made(news: Mapping[UUID, Views | None], version: int) -> dict[UUID, Views]:
    """The views of what is not in the index yet; of those that wait for them, if they are few."""
    waiting = [image for image, views in news.items() if views is None]
    if len(waiting) > FEW or version != VERSION:
        waiting = []
    made = {image: views for image, views in news.items() if views is not None}
    for image in waiting:
        with suppress(FileNotFoundError):  # registered before small pictures were kept: it stays unknown
            made[image] = _views(image)
    return made


@lru_cache(maxsize=8 * FEW)
def _views(image: UUID) -> Views:
    """Asked for again and again until a worker has stored them."""
    return protected(pixels(originals.small(image).read_bytes()))


def _reasons(asker: Asker, purpose: str, images: set[UUID]) -> dict[UUID, Reason]:
    """Of those that are protected against this use, why."""
    if not images:
        return {}
    position = scope(purpose, asker.audience) + 1  # SQL counts from one
    protecting = [int(reason) for reason in PROTECTING]
    asked: dict[str, Any] = {
        "images": list(images),
        "position": position,
        "collection": asker.collection,
        "protecting": protecting,
    }
    with connection.cursor() as cursor:
        cursor.execute(STANDINGS, asked)
        return {image: Reason(code) for image, code in cursor.fetchall()}


def _answer(matches: Sequence[Match[UUID]], reasons: Mapping[UUID, Reason]) -> PictureMatches:
    counted = sorted((each for each in matches if each.key in reasons), key=lambda each: each.near.distance)
    found = tuple(
        Found(each.key, each.near.distance, alteration(each.near), wire(reasons[each.key])) for each in counted
    )
    if not found:
        return PictureMatches(Decision.UNKNOWN, None, ())
    return PictureMatches(Decision.EXCLUDED, wire(min(reasons[each.key] for each in counted)), found)
