"""Random histories from six threads at once: whoever stops a picture asks at once, and must never read *permitted*.

The suite lets it run for a minute. `make torture` goes on, history after history, until it is stopped.
"""

import os
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db import OperationalError, connection
from django.utils import timezone

from consent.acts.publish_snapshot import publish_snapshot
from consent.errors import CaseClosed
from consent.exclusions.deltas import delta
from consent.exclusions.feed import Feed
from consent.models import Case
from consent.rules.lifecycle import CaseMove
from consentkit.closes import open_close
from consentkit.scopes import PURPOSES
from registry.errors import Refusal
from registry.log import publisher
from registry.log.signer import verifier
from tests.world import Pipeline, World, digest_of

SECONDS: Final = float(os.environ.get("TORTURE_SECONDS", "60"))
THREADS: Final = 6
NAMES: Final = ("ada", "bob", "thief", "second-thief")
MOST: Final = 14  # pictures of one person, so that they meet


@dataclass
class History:
    """What the threads share: pictures by person, grants begun and ended by picture, and what went wrong."""

    world: World
    lab: Pipeline
    images: dict[UUID, list[UUID]]
    shared: list[bytes]
    ends: float
    lock: threading.Lock = field(default_factory=threading.Lock)
    granted: Counter[UUID] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    faults: list[BaseException] = field(default_factory=list)


class Player:
    """One thread: at each turn one person does one thing, or a steward, a worker, a pipeline."""

    def __init__(self, history: History, seed: int) -> None:
        self.history, self.dice = history, random.Random(seed)

    def play(self) -> None:
        verbs: dict[str, Callable[[World, UUID, UUID], Any]] = {
            "withdraw": self.withdraw,
            "grant": self.grant,
            "bring": self.bring,
            "correct": self.correct,
            "ask": self.ask,
            "steward": self.steward,
            "sync": self.sync,
        }
        weights = [5, 5, 3, 1, 1, 2, 1]
        try:
            while time.monotonic() < self.history.ends and not self.history.wrong:
                (verb,) = self.dice.choices(list(verbs), weights)
                person = self.dice.choice(list(self.history.images))
                image = self.dice.choice(self.history.images[person])
                with suppress(Refusal, OperationalError):  # refused, or a lock was not to be had in time
                    verbs[verb](self._now(), person, image)
                    self.history.done[verb] += 1
        except Exception as fault:  # noqa: BLE001 - whatever it is, the test says it
            self.history.faults.append(fault)
        finally:
            connection.close()

    def _now(self) -> World:
        world = self.history.world
        return World(at=timezone.now(), collection=world.collection, notice=world.notice, people=world.people)

    def withdraw(self, world: World, person: UUID, image: UUID) -> None:
        """Law 2: by number and by digest, whoever else brought the bytes, until a grant that began since."""
        history = self.history
        every = self.dice.random() < 0.2
        chosen = list(history.images[person]) if every else [image]
        with history.lock:
            before = {each: history.granted[each] for each in chosen}
        purposes = self.dice.choice([PURPOSES, ("ai_training",), ("ai_training", "evaluation")])
        world.withdraw(person, "all" if every else chosen, purposes=purposes)
        world.at = timezone.now()
        for by in ("image", "sha256"):
            keys: list[Any] = [digest_of(each) for each in chosen] if by == "sha256" else list(chosen)
            answers = world.check(history.lab, *keys, purpose=purposes[0], by=by).decisions  # type: ignore[arg-type]
            with history.lock:
                untouched = [each for each in chosen if history.granted[each] == before[each]]
            told = dict(zip(chosen, answers, strict=True))
            history.wrong += [f"{each} by {by}" for each in untouched if told[each].decision == "permitted"]

    def grant(self, world: World, person: UUID, image: UUID) -> None:
        """Counted before and after: whoever looks between the two knows that it may have come."""
        history = self.history
        with history.lock:
            history.granted.update([image])
        try:
            world.grant(person, [image], purposes=self.dice.choice([PURPOSES, ("ai_training",), ("evaluation",)]))
        finally:
            with history.lock:
                history.granted.update([image])

    def bring(self, world: World, person: UUID, image: UUID) -> None:
        """A crop, or bytes that another has; by oneself, or with somebody unknown."""
        history = self.history
        depicts = self.dice.choice(["self", "self", "self unknown"])
        if self.dice.random() < 0.5:
            new = world.image(person, content=self.dice.choice(history.shared), depicts=depicts)
        else:
            new = world.image(person, derived_from=image, depicts=depicts)
        with history.lock:
            if new not in history.images[person] and len(history.images[person]) < MOST:
                history.images[person].append(new)

    def correct(self, world: World, person: UUID, image: UUID) -> None:
        world.correct(person, image, self.dice.choice(["self", "self unknown", "nobody"]))

    def ask(self, world: World, _person: UUID, image: UUID) -> None:
        about: dict[str, Any] = {"sha256": digest_of(image)} if self.dice.random() < 0.5 else {"image": image}
        world.case(**about, claimant=f"{secrets.token_hex(4)}@example.org")

    def steward(self, world: World, _person: UUID, _image: UUID) -> None:
        """A steward's decision may permit again what was only paused; never what somebody stopped."""
        case = Case.objects.filter(state="acknowledged").exclude(kind="statements").order_by("?").first()
        if case is not None:
            with suppress(CaseClosed):
                world.resolve(case.id, CaseMove.REJECT)

    def sync(self, world: World, _person: UUID, _image: UUID) -> None:
        feed = Feed(world.collection, ("ai_training", "evaluation"), "research")
        cursor = open_close(publish_snapshot(feed, clock=timezone.now).close, verifier()).cursor
        for _ in range(50):
            page = delta(feed, since=cursor, at=timezone.now())
            if page.close:
                break
            cursor = page.next or cursor


def _begun(world: World) -> History:
    people = [world.person(name) for name in NAMES]
    shared = [secrets.token_bytes(64) for _ in range(3)]
    images = {person: [world.image(person) for _ in range(2)] for person in people}
    for person in people[:3]:
        images[person] += [world.image(person, content=content) for content in shared]
        chain = images[person][0]
        for _ in range(3):
            chain = world.image(person, derived_from=chain)
            images[person].append(chain)
    world.publish()
    lab = world.pipeline(purposes=PURPOSES)
    return History(world, lab, images, shared, ends=time.monotonic() + SECONDS)


def test_nobody_who_stopped_a_picture_reads_permitted(world: World) -> None:
    history, seed = _begun(world), random.randrange(2**32)

    def publish() -> None:
        try:
            while time.monotonic() < history.ends:
                publisher.turn(timezone.now())
                time.sleep(0.3)
        finally:
            connection.close()

    players = [threading.Thread(target=Player(history, seed + number).play) for number in range(THREADS)]
    threads = [*players, threading.Thread(target=publish)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"seed {seed}: {dict(history.done)}")
    assert history.faults == [], seed
    assert history.wrong == [], seed
    assert min(history.done.values()) > 0
