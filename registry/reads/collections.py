"""Collections that there are."""

from registry.models import Collection


def any_collection() -> bool:
    """Whether the registry was furnished."""
    return Collection.objects.exists()
