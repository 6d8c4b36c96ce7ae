"""What one person states of a picture: who is shown, what it was made from. Parts of the acts that take a statement."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from registry.errors import DerivationCircle, NotFound, StatementLooser
from registry.models import Bringing, Depiction, Derivation, Image
from registry.models.images import with_descendants
from registry.rules.items import Item
from registry.rules.subjects import Subjects


@dataclass(frozen=True)
class Statement:
    """`photographer`: whoever states it took the picture. `derived_from`: pictures of theirs that it was made from."""

    subjects: Subjects
    photographer: bool = False
    collection: UUID | None = None
    derived_from: frozenset[UUID] = frozenset()


def lock(person: UUID, image: UUID | None, sources: frozenset[UUID]) -> None:
    """Lock the image, if it is there, and its sources, by id. Raises NotFound for a source that is not this person's,
    DerivationCircle for one that was made from the image."""
    Image.objects.lock_closure([*([image] if image else []), *sources])
    if Image.objects.of(person).filter(id__in=sources).distinct().count() != len(sources):
        raise NotFound("There is no such image among yours to derive from.")
    if image is not None and sources & with_descendants([image]):
        raise DerivationCircle("This picture was the source of the one that it is said to be made from.")


def depict(bringing: Bringing, subjects: Subjects) -> None:
    """Write who is shown by this statement, in place of what it said before."""
    Depiction.objects.filter(bringing=bringing).delete()
    shown = [Depiction(address=address, confirmed=False) for address in sorted(subjects.addresses)]
    if subjects.oneself:
        shown.append(Depiction(person_id=bringing.person_id, confirmed=True))
    if subjects.unknown:
        shown.append(Depiction(confirmed=False))
    for each in shown:
        each.bringing, each.image_id = bringing, bringing.image_id
    Depiction.objects.bulk_create(shown)


def derive(bringing: Bringing, sources: Iterable[UUID]) -> None:
    """Add sources, which are locked."""
    Derivation.objects.bulk_create(
        [Derivation(bringing=bringing, source_id=source, derived_id=bringing.image_id) for source in sorted(sources)]
    )


def stricter(bringing: Bringing, before: Subjects, sources: frozenset[UUID], statement: Statement) -> Statement | None:
    """What holds now, where the statement asks for more than before; None where it says the same.

    Raises StatementLooser where it only leaves somebody out: that is a correction, and asked for as one.
    """
    subjects = before | statement.subjects
    if statement.subjects != before and (subjects == before or before.nobody or statement.subjects.nobody):
        raise StatementLooser("You said something else about this picture before. Correct it on the picture's page.")
    parents = sources | statement.derived_from
    taken = bringing.photographer_id is not None
    photographer = statement.photographer or taken
    if (subjects, parents, photographer) == (before, sources, taken):
        return None
    return Statement(subjects, photographer=photographer, derived_from=parents)


def item(what: str, image: Image, person: UUID, subjects: Subjects, sources: Iterable[UUID]) -> Item:
    """Pseudonyms only: of somebody who is named by an address, that there is such a person."""
    depicts = [str(person)] if subjects.oneself else []
    depicts += ["invited"] * len(subjects.addresses) + (["unknown"] if subjects.unknown else [])
    particulars = {
        "collection": str(image.collection_id),
        "sha256": bytes(image.sha256).hex(),
        "depicts": depicts,
        "derived_from": sorted(map(str, sources)),
    }
    return Item(what, image=image.id, person=person, particulars=particulars)
