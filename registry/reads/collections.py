"""Collections that there are."""

from uuid import UUID

from registry.models import Collection


def any_collection() -> bool:
    """Whether the registry was furnished."""
    return Collection.objects.exists()


def only_collection(named: UUID | None) -> UUID:
    """The one named, else the only one there is. Raises NotFound, CollectionUnclear."""
    return Collection.objects.only_one(named)
