"""The work that acts make for manifests: how far each was compared with the log is the queue."""

from dataclasses import dataclass
from typing import Any, Final

from consent.exclusions.duties import BY_INDEX, CHANGED
from consent.models import ManifestLook
from registry.models.bulk import ask
from registry.reads.size import at_one_size

ENTRIES: Final = 1_000  # of the log, compared at once

TOUCHED: Final = f"""
    SELECT DISTINCT manifest_id FROM {CHANGED} CROSS JOIN LATERAL (
        SELECT manifest_id FROM consent_manifestimage WHERE image_id = standing.image_id OFFSET 0
    ) held JOIN consent_manifestlook look USING (manifest_id)
    WHERE entry.index >= %(first)s AND entry.index < %(size)s AND entry.index >= look.size
"""  # noqa: S608 - our own words
BEHIND: Final = "SELECT manifest_id FROM consent_manifestlook WHERE size < %(size)s"


@dataclass(frozen=True)
class Behind:
    """Manifests by serial that were not compared with all acts before `size`: those that such an act changed an image
    of, and the others."""

    size: int
    touched: tuple[int, ...]
    others: tuple[int, ...]


def behind() -> Behind | None:
    """The oldest acts that some manifest was not compared with; None where every one has seen them all."""
    with at_one_size() as head:
        first = ManifestLook.objects.order_by("size").values_list("size", flat=True).first()
        if first is None or first >= head:
            return None
        size = min(head, first + ENTRIES)
        asked: dict[str, Any] = {"first": first, "size": size}
        *_, touched, all_ = ask(f"{BY_INDEX}; {TOUCHED}; {BEHIND}", asked)
    found = {manifest for (manifest,) in touched}
    return Behind(size, tuple(sorted(found)), tuple(manifest for (manifest,) in all_ if manifest not in found))
