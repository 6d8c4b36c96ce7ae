"""Taking back: always accepted, never twice, never too little."""

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest

from consent.errors import IdempotencyMismatch, ScopeNotOffered
from consent.models import Withdrawal
from consentkit.scopes import PURPOSES
from registry.errors import NotFound
from registry.models import Entry
from tests.threads import Gate, connected, together
from tests.world import World, reason, uses


def size() -> int:
    return Entry.objects.count()


def test_a_withdrawal_ends_what_was_granted(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines)
    taken = world.withdraw(ines, [image], purposes=["ai_training"])
    assert taken.index == size() - 1
    assert not taken.repeated
    assert reason(image) == "withdrawn"
    assert reason(image, audience="commercial") == "withdrawn"
    assert reason(image, "evaluation") is None


def test_it_protects_where_nothing_was_ever_granted(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    world.withdraw(ines, purposes=["evaluation"])
    assert reason(image, "evaluation") == "withdrawn"
    assert reason(image) == "no_grant"


def test_a_repeat_is_the_same_withdrawal(world: World) -> None:
    ines = world.person("ines")
    images = [world.image(ines), world.image(ines)]
    first = world.withdraw(ines, images)
    before = size()
    again = world.withdraw(ines, list(reversed(images)) + images)
    assert (again.withdrawal, again.index, again.repeated) == (first.withdrawal, first.index, True)
    assert world.withdraw(ines).withdrawal == first.withdrawal  # `all` resolves to the same images
    assert size() == before


@pytest.mark.parametrize("purposes", [["ai_training"], ["ai_training", "evaluation"]])
def test_after_a_grant_on_a_part_the_same_words_are_a_new_withdrawal(world: World, purposes: list[str]) -> None:
    ines = world.person("ines")
    images = [world.image(ines), world.image(ines)]
    first = world.withdraw(ines, purposes=purposes)
    world.grant(ines, images[:1], purposes=["ai_training"])
    again = world.withdraw(ines, purposes=purposes)
    assert again.withdrawal != first.withdrawal
    assert not again.repeated
    assert world.withdraw(ines, purposes=purposes).withdrawal == again.withdrawal
    assert [reason(image) for image in images] == ["withdrawn", "withdrawn"]


def test_a_grant_of_other_purposes_leaves_a_repeat_a_repeat(world: World) -> None:
    ines = world.person("ines")
    world.image(ines)
    first = world.withdraw(ines, purposes=["ai_training"])
    world.grant(ines, purposes=["evaluation"])
    assert world.withdraw(ines, purposes=["ai_training"]).withdrawal == first.withdrawal


def test_more_or_less_than_before_is_no_repeat(world: World) -> None:
    ines = world.person("ines")
    images = [world.image(ines), world.image(ines)]
    said = [
        world.withdraw(ines, images, purposes=["ai_training"]),
        world.withdraw(ines, images[:1], purposes=["ai_training"]),
        world.withdraw(ines, images, purposes=["ai_training", "evaluation"]),
        world.withdraw(ines, images, purposes=["evaluation"]),
    ]
    assert len({each.withdrawal for each in said}) == 4


def test_an_image_brought_later_makes_all_a_new_withdrawal(world: World) -> None:
    ines = world.person("ines")
    world.image(ines)
    first = world.withdraw(ines)
    later = world.image(ines)
    assert reason(later) == "no_grant"  # `all` never means later uploads
    assert world.withdraw(ines).withdrawal != first.withdrawal
    assert reason(later) == "withdrawn"


def test_images_of_others_are_not_found_and_nothing_is_done(world: World) -> None:
    ines, jo = world.person("ines"), world.person("jo")
    mine, theirs = world.image(ines), world.image(jo)
    world.grant(ines)
    before = size()
    said = set()
    for foreign in (theirs, uuid4()):
        with pytest.raises(NotFound) as refused:
            world.withdraw(ines, [mine, foreign])
        said.add(refused.value.detail)
    assert len(said) == 1  # somebody else's and nobody's are one answer
    assert size() == before
    assert reason(mine) is None


def test_all_without_any_image_leaves_word(world: World) -> None:
    ines = world.person("ines")
    first = world.withdraw(ines)
    world.publish()
    assert world.receipt(ines, first.index)
    assert world.withdraw(ines).withdrawal == first.withdrawal


def test_images_that_are_not_fingerprinted_or_were_rejected_are_included(world: World) -> None:
    ines = world.person("ines")
    submitted, rejected = world.image(ines, registered=False), world.image(ines, registered=False)
    world.reject(rejected)
    world.withdraw(ines)
    assert (reason(submitted), reason(rejected)) == ("withdrawn", "withdrawn")
    world.register(submitted)
    assert reason(submitted) == "withdrawn"


def test_what_was_derived_follows_its_source(world: World) -> None:
    ines = world.person("ines")
    source = world.image(ines)
    crop = world.image(ines, derived_from=source)
    edit = world.image(ines, derived_from=crop)
    world.grant(ines)
    assert [reason(image) for image in (source, crop, edit)] == [None, None, None]
    world.withdraw(ines, [source], purposes=["ai_training"])
    assert [reason(image) for image in (source, crop, edit)] == [
        "withdrawn",
        "derived_from_excluded",
        "derived_from_excluded",
    ]
    assert reason(edit, "evaluation") is None
    world.grant(ines, [source], purposes=["ai_training"])
    assert [reason(image) for image in (source, crop, edit)] == [None, None, None]


def test_a_derived_image_ends_no_later_than_its_source(world: World) -> None:
    ines = world.person("ines")
    source = world.image(ines)
    crop = world.image(ines, derived_from=source)
    world.grant(ines, [crop])
    assert reason(crop) == "derived_from_excluded"
    soon, late = world.at + timedelta(days=10), world.at + timedelta(days=20)
    world.grant(ines, [source], until=soon)
    world.grant(ines, [crop], until=late)
    assert uses(crop)["evaluation", "research"] == int(soon.timestamp())
    world.grant(ines, [crop], until=soon - timedelta(days=1))
    assert uses(crop)["evaluation", "research"] == int((soon - timedelta(days=1)).timestamp())


def test_the_contributor_who_is_not_shown_can_withdraw(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines, depicts="unknown")
    assert reason(image) == "depicted_unconfirmed"
    world.withdraw(ines)
    assert reason(image) == "withdrawn"


def test_an_idempotency_key_finds_the_same_withdrawal(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    first = world.withdraw(ines, [image], key="k")
    assert world.withdraw(ines, [image], key="k").withdrawal == first.withdrawal
    with pytest.raises(IdempotencyMismatch):
        world.withdraw(ines, [image], purposes=["ai_training"], key="k")
    jo = world.person("jo")
    assert world.withdraw(jo, key="k").withdrawal != first.withdrawal  # a key is its person's own


def test_law_2_a_key_that_was_used_swallows_no_withdrawal(world: World) -> None:
    """What the same words cover now counts: a grant or a picture may have come since."""
    ines = world.person("ines")
    image = world.image(ines)
    first = world.withdraw(ines, key="k")
    world.grant(ines)
    assert world.withdraw(ines, key="k").withdrawal != first.withdrawal
    assert reason(image) == "withdrawn"
    later = world.image(ines)
    world.grant(ines, [later])
    assert not world.withdraw(ines, key="k").repeated
    assert reason(later) == "withdrawn"


def test_an_unknown_purpose_is_refused_before_anything(world: World) -> None:
    ines = world.person("ines")
    world.image(ines)
    before = size()
    with pytest.raises(ScopeNotOffered):
        world.withdraw(ines, purposes=["advertising"])
    assert size() == before


def test_it_is_accepted_whatever_the_log_is_in_doubt_about(world: World) -> None:
    """Law 9: withdrawing needs PostgreSQL alone."""
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines)
    world.later(seconds=31)  # entries wait for a checkpoint for too long
    world.withdraw(ines)
    assert reason(image) == "withdrawn"


# At the same moment


def test_two_who_bring_the_same_bytes_at_once(world: World) -> None:
    people = [world.person(f"p{number}") for number in range(4)]
    for attempt in range(5):
        content = bytes([attempt])
        images = together(*[partial(world.image, who, content=content, registered=False) for who in people])
        rows = {image: uses(image) for image in images}
        for image in images:
            world.register(image)
        free = [image for image in rows if reason(image) == "no_grant"]
        assert len(free) == 1


def test_the_same_withdrawal_many_times_at_once_is_one(world: World) -> None:
    ines = world.person("ines")
    world.image(ines)
    before = size()
    said = together(*[lambda: world.withdraw(ines, key="k") for _ in range(6)])
    assert len({each.withdrawal for each in said}) == 1
    assert Withdrawal.objects.count() == 1
    assert size() == before + 1


def test_a_worker_that_registers_a_source_forgets_no_withdrawal_of_what_was_derived(world: World) -> None:
    """The worker stops after it has computed the rows and before it writes them; meanwhile the person withdraws."""
    ines = world.person("ines")
    source = world.image(ines, registered=False)
    crop = world.image(ines, derived_from=source)
    world.grant(ines)
    with ThreadPoolExecutor(1) as pool, Gate("consent_standing").stopped(lambda: world.register(source)):
        taken = pool.submit(connected, lambda: world.withdraw(ines, [crop]))
        wait([taken], timeout=0.5)  # it may be done, or wait for the worker's locks
    taken.result()
    assert reason(crop) == "withdrawn"


def test_every_purpose_by_default(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    world.withdraw(ines)
    assert set(uses(image).values()) == {"withdrawn"}
    assert {purpose for purpose, _ in uses(image)} == set(PURPOSES)
