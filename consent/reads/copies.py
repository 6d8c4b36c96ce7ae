"""Copies of a picture that the registry holds itself: found by views, and confirmed by pixels.

Nobody outside the desk is told what these find.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from consent.exclusions import matching
from consent.models import Case, Pipeline, Protection, Standing
from consent.models.protections import wait_for_registrations
from consent.rules.lifecycle import GUARDS, CaseState
from consent.rules.likeness import Likeness, Sighting
from consent.rules.pictures import pixels, views_of
from consent.rules.reasons import PROTECTING
from consentkit.fingerprints.asking import unpacked_many
from consentkit.fingerprints.pixels import CONFIRMED, likeness
from consentkit.fingerprints.preparation import Pixels
from consentkit.fingerprints.views import VERSION, Views, asked, protected
from consentkit.matching.alteration import alteration
from consentkit.matching.resident import Match
from consentkit.matching.rule import Near
from consentkit.matching.sought import Sought
from consentkit.scopes import scope
from registry import originals
from registry.models import Image
from registry.reads.size import at_one_size

PAGE: Final = 20_000  # stored pictures of at most 198 bytes that are compared together

# Somebody who has to do with the original and did not bring the copy: only then is it another person's. Who brings the
# same bytes as the original gains nothing by it.
ANOTHERS: Final = """EXISTS (
    SELECT FROM registry_bringing claimant WHERE claimant.image_id = {original} AND NOT claimant.dismissed
        AND NOT EXISTS (
            SELECT FROM registry_bringing same
            WHERE same.image_id = {copy} AND same.person_id = claimant.person_id AND NOT same.dismissed
        )
)"""
# What a steward has revoked as a copy of somebody's picture does not stand against that person.
PROTECTED: Final = f"""
    SELECT image_id FROM consent_standing standing
    WHERE image_id = ANY(%(images)s::uuid[]) AND image_id <> %(copy)s AND reason && %(protecting)s::smallint[]
        AND {ANOTHERS.format(original="standing.image_id", copy="%(copy)s")} AND NOT EXISTS (
            SELECT FROM consent_caseimage found WHERE found.image_id = standing.image_id AND hold = 'revoked'
                AND found.of_id IS NOT NULL
                AND NOT {ANOTHERS.format(original="found.of_id", copy="%(copy)s")}
        )
"""  # noqa: S608 - our own words
REGISTERED: Final = f"""
    SELECT seen.id, seen.bits, image.id FROM registry_fingerprint seen
    JOIN registry_image image ON image.id = seen.image_id
    LEFT JOIN registry_image protected ON protected.id = %(of)s
    WHERE seen.algorithm = 'views256' AND seen.version = %(version)s AND seen.id > %(after)s
        AND (%(of)s::uuid IS NULL OR image.collection_id = protected.collection_id AND image.id <> protected.id
            AND {ANOTHERS.format(original="protected.id", copy="image.id")})
    ORDER BY seen.id LIMIT %(limit)s
"""  # noqa: S608 - our own words
# What pipelines left, of those that ask for a use that stands against the image.
DEPOSITED: Final = """
    SELECT deposit.id, deposit.views, pipeline_id, key FROM consent_deposit deposit
    WHERE deposit.version = %(version)s AND deposit.id > %(after)s AND pipeline_id = ANY(%(pipelines)s)
    ORDER BY deposit.id LIMIT %(limit)s
"""


@dataclass(frozen=True)
class Looked:
    """What an upload looks like, the nearest first, and the newest protection that the search knew.

    `found`: protected images, or what an accepted request was about (`of` None). `asked`: by open case, the picture
    that it is about.
    """

    found: tuple[Likeness, ...]
    asked: Mapping[UUID, Likeness]
    seen: int


def protected_copies(small: bytes, *, image: UUID) -> Looked:
    """Protected images of others in the same collection, and pictures asked about, that an uploaded one looks like."""
    new, picture = Image.objects.get(id=image), pixels(small)
    with at_one_size():
        seen = Protection.objects.all().latest_serial()
        index = matching.current(VERSION)
        near = index.matches(asked(picture), collection=new.collection_id)
        protecting = _protecting({match.key for match in near}, new)
        watching = index.matches(asked(picture), collection=None)
        states = _watching({match.key for match in watching}, image)
    found = [
        _confirmed(picture, _small(match.key), near=match.near, image=image, of=match.key)
        for match in near
        if match.key in protecting
    ]
    alike = [(match.key, _like_asked(picture, match, image)) for match in watching if match.key in states]
    opened = {case: each for case, each in alike if each and states[case] == CaseState.ACKNOWLEDGED}
    accepted = [each for case, each in alike if states[case] == CaseState.FULFILLED]
    return Looked(tuple(each for each in (*found, *accepted) if each), opened, seen)


def registered_copies(small: bytes, *, of: UUID | None = None) -> tuple[Likeness, ...]:
    """Registered images that look like this picture, the nearest first.

    `of`: the protected image whose picture it is; then those of others in its collection, and none is missed that was
    registered without having been compared with it. None: an asker's picture; then those of the whole registry.
    Call it outside any transaction: it waits for registrations that are under way.
    """
    wait_for_registrations()
    picture = pixels(small)
    found = [
        _confirmed(_small(image), picture, near=near, image=image, of=of)
        for (image,), near in _sought(protected(picture), REGISTERED, of=of)
    ]
    return tuple(sorted((each for each in found if each), key=lambda each: each.distance))


def deposited_copies(views: bytes, *, image: UUID) -> tuple[Sighting, ...]:
    """What pipelines left that looks like an image with these protected views; nobody has the pixels of theirs."""
    pipelines = _concerned(image)
    found = _sought(views_of(views), DEPOSITED, pipelines=pipelines)
    return tuple(Sighting(pipeline, key, image, near.distance, alteration(near)) for (pipeline, key), near in found)


def _protecting(images: set[UUID], new: Image) -> set[UUID]:
    said: dict[str, Any] = {
        "images": list(images),
        "copy": new.id,
        "protecting": [int(reason) for reason in PROTECTING],
    }
    with connection.cursor() as cursor:
        cursor.execute(PROTECTED, said)
        return {image for (image,) in cursor.fetchall()}


def _watching(cases: set[UUID], image: UUID) -> dict[UUID, str]:
    """Those of these cases that watch for their picture and do not list the image, with their states."""
    found = Case.objects.filter(id__in=cases, state__in=GUARDS).exclude(images__image=image)
    return dict(found.values_list("id", "state"))


def _like_asked(picture: Pixels | None, match: Match[UUID], image: UUID) -> Likeness | None:
    """The asker's picture goes with the decision; then the views alone say that something is like it."""
    kept = originals.asked_small(match.key)
    if not kept.exists():
        return Likeness(image, None, match.near.distance, alteration(match.near), None)
    return _confirmed(picture, pixels(kept.read_bytes()), near=match.near, image=image, of=None)


def _concerned(image: UUID) -> list[int]:
    """Pipelines of the image's collection with a purpose for which it is protected."""
    standing = Standing.objects.get(image=image)
    barred = {at for at, reason in enumerate(standing.reason) if reason in PROTECTING}
    pipelines = Pipeline.objects.filter(collection=standing.collection_id)
    return [each.serial for each in pipelines if barred & {scope(purpose, each.audience) for purpose in each.purposes}]


def _sought(views: Views, statement: str, **asked: Any) -> Iterator[tuple[Any, Near]]:
    """What the statement names and one picture's protected views match; a page in memory at a time."""
    sought = Sought(views)
    for keys, kept in _pages(statement, asked):
        asking, owners = unpacked_many(kept)
        for owner, near in sought.among(asking, owners):
            yield keys[owner], near


def _pages(statement: str, asked: dict[str, Any]) -> Iterator[tuple[list[Any], list[bytes]]]:
    """Keys and packed asking views, by ascending row number."""
    after, full = 0, True
    while full:
        with connection.cursor() as cursor:
            cursor.execute(statement, {"version": VERSION, "after": after, "limit": PAGE, **asked})
            rows = cursor.fetchall()
        full = len(rows) == PAGE
        if rows:
            after = rows[-1][0]
            yield [row[2:] for row in rows], [row[1] for row in rows]


def _confirmed(
    copy: Pixels | None, original: Pixels | None, *, near: Near, image: UUID, of: UUID | None
) -> Likeness | None:
    """None where the pixels differ, or are not there to be looked at."""
    if copy is None or original is None:
        return None
    alike = likeness(copy, original)
    return Likeness(image, of, near.distance, alteration(near), alike) if alike >= CONFIRMED else None


def _small(image: UUID) -> Pixels | None:
    try:
        return pixels(originals.small(image).read_bytes())
    except FileNotFoundError:  # registered before small pictures were kept
        return None
