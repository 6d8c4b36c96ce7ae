"""Who used a person's pictures: the training runs that pipelines attested, and who asked whether it may.

The portal and `me/images` read this.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count, Min, OuterRef, QuerySet, Subquery

from consent.models import DisclosedImage, Disclosure, Manifest, ManifestImage, Notification, Pipeline, PipelineKey
from consent.rules.disclosures import FEEDING
from consent.rules.purposes import in_order
from consent.rules.reasons import Duty
from consentkit.scopes import AUDIENCES, PURPOSES
from registry.errors import NotFound
from registry.models import Bringing, Entry, Image, Opening
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
class Question:
    """That an organisation asked: about how many of the person's pictures, for which purposes, and when first."""

    pictures: int
    purposes: tuple[str, ...]
    first_at: datetime


@dataclass(frozen=True)
class Listing:
    """That an organisation takes the list of a whole collection: when it last did, and at which size that was true."""

    last_at: datetime
    size: int


@dataclass(frozen=True)
class Informed:
    """One organisation that was told what may be done with the person's pictures, and for what it may ask today: for
    nothing any more where its key has ended.

    `asked` is None where it asked about none of them, `listed` where it took no list since the first of them came.
    Neither what it was told is said here nor by which question: a match is only found to what is protected, so that it
    was one would tell of a case.
    """

    organisation: str
    purposes: tuple[str, ...]
    audience: str
    asked: Question | None
    listed: Listing | None


@dataclass(frozen=True)
class Used:
    """The runs at one size, newest first; and who asked or takes the list, by name.

    Questions appear here when they were unfolded, seconds after they were answered. `public`: everybody may read the
    list that a picture is in, and nobody knows who did.
    """

    size: int
    runs: tuple[Run, ...]
    informed: tuple[Informed, ...]
    public: bool


def used_by(person: UUID, *, at: datetime, image: UUID | None = None) -> Used:
    """Who used this picture, or any of the person's, and who may ask about it `at` this time.

    Raises NotFound, whether it is somebody else's or nobody's.
    """
    with at_one_size() as size:
        theirs = Image.objects.of(person)
        if image is not None:
            theirs = theirs.filter(id=image)
            if not theirs.exists():
                raise NotFound("There is no such picture among yours.")
        brought = _brought_at(person)
        named = ManifestImage.objects.filter(image__in=theirs.values("id"), manifest__attested_at__gte=brought)
        counts = dict(named.order_by().values_list("manifest_id").annotate(Count("image_id")))
        told = {word.manifest_id: word for word in _told(list(counts), theirs)}
        manifests = Manifest.objects.filter(serial__in=counts).select_related("pipeline").order_by("-serial")
        runs = tuple(_run(each, counts[each.serial], told.get(each.serial)) for each in manifests)
        public = theirs.filter(collection__public=True).exists()
        return Used(size, runs, tuple(_informed(person, theirs, at=at)), public)


def _brought_at(person: UUID) -> Subquery:
    """When this person brought the image of the row. What was before would tell them that somebody else had."""
    theirs = Bringing.objects.filter(image=OuterRef("image_id"), person=person)
    return Subquery(theirs.values("brought_at")[:1])


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


def _informed(person: UUID, theirs: QuerySet[Image], *, at: datetime) -> Iterator[Informed]:
    questions, came = _questions(person, theirs), _came(person, theirs)
    pipelines = Pipeline.objects.filter(collection__in=came).order_by("name", "serial")
    lists = _lists(pipelines)
    usable = PipelineKey.objects.in_force(at=at).filter(pipeline__disabled_at=None)
    asking = set(usable.values_list("pipeline", flat=True))
    for each in pipelines:
        asked, listed = questions.get(each.serial), lists.get(each.serial)
        if listed is not None and listed.size <= came[each.collection_id]:
            listed = None  # true before the first of these pictures was there
        if asked or listed:
            purposes = tuple(each.purposes) if each.serial in asking else ()
            yield Informed(each.name, purposes, each.audience, asked, listed)


def _questions(person: UUID, theirs: QuerySet[Image]) -> dict[int, Question]:
    """By pipeline, those that first asked when the person had brought the picture."""
    asked_at = Subquery(Disclosure.objects.filter(serial=OuterRef("first")).values("at")[:1])
    about = DisclosedImage.objects.filter(image__in=theirs.values("id")).annotate(asked_at=asked_at)
    named = about.filter(asked_at__gte=_brought_at(person)).order_by().values_list("pipeline")
    counted = list(
        named.annotate(
            images=Count("image", distinct=True), scopes=ArrayAgg("scope", distinct=True), earliest=Min("first")
        )
    )
    earliest = {first for *_, first in counted}
    at = dict(Disclosure.objects.filter(serial__in=earliest).values_list("serial", "at"))
    return {pipeline: Question(images, _purposes(scopes), at[first]) for pipeline, images, scopes, first in counted}


def _purposes(scopes: Iterable[int]) -> tuple[str, ...]:
    return tuple(in_order(PURPOSES[scope // len(AUDIENCES)] for scope in scopes))


def _lists(pipelines: QuerySet[Pipeline]) -> dict[int, Listing]:
    """By pipeline, the newest."""
    of = Disclosure.objects.filter(pipeline=OuterRef("serial"), how__in=FEEDING).order_by("-serial")
    newest = pipelines.order_by().annotate(newest=Subquery(of.values("serial")[:1])).values("newest")
    rows = Disclosure.objects.filter(serial__in=newest).values_list("pipeline", "at", "size")
    return {pipeline: Listing(at, size) for pipeline, at, size in rows}


def _came(person: UUID, theirs: QuerySet[Image]) -> dict[UUID, int]:
    """By collection, the index of the entry with which the person brought the first of these images."""
    mine = Bringing.objects.filter(person=person, image__in=theirs.values("id"))
    first = mine.order_by("image__collection", "brought_at").distinct("image__collection")
    found: dict[UUID, int] = {}
    for image, collection in first.values_list("image", "image__collection"):
        acts = Opening.objects.filter(image=image, person=person).values("act")
        found[collection] = Entry.objects.filter(act__in=acts).earliest("index").index
    return found
