"""An upload of a copy against the withdrawal of its original: from one side or the other it is found."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import UUID

import pytest

from consent.acts.register_checked import Registered, register_checked
from consent.models import CaseImage, Protection
from consent.reads.copies import protected_copies
from consent.rules.lifecycle import CaseMove
from registry import originals
from registry.acts.register import Measured
from registry.models import Bringing, Image
from tests.drawn import jpeg
from tests.threads import Gate, connected, together
from tests.world import World, altered, reason

SIZE = (160, 200)


@pytest.fixture
def original(world: World) -> UUID:
    return world.image(world.person("ines"), content=jpeg(3, SIZE))


def registers(world: World, image: UUID, measured: Measured, *, seen: int) -> Registered:
    person = Bringing.objects.get(image=image).person_id
    return register_checked(image, person=person, measured=measured, seen=seen, at=world.at)


def submitted(world: World, *, seed: int = 3) -> tuple[UUID, Measured]:
    """Jo's copy, examined and not registered yet."""
    copy = world.image(world.person("jo"), content=altered(jpeg(seed, SIZE), mirror=True), registered=False)
    return copy, world.examined(copy)


def seen_by_the_upload(image: UUID) -> int:
    return protected_copies(originals.small(image).read_bytes(), image=image).seen


def test_protected_after_the_upload_looked_it_must_look_again(world: World, original: UUID) -> None:
    copy, measured = submitted(world)
    seen = seen_by_the_upload(copy)
    world.withdraw(world.person("ines"))
    world.protect()
    register = partial(registers, world, copy, measured)
    assert register(seen=seen) == Registered.LOOK_AGAIN
    assert Image.objects.get(id=copy).state == "submitted"
    assert register(seen=seen_by_the_upload(copy)) == Registered.REGISTERED
    assert register(seen=0) in (Registered.ALREADY, Registered.LOOK_AGAIN)


def test_protected_once_more_counts_as_news(world: World, original: UUID) -> None:
    """The number that an image had while it was protected before is not taken for one that was seen."""
    ines = world.person("ines")
    case = world.case(image=original)
    world.protect()
    world.resolve(case, CaseMove.REJECT)
    copy, measured = submitted(world)
    looked = protected_copies(originals.small(copy).read_bytes(), image=copy)
    assert looked.found == ()
    world.withdraw(ines)
    world.protect()
    assert registers(world, copy, measured, seen=looked.seen) == Registered.LOOK_AGAIN


def test_what_is_no_copy_does_not_wait_for_thousands_to_be_protected(world: World, original: UUID) -> None:
    copy, measured = submitted(world, seed=9)
    seen = seen_by_the_upload(copy)
    ines = world.person("ines")
    for seed in range(60, 64):
        world.image(ines, content=jpeg(seed, SIZE))
    world.withdraw(ines)
    world.protect()
    assert Protection.objects.all().latest_serial() > seen
    assert registers(world, copy, measured, seen=seen) == Registered.REGISTERED


def test_withdrawn_but_not_protected_yet_the_search_finds_the_copy(world: World, original: UUID) -> None:
    copy, measured = submitted(world)
    seen = seen_by_the_upload(copy)
    world.withdraw(world.person("ines"))
    assert registers(world, copy, measured, seen=seen) == Registered.REGISTERED
    world.protect()
    world.look_back()
    assert reason(copy) == "restricted"


def test_a_search_waits_for_the_registration_that_is_under_way(world: World, original: UUID) -> None:
    """The registration has compared, and not committed: what it brings must be found, so nothing may overtake it."""
    copy, measured = submitted(world)
    gate = Gate("registry_image")
    register = partial(registers, world, copy, measured, seen=seen_by_the_upload(copy))
    with ThreadPoolExecutor(1) as pool:
        with gate.stopped(register) as registering:
            world.withdraw(world.person("ines"))
            searching = pool.submit(connected, lambda: (world.protect(), world.look_back()))
            time.sleep(0.5)
            assert not registering.done(), registering.exception()
            assert not searching.done()
        assert registering.result(30) == Registered.REGISTERED
        assert searching.result(30) == (1, 1)
    assert reason(copy) == "restricted"


def test_however_they_meet_a_copy_never_ends_without_a_case(world: World) -> None:
    """Many meetings, each with its own picture and persons, begun a moment apart."""
    dice = random.Random(7)
    for seed in range(70, 82):
        ines, jo = world.person(f"ines{seed}"), world.person(f"jo{seed}")
        content = jpeg(seed, SIZE)
        original = world.image(ines, content=content)
        copied = altered(content, mirror=True)
        world.publish()
        early, late = dice.sample([0.0, dice.uniform(0, 0.06)], 2)

        def withdraw(ines: UUID = ines, original: UUID = original, pause: float = early) -> None:
            time.sleep(pause)
            world.withdraw(ines, [original])
            world.protect()
            world.look_back()

        def upload(jo: UUID = jo, copied: bytes = copied, pause: float = late) -> UUID:
            time.sleep(pause)
            return world.upload(jo, copied)

        done, copy = together(withdraw, upload)
        assert (done, isinstance(copy, UUID)) == (None, True), (done, copy)
        assert reason(copy) == "restricted", (seed, early, late)
        assert CaseImage.objects.filter(image=copy, of=original).exists()
