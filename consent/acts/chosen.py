"""The images that an act is about: chosen by their ids, or all of a person's."""

from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID

from django.db import connection

from registry.errors import NotFound
from registry.models import Image, Person

Chosen = Sequence[UUID] | Literal["all"]

# What `Image.objects.of` says, as a union, so that each half has its index however many images there are.
THEIRS: Final = """
    SELECT id FROM (
        SELECT id FROM registry_image WHERE contributor_id = %(person)s
        UNION SELECT image_id FROM registry_depiction WHERE person_id = %(person)s AND confirmed
    ) theirs
"""
ALL: Final = f"{THEIRS} ORDER BY id"
CHOSEN: Final = f"{THEIRS} WHERE id = ANY(%(images)s::uuid[]) ORDER BY id"


def theirs(person: UUID, images: Chosen) -> list[UUID]:
    """The ids meant, in order. Raises NotFound when any is not this person's, in the words for one that does not
    exist."""
    with connection.cursor() as cursor:
        if images == "all":
            cursor.execute(ALL, {"person": person})
        else:
            cursor.execute(CHOSEN, {"person": person, "images": list(images)})
        found = [image for (image,) in cursor.fetchall()]
    if images != "all" and len(found) != len(set(images)):
        raise NotFound("At least one of these images is not among yours.")
    return found


def lock(person: UUID, images: Chosen) -> list[UUID]:
    """Lock the person, then the images with their closure; the ids meant, in order. Raises NotFound."""
    Person.objects.locked(person)
    ids = theirs(person, images)
    Image.objects.lock_closure(ids)
    return ids
