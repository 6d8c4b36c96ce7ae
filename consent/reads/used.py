"""Who used a person's pictures: the training runs that pipelines attested. The portal and `me/images` read this."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, QuerySet

from consent.models import Manifest, ManifestImage, Notification
from consent.rules.reasons import Duty
from registry.errors import NotFound
from registry.models import Image
from registry.reads.size import at_one_size


@dataclass(frozen=True)
class Run:
    """One training run of one organisation, and how many of the person's pictures it held.

    `told_at`: when it was last told that some of them may no longer be used; `outcome`: what it answered to that, or
    None. That it was told to wait is not told here: while a picture is compared with somebody else's, its people learn
    nothing of that.
    """

    organisation: str
    model: str
    name: str
    purpose: str
    attested_at: datetime
    pictures: int
    told_at: datetime | None
    outcome: str | None


@dataclass(frozen=True)
class Used:
    """The runs at one size, newest first."""

    size: int
    runs: tuple[Run, ...]


def used_by(person: UUID, *, image: UUID | None = None) -> Used:
    """Who used this picture, or any of the person's. Raises NotFound, whether it is somebody else's or nobody's."""
    with at_one_size() as size:
        theirs = Image.objects.of(person)
        if image is not None:
            theirs = theirs.filter(id=image)
            if not theirs.exists():
                raise NotFound("There is no such picture among yours.")
        held = ManifestImage.objects.filter(image__in=theirs.values("id")).order_by()
        counts = dict(held.values_list("manifest_id").annotate(Count("image_id")))
        told = {word.manifest_id: word for word in _told(list(counts), theirs)}
        manifests = Manifest.objects.filter(serial__in=counts).select_related("pipeline").order_by("-serial")
        return Used(size, tuple(_run(each, counts[each.serial], told.get(each.serial)) for each in manifests))


def _told(manifests: list[int], theirs: QuerySet[Image]) -> QuerySet[Notification]:
    """The oldest first, so that of each manifest the last one stays."""
    ended = (Duty.NOT_COVERED, Duty.REMOVE)
    about = Notification.objects.filter(
        manifest__in=manifests, told__image__in=theirs.values("id"), told__duty__in=ended
    )
    return about.order_by("serial").distinct()


def _run(manifest: Manifest, pictures: int, told: Notification | None) -> Run:
    return Run(
        organisation=manifest.pipeline.name,
        model=manifest.model,
        name=manifest.name,
        purpose=manifest.purpose,
        attested_at=manifest.attested_at,
        pictures=pictures,
        told_at=told.created_at if told else None,
        outcome=told.outcome if told else None,
    )
