"""What a file itself says binds whoever brought it, until a steward lifts it."""

import pytest

from consent.acts.lift_signal import lift_signal
from consent.reads.pictures import picture
from consent.reads.signals import signals_in_force
from registry.errors import MoveRefused, NotFound
from registry.models import Entry
from registry.rules.signals import Stated
from tests.world import World, reason

NO_TRAINING = (Stated("cawg.ai_training", "notAllowed"),)
UNDER_AGE = (Stated("plus:MinorModelAgeDisclosure", "AG-A16"),)
UNREADABLE = (Stated("xmp", "unreadable"),)


def test_a_denial_outweighs_the_grant_for_the_uses_that_it_names(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines, registered=False)
    world.register(image, stated=NO_TRAINING)
    world.grant(ines)
    assert reason(image) == reason(image, audience="commercial") == "rights_signal"
    assert reason(image, "ai_generative_training") is None
    assert reason(image, "evaluation") is None


@pytest.mark.parametrize("stated", [UNDER_AGE, UNREADABLE], ids=["a child", "unreadable"])
def test_what_is_unclear_or_about_a_child_bars_every_use(world: World, stated: tuple[Stated, ...]) -> None:
    ines = world.person("ines")
    image = world.image(ines, registered=False)
    world.register(image, stated=stated)
    world.grant(ines)
    assert {reason(image, purpose) for purpose in ("ai_training", "data_mining", "evaluation")} == {"rights_signal"}


def test_a_withdrawal_is_the_stronger_reason(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines, registered=False)
    world.register(image, stated=NO_TRAINING)
    world.withdraw(ines)
    assert reason(image) == "withdrawn"


def test_what_was_made_from_such_a_picture_is_barred_with_it(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines, registered=False)
    crop = world.image(ines, derived_from=[image])
    world.register(image, stated=NO_TRAINING)
    world.grant(ines)
    assert reason(crop) == "derived_from_excluded"


def test_a_steward_lifts_it_with_a_ground_in_one_entry(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines, registered=False)
    world.register(image, stated=NO_TRAINING)
    world.grant(ines)
    assert [each.image for each in signals_in_force(limit=9)] == [image]
    steward, before = world.steward(), Entry.objects.count()
    lift_signal(image, ground="her own photo; the field came from a program", steward=steward, at=world.at)
    assert Entry.objects.count() == before + 1
    assert reason(image) is None
    assert signals_in_force(limit=9) == []
    with pytest.raises(MoveRefused):
        lift_signal(image, ground="again", steward=steward, at=world.at)
    with pytest.raises(NotFound):
        lift_signal(world.image(ines), ground="nothing there", steward=steward, at=world.at)


def test_the_same_bytes_from_another_person_are_bound_too_and_what_was_lifted_stays_lifted(world: World) -> None:
    ines, max_ = world.person("ines"), world.person("max")
    image = world.image(ines, content=b"the same", registered=False)
    world.register(image, stated=NO_TRAINING)
    world.grant(ines)
    world.image(max_, content=b"the same", registered=False)
    world.register(image, stated=NO_TRAINING)
    world.grant(max_)
    assert reason(image) == "rights_signal"
    lift_signal(image, ground="looked at it", steward=world.steward(), at=world.at)
    world.later(seconds=1)
    world.image(world.person("jo"), content=b"the same", registered=False)
    world.register(image, stated=NO_TRAINING)
    world.grant(world.person("jo"))
    assert reason(image) is None
    read = [picture(person, image=image, at=world.at).signal for person in (ines, world.person("jo"))]
    assert [signal.lifted for signal in read if signal] == [True, False]  # who comes later learns of no earlier one
