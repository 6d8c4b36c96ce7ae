"""A registry is brought to the fingerprints and views that this version makes; it may run meanwhile.

What is missing is the queue, so a run that was stopped goes on where it was. Old views stay, and are searched, until
they are forgotten.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from uuid import UUID

from django.utils import timezone

from consent.acts.open_case import Matter, open_case
from consent.acts.protect import protect
from consent.acts.protect_anew import protect_anew
from consent.reads.cases import let_go
from consent.reads.copies import protected_copies
from consent.reads.protections import claimant_of, waiting
from consent.rules.likeness import Likeness
from consent.rules.pictures import protected_views
from consentkit.fingerprints import perception, views
from registry import originals
from registry.acts.refingerprint import refingerprint
from registry.reads.images import Made, registered
from service.examined import Unreadable, examined_again, small_of
from service.quarantine import Quarantine

PAGE = 200


def protect_all(quarantine: Quarantine) -> Iterator[str | None]:
    """Views of this version for every protected image, one at a time: None, or what is wrong with its original."""
    protect_anew(views.VERSION)
    faulty: set[UUID] = set()
    while images := [image for image in waiting(PAGE + len(faulty)) if image not in faulty]:
        for image in images:
            try:
                small = small_of(image, quarantine)
            except Unreadable as error:
                faulty.add(image)
                yield str(error)
            else:
                protect(image, version=views.VERSION, views=protected_views(small))
                yield None


def examine_all(quarantine: Quarantine) -> Iterator[str | None]:
    """All fingerprints of this version for every registered image, one at a time: None, or what is wrong with it."""
    for made in registered():
        fault = None
        if not _is_current(made):
            try:
                _renew(made, quarantine)
            except Unreadable as error:
                fault = str(error)
        yield fault


def _is_current(made: Made) -> bool:
    return made.fingerprints >= set(perception.CURRENT.items()) and originals.small(made.image).exists()


def _renew(made: Made, quarantine: Quarantine) -> None:
    """The fingerprints come last but one, so that a crash leaves the image among those without.

    Until they are there, no search among registered images finds it. So one that had no views of this version is
    compared with what is protected already, as uploads are; and afterwards, for what was protected in between.
    """
    found = examined_again(made.image, quarantine)
    unseen = (views.ALGORITHM, views.VERSION) not in made.fingerprints
    if unseen:
        _hold_copies(made.image, found.small)
    refingerprint(made.image, fingerprints=found.fingerprints)
    if unseen:
        _hold_copies(made.image, found.small)


def _hold_copies(image: UUID, small: bytes) -> None:
    """On behalf of whoever brought what it is a copy of, and within their reach; not what a steward has let go."""
    for of, likenesses in _by_protected(protected_copies(small, image=image).found).items():
        if of in let_go(image):
            continue
        matter = Matter.copy(of, likenesses=likenesses)
        open_case(matter, claimant=str(claimant_of(of)), at=timezone.now())


def _by_protected(found: Iterable[Likeness]) -> dict[UUID, list[Likeness]]:
    sorted_: dict[UUID, list[Likeness]] = defaultdict(list)
    for each in found:
        if each.of is not None:
            sorted_[each.of].append(each)
    return sorted_
