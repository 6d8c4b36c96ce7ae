"""Acknowledge a sync: a pipeline came back with the cursor of a size. No consent changes; the log has no entry."""

from consent.models import Pipeline


def acknowledge_sync(pipeline: int, *, size: int) -> None:
    """Remember how far it has come, never backwards."""
    Pipeline.objects.all().synced(pipeline, size=size)
