"""What workers do: read, one act, nothing more. The state of what waits is the queue; messages only say "look now".

Every task may be delivered twice, to two workers at once, or never: what is done already is found done.
"""

import logging
import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypeVar
from uuid import UUID

from django.utils import timezone

from consent.acts import deliver as delivering
from consent.acts import look_over as looking
from consent.acts import protect as protecting
from consent.acts import unfold as unfolding
from consent.acts.close_day import close_day
from consent.acts.extend_case import extend_case
from consent.acts.hear import hear
from consent.acts.notify import notify
from consent.acts.open_case import Matter, open_case
from consent.acts.prove import end_unproven
from consent.acts.register_checked import Registered, register_checked
from consent.acts.search_case import search_case
from consent.acts.take_up import take_up
from consent.errors import CaseClosed
from consent.reads import cases, claims, disclosures, lookouts, protections, statements, webhooks
from consent.reads.copies import Looked, deposited_copies, protected_copies, registered_copies
from consent.reads.protections import Unsearched
from consent.rules.lifecycle import Search
from consent.rules.pictures import protected_views
from consentkit.fingerprints import views
from registry import originals
from registry.acts.claim import claim
from registry.acts.forget_sessions import forget_sessions
from registry.acts.register import Measured
from registry.acts.reject import reject
from registry.log.readiness import stopped
from registry.reads.queue import bringers, exhausted, waiting
from service import leftovers, limits
from service.celery import app
from service.examined import Unreadable, small_of
from service.hooks import egress
from service.hooks.letter import letter
from service.nudge import nudger
from service.quarantine import Crashed, Examined, Quarantine

SWEEP = 200
BATCH = 50  # of what waits, drawn at random, so that two workers seldom do the same
ENOUGH = 20.0  # seconds after which a task leaves the rest to the next; a claim lasts 30
PATIENCE = timedelta(minutes=10)  # for which an asker's picture that kills the decoder is tried again
log = logging.getLogger(__name__)

T = TypeVar("T")


@lru_cache(maxsize=1)
def quarantine() -> Quarantine:
    """One decoding server a worker process; it restarts its own children."""
    return Quarantine().__enter__()


@app.task(name="service.tasks.fingerprint")
def fingerprint(image: str) -> None:
    """Decode one image and register or reject it. Delivered twice, the second finds nothing to claim.

    In doubt nothing is claimed: what could not be registered would look like a picture that kills decoders.
    """
    number = UUID(image)
    if stopped(timezone.now()) or claim(number, at=timezone.now()) is None:
        return
    try:
        found = quarantine().examine(originals.original(number))
    except Crashed:  # the decoder died on it; the claim ends by itself, and the sweep tries again or gives up
        log.warning("the decoder died on image %s", number)
        return
    if isinstance(found, Examined):
        originals.keep_preview(number, found.preview)
        originals.keep_small(number, found.small)
        for person in bringers(number):
            _register(number, person, found)
        nudger.protect()
    else:
        for person in bringers(number):
            reject(number, person=person, slug=found.slug, at=timezone.now())


def _register(image: UUID, person: UUID, found: Examined) -> None:
    """For one who brought it: look for the protected images that it is a copy of, restrict it if there are any,
    register it; and look again if another was protected meanwhile. A crash leaves it submitted, and restricted if it
    is a copy: it is done again.
    """
    measured = Measured(found.width, found.height, found.fingerprints, found.stated)
    begun = time.monotonic()
    while time.monotonic() - begun < ENOUGH:
        looked, at = protected_copies(found.small, image=image), timezone.now()
        if not _held(image, looked, at):
            continue
        if register_checked(image, person=person, measured=measured, seen=looked.seen, at=at) != Registered.LOOK_AGAIN:
            return
    log.warning("image %s waits: so much was protected meanwhile that it could not be compared with all", image)


def _held(image: UUID, looked: Looked, at: datetime) -> bool:
    """Whatever it is a copy of holds it now. False where a steward decided meanwhile: then it is looked for again."""
    try:
        for case, likeness in looked.asked.items():
            extend_case(case, likeness=likeness, at=at)
    except CaseClosed:
        return False
    copies = [each for each in looked.found if each.of not in cases.let_go(image)]
    if copies:
        open_case(Matter.copy(image, likenesses=copies), claimant=str(protections.claimant_of(image)), at=at)
    return True


@app.task(name="service.tasks.protect")
def protect() -> None:
    """Make the views of images that became protected: from then on their copies are found."""
    _work(protections.waiting, _protect)
    nudger.look_back()


def _protect(image: UUID) -> bool:
    small = _small(image)
    return small is not None and protecting.protect(image, version=views.VERSION, views=protected_views(small))


@app.task(name="service.tasks.look_back")
def look_back() -> None:
    """Look for copies of what became protected among the pictures that were registered or deposited before."""
    _work(protections.unsearched, _look_back)


def _look_back(protected: Unsearched) -> bool:
    """A crash before the last line leaves it unsearched; done again, it writes no second case or notification."""
    image, at = protected.image, timezone.now()
    small, seen = _small(image), protections.views(image)
    if small is None or seen is None:
        return False
    if found := registered_copies(small, of=image):
        open_case(Matter.copy(image, likenesses=found), claimant=str(protections.claimant_of(image)), at=at)
        nudger.protect()
    if sightings := deposited_copies(seen, image=image):
        notify(sightings, at=at)
        nudger.deliver()
    protecting.searched(image, serial=protected.serial, at=at)
    return True


@app.task(name="service.tasks.look_over")
def look_over() -> None:
    """Tell pipelines what acts have taken from their manifests. What another worker is at, it goes on with."""
    until = time.monotonic() + ENOUGH
    while time.monotonic() < until and (behind := lookouts.behind()) is not None:
        looking.look_past(behind.others, size=behind.size)
        touched = random.sample(behind.touched, min(BATCH, len(behind.touched)))
        looked = [looking.look_over(manifest, at=timezone.now()) for manifest in touched]
        if any(looked):
            nudger.deliver()
        if not behind.others and all(told is None for told in looked):
            return


@app.task(name="service.tasks.deliver")
def deliver() -> None:
    """Tell webhooks of notifications. Between taking one and settling it no transaction is open."""
    until = time.monotonic() + ENOUGH
    while time.monotonic() < until and (owed := delivering.take(at=timezone.now())) is not None:
        said = letter(owed.secrets, notification=owed.notification, created_at=owed.created_at, at=timezone.now())
        answered = egress.post(owed.url, said)
        chance = random.random()  # noqa: S311 - spreads attempts, hides nothing
        delivering.settle(owed, answered, chance=chance, at=timezone.now())
        if answered.fault:
            log.warning("webhook %s, attempt %d: %s", owed.webhook, owed.attempt, answered.fault)


@app.task(name="service.tasks.search_request")
def search_request(case: str) -> None:
    """Look for copies of the picture that somebody asked about. Delivered twice, the second changes nothing."""
    docket, at = cases.case(UUID(case)), timezone.now()
    if not docket.open or docket.search != Search.WAITING:
        return
    try:
        small = _asked_small(docket.id)
    except Crashed:  # the sweep tries again, for a while
        log.warning("the decoder died on the picture of case %s", docket.id)
        if at < docket.opened_at + PATIENCE:
            return
        small = None
    if small is not None:  # first: what is being decoded now is compared when it is registered
        protecting.watch(docket.id, version=views.VERSION, views=protected_views(small), at=at)
    found = None if small is None else registered_copies(small)
    try:
        search_case(docket.id, found=found, at=at)
    except CaseClosed:  # a steward was faster: nothing of the picture stays
        originals.discard_asked(docket.id)
    nudger.protect()


def _small(image: UUID) -> bytes | None:
    """None where nothing can be read: the image waits, and answers are incomplete, until its original is put back."""
    try:
        return small_of(image, quarantine())
    except Unreadable as error:
        log.error("a protected image has no views: %s", error)
        return None


def _asked_small(case: UUID) -> bytes | None:
    """The small picture of an asker's, kept with a preview for the steward; the bytes go. None where it cannot be read:
    then nobody has looked, and the bytes stay for the steward until the case is decided.

    Raises Crashed. A crash before the bytes go has them examined again; after it, the small picture is there.
    """
    try:
        found = quarantine().examine(originals.asked(case))
    except FileNotFoundError:  # examined before, or lost
        kept = originals.asked_small(case)
        return kept.read_bytes() if kept.exists() else None
    if not isinstance(found, Examined):
        return None
    originals.keep_asked_preview(case, found.preview)
    originals.keep_asked_small(case, found.small)
    originals.asked(case).unlink(missing_ok=True)
    return found.small


def _work(waiting: Callable[[int], Sequence[T]], do: Callable[[T], bool]) -> None:
    """Do some of what waits, again and again, until nothing more can be done or it has been long enough."""
    until = time.monotonic() + ENOUGH
    while time.monotonic() < until:
        found = waiting(SWEEP)
        if not sum(do(each) for each in random.sample(found, min(BATCH, len(found)))):
            return


@app.task(name="service.tasks.sweep")
def sweep() -> None:
    """Find what a lost message missed, give up on what has killed every decoder, forget what was answered."""
    at = timezone.now()
    if not stopped(at):
        _sweep_images(at)
    for case in cases.waiting_searches(SWEEP):
        search_request.delay(str(case))
    for claimant in claims.waiting(SWEEP, at=at):
        take_up(claimant, at=at)
    if protections.waiting(1):
        protect.delay()
    if protections.unsearched(1):
        look_back.delay()
    if lookouts.behind():
        look_over.delay()
    if webhooks.any_due(at=at):
        deliver.delay()
    if disclosures.any_to_unfold():
        unfold.delay()
    end_unproven(at=at)
    leftovers.remove_answered(at)


def _sweep_images(at: datetime) -> None:
    _give_up(at)
    for image in statements.differing(SWEEP):
        hear(image, at=at)
    for image in waiting(at=at, limit=SWEEP):
        fingerprint.delay(str(image))


def _give_up(at: datetime) -> None:
    """On what has killed every decoder."""
    for image in exhausted(at=at, limit=SWEEP):
        for person in bringers(image):
            reject(image, person=person, slug="image-too-complex", at=at)


@app.task(name="service.tasks.unfold")
def unfold() -> None:
    """Write down by image what was disclosed, for the people whose pictures they are. Another worker may be at it."""
    until = time.monotonic() + ENOUGH
    while time.monotonic() < until and unfolding.unfold():
        pass


@app.task(name="service.tasks.log_disclosures")
def log_disclosures() -> None:
    """Put roots over what was disclosed before today in the log, until none is missing."""
    until = time.monotonic() + ENOUGH
    while time.monotonic() < until and not stopped(timezone.now()) and close_day(at=timezone.now()) is not None:
        pass


@app.task(name="service.tasks.tidy")
def tidy() -> None:
    """Remove what uploads left behind, sessions that are over, and counters that have run out."""
    leftovers.remove_leftovers(timezone.now())
    forget_sessions(at=timezone.now())
    limits.forget()
