"""Acts at the same moment on the same images, from connections of their own."""

import random
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from consent.errors import CaseClosed
from consent.rules.lifecycle import DECISIONS, CaseMove
from consentkit.scopes import PURPOSES
from registry.errors import Refusal
from tests.checker import check_world
from tests.threads import together
from tests.world import World, digest_of

WRITERS, TURNS = 4, 12


def test_random_acts_from_four_connections(world: World) -> None:
    """Whatever the order was, some order was: rows and log agree, and nothing but refusals is raised."""
    people = [world.person(name) for name in ("ines", "jo")]
    images = [world.image(people[number % 2], content=bytes([number])) for number in range(4)]
    images += [world.image(people[0], content=b"\x01"), world.image(people[1], content=b"\x00")]  # held ones
    images += [world.image(people[at % 2], derived_from=images[at]) for at in range(3)]
    world.publish()

    def act(dice: random.Random) -> None:
        person, image = dice.choice(people), dice.choice(images)
        purposes = dice.sample(PURPOSES, dice.randint(1, 5))
        chosen: Any = dice.choice(["all", [image], dice.sample(images, 3)])
        verbs: list[Callable[[], Any]] = [
            lambda: world.grant(person, chosen, purposes=purposes),
            lambda: world.withdraw(person, chosen, purposes=purposes),
            lambda: world.withdraw(person, [image], purposes=purposes),
            lambda: world.image(person, content=bytes([dice.randrange(8)]), derived_from=dice.choice([(), image])),
            lambda: world.resolve(world.case(image=image, claimant=str(dice.random())), dice.choice(DECISIONS)),
            lambda: world.case(sha256=digest_of(image), claimant=str(dice.random())),
            lambda: world.register(world.image(person, registered=False, depicts="unknown")),
        ]
        with suppress(Refusal):
            dice.choice(verbs)()

    def write(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(TURNS):
            act(dice)

    seeds = [random.randrange(2**32) for _ in range(WRITERS)]
    raised = [
        error for error in together(*[partial(write, seed) for seed in seeds], world.publish) if error is not None
    ]
    assert [error for error in raised if isinstance(error, Exception)] == [], seeds
    world.publish()
    check_world()


def test_withdrawing_and_granting_the_same_image_at_once(world: World) -> None:
    """Some order by index: the newest word is the standing's, and each answer's index tells which it was."""
    ines, lab = world.person("ines"), world.pipeline()
    image = world.image(ines)
    for _ in range(10):
        world.publish()
        taken, given = together(lambda: world.withdraw(ines, [image]), lambda: world.grant(ines, [image]))
        newest = "permitted" if given.index > taken.index else "excluded"
        assert world.decision(lab, image).decision == newest
    check_world()


def test_two_people_at_one_image_at_once(world: World) -> None:
    """The one who brought the source withdraws it while the derived image is granted."""
    ines = world.person("ines")
    source = world.image(ines)
    crop = world.image(ines, derived_from=source)
    world.grant(ines)
    for number in range(8):
        world.publish()
        said = together(
            lambda: world.withdraw(ines, [source]),
            lambda: world.grant(ines, [crop]),
            partial(world.case, image=source, claimant=f"claimant {number}"),
            lambda: world.grant(ines, [source]),
        )
        assert [each for each in said if isinstance(each, Exception)] == []
    check_world()


def test_law_2_a_check_begun_after_a_withdrawal_returned_never_permits(world: World) -> None:
    """Two readers ask without pause while one person takes back and gives again.

    By time: a withdrawal that had returned before the question began, and no grant begun before it ended, means not
    permitted. By size: each answer is that of the newest word below the size that it names.
    """
    ines, lab = world.person("ines"), world.pipeline()
    image = world.image(ines)
    given = world.grant(ines)
    words = [(given.index, "permitted")]
    begun = returned = 0  # grants begun; the number of them when the last withdrawal returned, else -1
    done = threading.Event()
    seen: list[tuple[int, str]] = []
    wrong: list[str] = []

    def write() -> None:
        nonlocal begun, returned
        for _ in range(25):
            taken = world.withdraw(ines)
            words.append((taken.index, "excluded"))
            returned = begun
            begun += 1
            words.append((world.grant(ines).index, "permitted"))
        done.set()

    def publish() -> None:
        while not done.is_set():
            world.publish()

    def read() -> None:
        while not done.is_set():
            at_first = returned
            checked = world.check(lab, image)
            decided = str(checked.decisions[0].decision)
            if decided == "permitted" and begun == at_first:
                wrong.append(f"permitted at size {checked.size}")
            seen.append((checked.size, decided))

    returned = -1
    assert [each for each in together(write, publish, read, read) if each is not None] == []
    assert wrong == []
    assert len(seen) > 20
    for size, decided in seen:
        assert decided == [word for index, word in words if index < size][-1], size


def test_a_case_and_its_resolution_race_with_the_person(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    for number in range(5):
        world.publish()
        case = world.case(image=image, claimant=f"claimant {number}")
        said = together(
            partial(world.resolve, case, CaseMove.REJECT),
            lambda: world.withdraw(ines),
            lambda: world.grant(ines),
            partial(world.resolve, case, CaseMove.REJECT),
        )
        assert [each for each in said if isinstance(each, Exception) and not isinstance(each, CaseClosed)] == []
    check_world()


@pytest.mark.parametrize("turn", range(3))
def test_everybody_brings_the_same_picture(world: World, turn: int) -> None:
    people = [world.person(f"p{number}") for number in range(4)]
    said = together(*[partial(world.image, who, content=b"the same") for who in people])
    said += together(*[partial(world.withdraw, who) for who in people])
    assert [each for each in said if isinstance(each, Exception)] == []
    check_world()
