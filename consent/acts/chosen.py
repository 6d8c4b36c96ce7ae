"""The images that an act is about: chosen by their ids, or all of a person's."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from registry.errors import NotFound
from registry.models import Image, Person

Chosen = Sequence[UUID] | Literal["all"]


def theirs(person: UUID, images: Chosen) -> list[UUID]:
    """The ids meant, in order. Raises NotFound when any is not this person's, in the words for one that does not
    exist."""
    own = Image.objects.of(person)
    ids = sorted(own.values_list("id", flat=True)) if images == "all" else sorted(set(images))
    if images != "all" and own.filter(id__any=ids).count() != len(ids):
        raise NotFound("At least one of these images is not among yours.")
    return ids


def lock(person: UUID, images: Chosen) -> list[Image]:
    """Lock the person, then the images with their closure; the images in order of id. Raises NotFound."""
    Person.objects.locked(person)
    ids = theirs(person, images)
    Image.objects.lock_closure(ids)
    return list(Image.objects.filter(id__any=ids).order_by("id"))
