"""A person's own pictures: state, what they state and allow, and its history. The portal and `me/images` read this.

Nothing here depends on whether somebody else has the same picture or one like it: a person reads what they brought,
stated, allowed and stopped, and what the registry decided about it since. So no upload tells of another's.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet

from consent.models import Withdrawal
from consent.reads.signals import FileSignal, signals_of
from consent.rules.consents import Consent, consent
from consent.rules.lifecycle import GrantState, Hold
from consentkit import canonical
from consentkit.entries import Leaf
from consentkit.scopes import AUDIENCES, PURPOSES, SCOPES, scope
from registry.errors import NotFound
from registry.models import Bringing, Derivation, Entry, Opening
from registry.models.bulk import ask, uuid_array
from registry.models.images import subjects_of
from registry.reads.size import at_one_size
from registry.rules.lifecycle import ImageState

# By image: what this person's withdrawals still bar, as bits by scope.
STOPPED: Final = """
    SELECT image_id, bit_or(in_force) FROM consent_withdrawalline JOIN consent_withdrawal ON serial = withdrawal_id
    WHERE person_id = %(person)s AND image_id = ANY(%(images)s::uuid[]) GROUP BY image_id
"""
# What this person gave, the oldest first.
GIVEN: Final = """
    SELECT image_id, purpose, audience, extract(epoch FROM until)::bigint
    FROM consent_grantline JOIN consent_grant ON serial = grant_id
    WHERE person_id = %(person)s AND image_id = ANY(%(images)s::uuid[]) AND state = %(given)s ORDER BY serial
"""
# What cases about the picture do to it. Those that are older than this person's bringing are other people's matter, and
# that a picture looks like another's is told to nobody.
HOLDS: Final = """
    SELECT found.image_id, found.hold FROM consent_caseimage found JOIN consent_case opened ON opened.id = found.case_id
    JOIN registry_bringing bringing ON bringing.image_id = found.image_id AND bringing.person_id = %(person)s
    WHERE found.image_id = ANY(%(images)s::uuid[]) AND opened.opened_at >= bringing.brought_at
        AND (opened.kind <> 'copy' OR found.hold = 'revoked')
"""


@dataclass(frozen=True)
class Use:
    """One scope of one picture: what this person says of it now, and until when if they allow it."""

    purpose: str
    audience: str
    consent: Consent
    until: datetime | None


@dataclass(frozen=True)
class Picture:
    """One of a person's pictures as they may see it. `depicts` and `derived_from` are their own statement;
    `signal` is what the file itself says.

    `paused`: nobody may use it while a request about it is looked at.
    """

    image: UUID
    sha256: bytes
    collection: UUID
    state: str
    rejection: str
    submitted_at: datetime
    width: int | None
    height: int | None
    depicts: tuple[str, ...]
    derived_from: tuple[UUID, ...]
    shown: bool
    paused: bool
    uses: tuple[Use, ...]
    signal: FileSignal | None
    size: int

    @property
    def allowed(self) -> tuple[Use, ...]:
        return tuple(use for use in self.uses if use.consent is Consent.GIVEN)


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
    with at_one_size() as size:
        return _described(person, list(_newest_first(person)), size=size, at=at)


def page(person: UUID, *, after: UUID | None, limit: int, at: datetime) -> Page:
    """At most `limit` of a person's pictures, beginning behind one of them. Raises NotFound where it is not theirs."""
    with at_one_size() as size:
        bringings = _newest_first(person)
        if after is not None:
            last = _theirs(person, after)
            older = Q(brought_at__lt=last.brought_at)
            bringings = bringings.filter(older | Q(brought_at=last.brought_at, image__gt=last.image_id))
        page_ = list(bringings[: limit + 1])
        return Page(size, tuple(_described(person, page_[:limit], size=size, at=at)), more=len(page_) > limit)


def picture(person: UUID, *, image: UUID, at: datetime) -> Picture:
    """One of a person's pictures. Raises NotFound, whether it is somebody else's or nobody's."""
    with at_one_size() as size:
        return _described(person, [_theirs(person, image)], size=size, at=at)[0]


def _newest_first(person: UUID) -> QuerySet[Bringing]:
    theirs = Bringing.objects.filter(person=person, dismissed=False)
    return theirs.select_related("image").order_by("-brought_at", "image")


def _theirs(person: UUID, image: UUID) -> Bringing:
    theirs = _newest_first(person).filter(image=image).first()
    if theirs is None:
        raise NotFound("There is no such picture among yours.")
    return theirs


def _described(person: UUID, bringings: Sequence[Bringing], *, size: int, at: datetime) -> list[Picture]:
    """What is read of each: their own bringing, and nobody else's."""
    images = [each.image_id for each in bringings]
    stopped, given, holds = _words(person, images)
    subjects, sources = subjects_of([each.pk for each in bringings]), _sources(bringings)
    signals = signals_of(images)
    return [
        Picture(
            image=each.image_id,
            sha256=bytes(each.image.sha256),
            collection=each.image.collection_id,
            state=each.state,
            rejection=each.rejection,
            submitted_at=each.brought_at,
            width=each.image.width if each.state == ImageState.REGISTERED else None,
            height=each.image.height if each.state == ImageState.REGISTERED else None,
            depicts=tuple(subjects[each.pk].words()),
            derived_from=tuple(sources[each.pk]),
            shown=subjects[each.pk].oneself,
            paused=Hold.RESTRICTED in holds[each.image_id],
            uses=_uses(
                stopped.get(each.image_id, 0), given[each.image_id], revoked=Hold.REVOKED in holds[each.image_id], at=at
            ),
            signal=_signal(signals.get(each.image_id), each),
            size=size,
        )
        for each in bringings
    ]


def _signal(signal: FileSignal | None, bringing: Bringing) -> FileSignal | None:
    if signal is None or bringing.state != ImageState.REGISTERED:
        return None
    return signal.since(bringing.brought_at)


def _words(
    person: UUID, images: Sequence[UUID]
) -> tuple[Mapping[UUID, int], Mapping[UUID, list[int | None]], Mapping[UUID, set[str]]]:
    """By image: bits stopped, ends given by scope, and what cases do to it."""
    parameters: dict[str, Any] = {"person": person, "images": uuid_array(images), "given": GrantState.GIVEN}
    stopped, lines, held = ask(f"{STOPPED}; {GIVEN}; {HOLDS}", parameters)
    given: dict[UUID, list[int | None]] = defaultdict(lambda: [None] * SCOPES)
    for image, purpose, audience, until in lines:
        given[image][scope(PURPOSES[purpose], audience)] = until
    holds: dict[UUID, set[str]] = defaultdict(set)
    for image, hold in held:
        holds[image].add(hold)
    return dict(stopped), given, holds


def _sources(bringings: Iterable[Bringing]) -> Mapping[int, list[UUID]]:
    sources: dict[int, list[UUID]] = defaultdict(list)
    derivations = Derivation.objects.filter(bringing__in=[each.pk for each in bringings]).order_by("source")
    for bringing, source in derivations.values_list("bringing", "source"):
        sources[bringing].append(source)
    return sources


def _uses(stopped: int, given: Sequence[int | None], *, revoked: bool, at: datetime) -> tuple[Use, ...]:
    uses, now = [], int(at.timestamp())
    for purpose in PURPOSES:
        for audience in AUDIENCES:
            position = scope(purpose, audience)
            until = given[position]
            word = consent(until, withdrawn=bool(stopped >> position & 1), revoked=revoked, now=now)
            ends = datetime.fromtimestamp(until, UTC) if until and word is Consent.GIVEN else None
            uses.append(Use(purpose, audience, word, ends))
    return tuple(uses)


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
