"""Collections that there are."""

from uuid import UUID

from registry.errors import CollectionNotPublic
from registry.models import Collection


def any_collection() -> bool:
    """Whether the registry was furnished."""
    return Collection.objects.exists()


def only_collection(named: UUID | None) -> UUID:
    """The one named, else the only one there is. Raises NotFound, CollectionUnclear."""
    return Collection.objects.only_one(named)


def public_collection(named: UUID | None) -> UUID:
    """The same, if its list may be published. Raises NotFound, CollectionUnclear, CollectionNotPublic."""
    found = only_collection(named)
    if not Collection.objects.filter(id=found, public=True).exists():
        raise CollectionNotPublic(
            "This collection is not public: only those with a key read its list. "
            "Before it has images, `manage.py collection public` changes that."
        )
    return found


def any_public() -> bool:
    """Whether there is a collection whose list everybody may read."""
    return Collection.objects.filter(public=True).exists()


def collections() -> list[Collection]:
    """All, the oldest first."""
    return list(Collection.objects.order_by("opened_at", "id"))
