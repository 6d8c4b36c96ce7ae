"""The definition: standings are the fold of the openings of entries [0, N) (law 5).

Nothing but the log's items is read here; `facts.py` reads rows and must come to the same.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

from consent.exclusions.facts import Row
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
    """What is known of one image after some prefix of the log."""

    collection: UUID
    sha256: bytes
    held: bool
    depicted: set[str]
    everyone_confirmed: bool
    source: UUID | None
    fingerprinted: bool = False
    revoked: bool = False
    erased: bool = False
    cases: set[str] = field(default_factory=set)
    withdrawn: dict[str, int] = field(default_factory=dict)
    granted: dict[str, list[int | None]] = field(default_factory=dict)
    row: Row | None = None
    act: UUID | None = None


def fold(acts: Iterable[Opened]) -> dict[UUID, Folded]:
    """By image, what is known after these acts; `row` and `act` are the standing."""
    known: dict[UUID, Folded] = {}
    children: dict[UUID, list[UUID]] = {}
    for opened in acts:
        touched = [UUID(item["image"]) for item in opened.items if "image" in item]
        for item in opened.items:
            _apply(item, known, children)
        for image in _with_descendants(touched, children):
            _restate(known, image, opened.act)
    return known


def _apply(item: Mapping[str, Any], known: dict[UUID, Folded], children: dict[UUID, list[UUID]]) -> None:
    what = item["what"]
    if what == "submitted":
        _submitted(item, known, children)
        return
    if "image" not in item:
        return  # enrolments, notices and the case itself change no standing
    image = known[UUID(item["image"])]
    match what:
        case "registered" | "rejected":
            image.fingerprinted = what == "registered"
        case "granted":
            _granted(item, image)
        case "withdrawn":
            _withdrawn(item, image)
        case "restricted":
            image.cases.add(item["case"])
        case "lifted":
            image.cases.discard(item["case"])
        case "revoked":
            image.cases.discard(item["case"])
            image.revoked = True
            image.granted = {person: [None] * SCOPES for person in image.granted}
        case "noted":
            pass  # a case lists it past the claimant's reach, and nothing else
        case _:
            raise ValueError(f"the fold knows no item {what!r}")


def _submitted(item: Mapping[str, Any], known: dict[UUID, Folded], children: dict[UUID, list[UUID]]) -> None:
    image, source = UUID(item["image"]), item["derived_from"]
    depicted = {item["depicts"]} if item["depicts"] else set()
    known[image] = Folded(
        collection=UUID(item["collection"]),
        sha256=bytes.fromhex(item["sha256"]),
        held=item["held"],
        depicted=depicted,
        everyone_confirmed=bool(depicted),
        source=UUID(source) if source else None,
        granted={person: [None] * SCOPES for person in depicted},
    )
    if source:
        children.setdefault(UUID(source), []).append(image)


@lru_cache(maxsize=1024)
def _bits(purposes: tuple[str, ...], audiences: tuple[str, ...]) -> int:
    """All items of an act name the same ones."""
    return bits_of(purposes, audiences=audiences)


def _granted(item: Mapping[str, Any], image: Folded) -> None:
    person = item["person"]
    scopes = _bits(tuple(item["purposes"]), (item["audience"],))
    image.withdrawn[person] = image.withdrawn.get(person, 0) & ~scopes
    if person in image.depicted:
        for purpose in item["purposes"]:
            image.granted[person][scope(purpose, item["audience"])] = item["until"]


def _withdrawn(item: Mapping[str, Any], image: Folded) -> None:
    person = item["person"]
    scopes = _bits(tuple(item["purposes"]), AUDIENCES)
    image.withdrawn[person] = image.withdrawn.get(person, 0) | scopes
    by_scope = image.granted.get(person)
    if by_scope is not None:
        image.granted[person] = [None if scopes >> at & 1 else end for at, end in enumerate(by_scope)]


def _with_descendants(images: Iterable[UUID], children: Mapping[UUID, list[UUID]]) -> Iterator[UUID]:
    """Whatever comes first, each image comes again after its source: restating twice does no harm."""
    waiting = deque(images)
    while waiting:
        image = waiting.popleft()
        yield image
        waiting.extend(children.get(image, []))


def _restate(known: dict[UUID, Folded], image: UUID, act: UUID) -> None:
    of = known[image]
    row = Row(of.collection, of.sha256, of.held, _terms(known, of))
    if row != of.row:
        of.row, of.act = row, act


def _terms(known: dict[UUID, Folded], of: Folded) -> Terms:
    source = known[of.source].row if of.source else None
    withdrawn = 0
    for bits in of.withdrawn.values():
        withdrawn |= bits
    return terms(
        Facts(
            fingerprinted=of.fingerprinted,
            held=of.held,
            erased=of.erased,
            revoked=of.revoked,
            restricted=bool(of.cases),
            everyone_confirmed=of.everyone_confirmed,
            withdrawn=withdrawn,
            granted=tuple(map(tuple, of.granted.values())),
            sources=(source.terms,) if source else (),
        )
    )
