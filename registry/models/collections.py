"""Collections: data sets under one controller."""

from uuid import UUID, uuid4

from django.db import models

from registry.errors import CollectionUnclear, NotFound


class CollectionQuerySet(models.QuerySet["Collection"]):
    """Finding the collection that is meant."""

    def only_one(self, named: UUID | None) -> UUID:
        """The one named, else the only one there is. Raises NotFound, CollectionUnclear."""
        if named is not None:
            if not self.filter(id=named).exists():
                raise NotFound("There is no such collection.")
            return named
        ids = list(self.order_by("opened_at", "id").values_list("id", flat=True)[:2])
        if len(ids) != 1:
            raise CollectionUnclear("Say which collection is meant: there is not exactly one.")
        return ids[0]


class Collection(models.Model):
    """Images, notices, pipelines' access, feeds and cases belong to a collection."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    name = models.CharField(max_length=200)
    controller = models.CharField(max_length=200)
    contact = models.CharField(max_length=254)
    source = models.CharField(max_length=500)
    public = models.BooleanField(default=False)
    opened_at = models.DateTimeField()

    objects = CollectionQuerySet.as_manager()
