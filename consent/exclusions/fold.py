"""The definition: standings are the fold of the openings of entries [0, N) (law 5).

Nothing but the log's items is read here; `facts.py` reads rows and must come to the same.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from consent.exclusions.facts import Row, in_order
from consent.rules.guards import Guards
from consent.rules.lifecycle import Hold
from consent.rules.purposes import bits_of
from consent.rules.standings import Facts, Terms, terms
from consentkit.scopes import AUDIENCES, SCOPES, scope


@dataclass(frozen=True)
class Opened:
    """One act of the log with its items, in the order of positions."""

    act: UUID
    items: tuple[Mapping[str, Any], ...]


@dataclass
class Folded:
    """What is known of one image after some prefix of the log.

    `statements`: by who brought it, whom they state to be shown (pseudonyms, `invited`, `unknown`; nobody: empty).
    `parents`: by who brought it, what it was made from. `granted`: by who granted, whether they are shown or not.
    """

    collection: UUID
    sha256: bytes
    statements: dict[str, list[str]] = field(default_factory=dict)
    parents: dict[str, list[UUID]] = field(default_factory=dict)
    fingerprinted: bool = False
    erased: bool = False
    cases: dict[str, Hold] = field(default_factory=dict)
    withdrawn: dict[str, int] = field(default_factory=dict)
    granted: dict[str, list[int | None]] = field(default_factory=dict)
    denied: int = 0
    lifted: int = 0
    row: Row | None = None
    act: UUID | None = None

    @property
    def sources(self) -> set[UUID]:
        return {source for each in self.parents.values() for source in each}


def fold(acts: Iterable[Opened]) -> dict[UUID, Folded]:
    """By image, what is known after these acts; `row` and `act` are the standing."""
    known: dict[UUID, Folded] = {}
    children: dict[UUID, set[UUID]] = {}
    guards = Guards()
    for opened in acts:
        touched = {UUID(item["image"]) for item in opened.items if "image" in item}
        for item in opened.items:
            guards.hear(item)
            _apply(item, known, children)
            if item["what"] == "submitted":
                _watched(guards, known[UUID(item["image"])])
        reached = _with_descendants(touched, children)
        for image in in_order({image: known[image].sources & reached for image in reached}):
            _restate(known, image, opened.act)
    return known


def _apply(item: Mapping[str, Any], known: dict[UUID, Folded], children: dict[UUID, set[UUID]]) -> None:
    if "image" not in item:
        return  # enrolments, notices and the case itself change no standing
    number = UUID(item["image"])
    if item["what"] == "submitted" and number not in known:
        known[number] = Folded(UUID(item["collection"]), bytes.fromhex(item["sha256"]))
    try:
        apply = APPLY[item["what"]]
    except KeyError:  # a newer registry wrote it
        raise ValueError(f"the fold knows no item {item['what']!r}") from None
    apply(item, known[number])
    for source in known[number].sources:
        children.setdefault(source, set()).add(number)


def _stated(item: Mapping[str, Any], image: Folded) -> None:
    image.statements[item["person"]] = item["depicts"]
    image.parents[item["person"]] = [UUID(source) for source in item["derived_from"]]


def _dismissed(item: Mapping[str, Any], image: Folded) -> None:
    for by_person in (image.statements, image.parents, image.withdrawn, image.granted):
        by_person.pop(item["person"], None)


def _registered(item: Mapping[str, Any], image: Folded) -> None:
    image.fingerprinted = True
    image.denied |= item.get("denied", 0)


def _signal_lifted(item: Mapping[str, Any], image: Folded) -> None:
    image.lifted |= item["lifted"]


def _held(item: Mapping[str, Any], image: Folded) -> None:
    image.cases[item["case"]] = Hold(item["what"])


def _revoked(item: Mapping[str, Any], image: Folded) -> None:
    _held(item, image)
    image.granted = {}


def _watched(guards: Guards, image: Folded) -> None:
    """A case that lists the image already holds it as it does."""
    for case, hold in guards.holds(image.sha256.hex()):
        image.cases.setdefault(case, hold)


def _nothing(_item: Mapping[str, Any], _image: Folded) -> None:
    """Rejected: what was read for somebody else stays read."""


@lru_cache(maxsize=1024)
def _bits(purposes: tuple[str, ...], audiences: tuple[str, ...]) -> int:
    """All items of an act name the same ones."""
    return bits_of(purposes, audiences=audiences)


def _granted(item: Mapping[str, Any], image: Folded) -> None:
    person = item["person"]
    scopes = _bits(tuple(item["purposes"]), (item["audience"],))
    image.withdrawn[person] = image.withdrawn.get(person, 0) & ~scopes
    by_scope = image.granted.setdefault(person, [None] * SCOPES)
    for purpose in item["purposes"]:
        by_scope[scope(purpose, item["audience"])] = item["until"]


def _withdrawn(item: Mapping[str, Any], image: Folded) -> None:
    person = item["person"]
    scopes = _bits(tuple(item["purposes"]), AUDIENCES)
    image.withdrawn[person] = image.withdrawn.get(person, 0) | scopes
    by_scope = image.granted.get(person)
    if by_scope is not None:
        image.granted[person] = [None if scopes >> at & 1 else end for at, end in enumerate(by_scope)]


APPLY: Final[Mapping[str, Callable[[Mapping[str, Any], Folded], None]]] = {
    "submitted": _stated,
    "corrected": _stated,
    "dismissed": _dismissed,
    "registered": _registered,
    "rejected": _nothing,
    "granted": _granted,
    "withdrawn": _withdrawn,
    "restricted": _held,
    "lifted": _held,
    "noted": _held,
    "revoked": _revoked,
    "signal_lifted": _signal_lifted,
}


def _with_descendants(images: set[UUID], children: Mapping[UUID, set[UUID]]) -> set[UUID]:
    reached, waiting = set(images), list(images)
    while waiting:
        fresh = children.get(waiting.pop(), set()) - reached
        reached |= fresh
        waiting.extend(fresh)
    return reached


def _restate(known: dict[UUID, Folded], image: UUID, act: UUID) -> None:
    folded = known[image]
    row = Row(folded.collection, folded.sha256, _terms(known, folded))
    if row != folded.row:
        folded.row, folded.act = row, act


def _terms(known: dict[UUID, Folded], image: Folded) -> Terms:
    withdrawn = 0
    for bits in image.withdrawn.values():
        withdrawn |= bits
    shown = {person for stated in image.statements.values() for person in stated}
    return terms(
        Facts(
            fingerprinted=image.fingerprinted,
            erased=image.erased,
            revoked=Hold.REVOKED in image.cases.values(),
            restricted=Hold.RESTRICTED in image.cases.values(),
            everyone_confirmed=all(image.statements.values()) and bool(shown) and not shown & {"invited", "unknown"},
            withdrawn=withdrawn,
            granted=tuple(tuple(image.granted.get(p, [None] * SCOPES)) for p in sorted(shown - {"invited", "unknown"})),
            sources=tuple(row.terms for source in image.sources if (row := known[source].row)),
            denied=image.denied & ~image.lifted,
        )
    )
