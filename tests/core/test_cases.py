"""Cases: they suspend at once, and only a steward decides (law 10)."""

from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest

from consent.acts.resolve_case import Ruling, resolve_case
from consent.errors import CaseClosed, ImageRevoked
from consent.models import Case, GrantLine
from consent.rules.lifecycle import DECISIONS, CaseMove
from registry.errors import NotFound
from registry.models import Entry
from tests.threads import together
from tests.world import World, digest_of, reason


def test_an_exact_hit_is_restricted_at_once(world: World) -> None:
    ines, lab = world.person("ines"), world.pipeline()
    by_digest, by_number, other = world.image(ines), world.image(ines), world.image(ines)
    world.grant(ines)
    world.case(sha256=digest_of(by_digest))
    world.case(image=by_number)
    assert [reason(image) for image in (by_digest, by_number, other)] == ["restricted", "restricted", None]
    assert world.decision(lab, by_digest).told == "wait"


def test_a_miss_is_a_case_too(world: World) -> None:
    before = Entry.objects.count()
    case = world.case(sha256=bytes(32))
    assert Entry.objects.count() == before + 1
    row = Case.objects.get(id=case)
    assert not row.images.exists()
    assert row.due_at.day == row.opened_at.day or row.due_at - row.opened_at < timedelta(days=31)


def test_rejecting_lifts_what_the_case_restricted(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines)
    first, second = world.case(image=image), world.case(image=image)
    world.resolve(first, CaseMove.REJECT)
    assert reason(image) == "restricted"  # the other case is still open
    world.resolve(second, CaseMove.REJECT)
    assert reason(image) is None


def test_accepting_revokes_for_good(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines)
    world.resolve(world.case(image=image), CaseMove.ACCEPT)
    assert reason(image) == "revoked"
    assert set(GrantLine.objects.values_list("state", flat=True)) == {"revoked"}
    with pytest.raises(ImageRevoked):
        world.grant(ines, [image])
    other = world.case(image=image)
    world.resolve(other, CaseMove.REJECT)
    assert reason(image) == "revoked"
    world.withdraw(ines)
    assert reason(image) == "withdrawn"  # the stronger reason


def test_a_grant_while_restricted_counts_once_it_is_lifted(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    case = world.case(image=image)
    world.grant(ines)
    assert reason(image) == "restricted"
    world.resolve(case, CaseMove.REJECT)
    assert reason(image) is None


def test_what_was_derived_waits_too(world: World) -> None:
    ines = world.person("ines")
    source = world.image(ines)
    crop = world.image(ines, derived_from=source)
    world.grant(ines)
    case = world.case(image=source)
    assert reason(crop) == "derived_from_excluded"
    world.resolve(case, CaseMove.REJECT)
    assert reason(crop) is None


def test_the_very_bytes_wait_for_no_allowance(world: World, few: int) -> None:
    ines = world.person("ines")
    images = [world.image(ines) for _ in range(few + 2)]
    world.grant(ines)
    for image in images:
        world.case(image=image)
    assert {reason(image) for image in images} == {"restricted"}


def test_a_case_is_decided_once(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    case = world.case(image=image)
    world.resolve(case, CaseMove.REJECT)
    for move in DECISIONS:
        with pytest.raises(CaseClosed):
            world.resolve(case, move)
    with pytest.raises(NotFound):
        resolve_case(uuid4(), ruling=Ruling(CaseMove.ACCEPT, "", uuid4()), at=world.at, seen=frozenset())


def test_two_stewards_at_once_decide_once(world: World) -> None:
    ines = world.person("ines")
    for _ in range(3):
        case = world.case(image=world.image(ines), claimant=str(uuid4()))
        moves = [CaseMove.ACCEPT, CaseMove.REJECT] * 2
        said = together(*[partial(world.resolve, case, move) for move in moves])
        assert sum(isinstance(each, CaseClosed) for each in said) == 3


def test_references_are_not_guessed(world: World) -> None:
    references = set()
    for _ in range(20):
        world.case(sha256=bytes(32))
    references = set(Case.objects.values_list("reference", flat=True))
    assert len(references) == 20
    assert all(len(reference.replace("-", "")) == 12 for reference in references)
