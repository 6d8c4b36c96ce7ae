"""A person's own pictures: state, what each may be used for, and its history. The portal and `me/images` read this."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from consent.exclusions.facts import stored_terms
from consent.models import CaseImage, Standing, Withdrawal
from consent.rules.decisions import Decided, decide
from consent.rules.lifecycle import Hold
from consent.rules.reasons import Decision
from consentkit import canonical
from consentkit.entries import Leaf
from consentkit.scopes import AUDIENCES, PURPOSES, scope
from registry.errors import NotFound
from registry.log.readiness import doubt_since, kept_outside
from registry.models import Depiction, Entry, Image, Opening
from registry.reads.size import at_one_size


@dataclass(frozen=True)
class Use:
    """One scope of one picture: the answer now, and until when if permitted."""

    purpose: str
    audience: str
    decided: Decided
    until: datetime | None


@dataclass(frozen=True)
class Picture:
    """One of a person's pictures as they may see it.

    `checking`: it is restricted because it looks like another person's picture, and for nothing else. Its contributor
    learns neither whose nor why.
    """

    image: UUID
    sha256: bytes
    collection: UUID
    state: str
    rejection: str
    submitted_at: datetime
    width: int | None
    height: int | None
    brought: bool
    shown: bool
    checking: bool
    uses: tuple[Use, ...]
    size: int

    @property
    def permitted(self) -> tuple[Use, ...]:
        return tuple(use for use in self.uses if use.until is not None)


@dataclass(frozen=True)
class Page:
    """Some of a person's pictures, newest first; `more`: others follow."""

    size: int
    pictures: tuple[Picture, ...]
    more: bool


@dataclass(frozen=True)
class Event:
    """One entry of a picture's history that concerns this person."""

    index: int
    kind: str
    recorded_at: datetime
    purposes: tuple[str, ...]
    audience: str | None
    until: datetime | None


def pictures(person: UUID, *, at: datetime) -> list[Picture]:
    """All of a person's pictures, newest first."""
    with _reading(at) as moment:
        return _described(person, list(_newest_first(person)), moment)


def page(person: UUID, *, after: UUID | None, limit: int, at: datetime) -> Page:
    """At most `limit` of a person's pictures, beginning behind one of them. Raises NotFound where it is not theirs."""
    with _reading(at) as moment:
        found = _newest_first(person)
        if after is not None:
            last = _theirs(person, after)
            older = Q(submitted_at__lt=last.submitted_at)
            found = found.filter(older | Q(submitted_at=last.submitted_at, id__gt=last.id))
        images = list(found[: limit + 1])
        return Page(moment.size, tuple(_described(person, images[:limit], moment)), more=len(images) > limit)


def picture(person: UUID, *, image: UUID, at: datetime) -> Picture:
    """One of a person's pictures. Raises NotFound, whether it is somebody else's or nobody's."""
    with _reading(at) as moment:
        return _described(person, [_theirs(person, image)], moment)[0]


@dataclass(frozen=True)
class _Moment:
    """What is the same for every picture of one answer."""

    size: int
    at: datetime
    doubted: bool


@contextmanager
def _reading(at: datetime) -> Iterator[_Moment]:
    """Laws 2 and 11 hold on a person's own page too."""
    kept = kept_outside()
    with at_one_size() as size:
        yield _Moment(size, at, doubt_since(kept, at=at) is not None)


def _newest_first(person: UUID) -> QuerySet[Image]:
    return Image.objects.of(person).order_by("-submitted_at", "id")


def _theirs(person: UUID, image: UUID) -> Image:
    found = Image.objects.of(person).filter(id=image).first()
    if found is None:
        raise NotFound("There is no such picture among yours.")
    return found


def _described(person: UUID, images: Sequence[Image], moment: _Moment) -> list[Picture]:
    ids = [image.id for image in images]
    standings = Standing.objects.in_bulk(ids)
    shown = set(Depiction.objects.filter(image__in=ids, person=person, confirmed=True).values_list("image", flat=True))
    checking = _only_compared(ids)
    return [
        Picture(
            image=image.id,
            sha256=bytes(image.sha256),
            collection=image.collection_id,
            state=image.state,
            rejection=image.rejection,
            submitted_at=image.submitted_at,
            width=image.width,
            height=image.height,
            brought=image.contributor_id == person,
            shown=image.id in shown,
            checking=image.id in checking,
            uses=_uses(standings[image.id], moment),
            size=moment.size,
        )
        for image in images
    ]


def _only_compared(images: Sequence[UUID]) -> set[UUID]:
    """Those that cases restrict of which every one is about a copy."""
    holding = CaseImage.objects.filter(image__in=images, hold=Hold.RESTRICTED).values_list("image", "case__kind")
    kinds = set(holding)
    return {image for image, kind in kinds if kind == "copy"} - {image for image, kind in kinds if kind != "copy"}


def _uses(standing: Standing, moment: _Moment) -> tuple[Use, ...]:
    terms, now = stored_terms(tuple(standing.until), tuple(standing.reason)), int(moment.at.timestamp())
    uses = []
    for purpose in PURPOSES:
        for audience in AUDIENCES:
            position = scope(purpose, audience)
            until = terms.until[position]
            decided = decide(until, terms.reason[position], now=now, doubted=moment.doubted)
            ends = _end(until) if decided.decision is Decision.PERMITTED else None
            uses.append(Use(purpose, audience, decided, ends))
    return tuple(uses)


def _end(until: int | None) -> datetime | None:
    return None if until is None else datetime.fromtimestamp(until, UTC)


def history(person: UUID, *, image: UUID) -> list[Event]:
    """What this person and the registry did with the picture, oldest first; other people's acts are not told."""
    openings = Opening.objects.filter(image=image, person=person)
    items = {opening.act: canonical.decode(bytes(opening.item)) for opening in openings}
    entries = Entry.objects.filter(act__in=items).order_by("index")
    return [_event(entry, items[entry.act]) for entry in entries]


def _event(entry: Entry, item: dict[str, object]) -> Event:
    purposes, audience, until = item.get("purposes"), item.get("audience"), item.get("until")
    return Event(
        index=entry.index,
        kind=Leaf.decode(bytes(entry.leaf)).kind,
        recorded_at=entry.recorded_at,
        purposes=tuple(purposes) if isinstance(purposes, list) else (),
        audience=audience if isinstance(audience, str) else None,
        until=datetime.fromtimestamp(until, UTC) if isinstance(until, int) else None,
    )


def last_withdrawal(person: UUID) -> Event | None:
    """The person's newest withdrawal; None when there was none."""
    newest = Entry.objects.filter(act__in=_withdrawals(person)).order_by("-index").first()
    if newest is None:
        return None
    opening = Opening.objects.filter(act=newest.act, person=person).order_by("position").first()
    return _event(newest, canonical.decode(bytes(opening.item))) if opening else None


def _withdrawals(person: UUID) -> list[UUID]:
    return list(Withdrawal.objects.filter(person=person).values_list("act", flat=True))
