"""The images that an act is about: chosen by their ids, or all of a person's."""

from collections.abc import Sequence
from typing import Final, Literal
from uuid import UUID

from registry.errors import NotFound
from registry.models import Image, Person
from registry.models.bulk import ask, uuid_array

Chosen = Sequence[UUID] | Literal["all"]

# What `Image.objects.of` says, as a union, so that each half has its index however many images there are.
THEIRS: Final = """
    SELECT id FROM (
        SELECT image_id AS id FROM registry_bringing WHERE person_id = %(person)s AND NOT dismissed
        UNION SELECT image_id FROM registry_depiction WHERE person_id = %(person)s AND confirmed
    ) theirs
"""
THESE: Final = {
    "all": f"{THEIRS} ORDER BY id",
    "chosen": f"{THEIRS} WHERE id = ANY(%(images)s::uuid[]) ORDER BY id",
}
LOCK: Final = "SELECT id FROM registry_person WHERE id = %(person)s FOR NO KEY UPDATE"


def lock(person: UUID, images: Chosen) -> list[UUID]:
    """Lock the person, then the images with their closure; the ids meant, in order. Raises NotFound."""
    statement, parameters = _asked(person, images)
    locked, found = ask(f"{LOCK}; {statement}", parameters)
    if not locked:
        raise Person.DoesNotExist
    ids = _meant(found, images)
    Image.objects.lock_closure(ids)
    return ids


def _asked(person: UUID, images: Chosen) -> tuple[str, dict[str, object]]:
    if images == "all":
        return THESE["all"], {"person": person}
    return THESE["chosen"], {"person": person, "images": uuid_array(images)}


def _meant(found: list[tuple[UUID]], images: Chosen) -> list[UUID]:
    if images != "all" and len(found) != len(set(images)):
        raise NotFound("At least one of these images is not among yours.")
    return [image for (image,) in found]
