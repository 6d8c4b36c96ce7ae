"""Claims: what may be suspended in a day, what is taken up later, who can spend it, and how a decision is undone."""

from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest

from consent.acts.open_case import Matter, open_case
from consent.acts.register_checked import Registered, register_checked
from consent.errors import CaseClosed, CaseGrew
from consent.exclusions import allowances
from consent.models import CaseImage
from consent.reads import cases, claims
from consent.reads.copies import protected_copies
from consent.rules.lifecycle import CaseMove
from consent.rules.likeness import Likeness
from registry import originals
from registry.errors import MoveRefused
from registry.log.recorder import Recorded, head_size
from registry.models import Entry
from tests.drawn import jpeg
from tests.threads import together
from tests.world import World, altered, digest_of, opened_collection, reason

FACE = jpeg(3)


def stopped_by(world: World, name: str = "ada", content: bytes = FACE) -> UUID:
    """A picture that its person allowed and took back; copies of it have been looked for."""
    person = world.person(name)
    image = world.image(person, content=content)
    world.grant(person, [image])
    world.withdraw(person, [image])
    world.protect()
    world.look_back()
    return image


# The allowance


def test_decoys_that_nobody_allowed_use_up_nothing(world: World, few: int) -> None:
    thief = world.person("thief")
    used = world.image(thief, content=altered(FACE, crop=0.85))
    world.grant(thief, [used])
    decoys = [world.image(thief, content=altered(FACE, crop=1 - 0.004 * (n + 1))) for n in range(few)]
    stopped_by(world)
    assert {reason(image) for image in (used, *decoys)} == {"restricted"}


def test_decoys_that_were_allowed_once_use_up_nothing(world: World, few: int) -> None:
    """Their thief takes the decoys back before, or lets their time end."""
    thief = world.person("thief")
    used = world.image(thief, content=altered(FACE, crop=0.85))
    decoys = [world.image(thief, content=altered(FACE, crop=1 - 0.004 * (n + 1))) for n in range(few)]
    world.grant(thief, [used])
    world.grant(thief, decoys[:2], until=world.at + timedelta(minutes=1))
    world.grant(thief, decoys[2:])
    world.withdraw(thief, decoys[2:])
    world.publish()
    world.later(hours=1)
    stopped_by(world)
    assert reason(used) == "restricted"


def test_what_is_left_over_is_taken_up_day_by_day(world: World, few: int) -> None:
    thief, ada, lab = world.person("thief"), world.person("ada"), world.pipeline()
    copies = [world.image(thief, content=altered(FACE, crop=0.97 - 0.01 * n)) for n in range(2 * few + 1)]
    world.grant(thief)
    stopped_by(world)
    assert claims.copies(ada) == claims.Copies(few, few + 1)
    assert (world.take_up(), claims.waiting(10, at=world.at)) == (0, [])
    for day in (2, 3):
        world.later(days=1, seconds=1)
        size = head_size()
        assert world.take_up() == 1
        assert head_size() == size + 1, "one entry an act"
        assert claims.copies(ada).stopped == min(day * few, len(copies))
    world.publish()
    assert {decided.decision for decided in world.check(lab, *copies).decisions} == {"excluded"}
    assert (world.take_up(), claims.copies(ada)) == (0, claims.Copies(len(copies), 0))


def test_what_is_used_no_more_is_taken_up_at_once(world: World, few: int) -> None:
    thief = world.person("thief")
    copies = [world.image(thief, content=altered(FACE, crop=0.97 - 0.01 * n)) for n in range(few + 1)]
    world.grant(thief)
    stopped_by(world)
    (left,) = (image for image in copies if reason(image) is None)
    world.withdraw(thief, [left])
    world.later(days=1, seconds=1)
    world.take_up()
    assert CaseImage.objects.get(image=left).hold == "restricted"
    assert not CaseImage.objects.get(image=left).in_use


def test_what_a_steward_has_decided_is_not_taken_up(world: World, few: int) -> None:
    thief = world.person("thief")
    for n in range(few + 1):
        world.image(thief, content=altered(FACE, crop=0.97 - 0.01 * n))
    world.grant(thief)
    stopped_by(world)
    (docket,) = cases.open_cases()
    world.resolve(docket.id, CaseMove.REJECT)
    world.later(days=1, seconds=1)
    assert world.take_up() == 0


def test_a_revoked_copys_person_never_gets_an_allowance(world: World) -> None:
    """Else whoever brought the copy could have the original taken up by waiting."""
    ines, jo = world.person("ines"), world.person("jo")
    original, copy = world.image(ines, content=FACE), world.image(jo, content=altered(FACE, crop=0.9))
    world.grant(ines)
    world.resolve(world.case(image=copy), CaseMove.ACCEPT)
    world.protect()
    world.look_back()
    world.later(days=2)
    assert (world.take_up(), reason(original)) == (0, None)


def test_two_at_once_do_not_pass_the_allowance(world: World, few: int) -> None:
    """Each likes other pictures; both ask at the same moment, several times."""
    jo = world.person("jo")
    for _ in range(3):
        claimant = str(uuid4())
        images = [world.image(jo) for _ in range(4 * few)]
        world.grant(jo, images)
        halves = images[: 2 * few], images[2 * few :]
        matters = [
            Matter.copy(uuid4(), likenesses=[Likeness(image, None, 9, "none", 0.9) for image in h]) for h in halves
        ]
        together(*[partial(open_case, matter, claimant=claimant, at=world.at) for matter in matters])
        assert sum(reason(image) == "restricted" for image in images) == few


def test_a_stranger_spends_nothing_of_mine(world: World, few: int) -> None:
    """Requests in my address that nobody proved are counted by themselves."""
    jo = world.person("jo")
    images = [world.image(jo) for _ in range(few)]
    world.grant(jo)
    likenesses = [Likeness(image, None, 9, "none", 0.9) for image in images]
    for each in likenesses:
        open_case(Matter.copy(uuid4(), likenesses=[each]), claimant="me@example.org", at=world.at, proven=False)
    assert allowances.reach_left("me@example.org", world.at) == few
    mine = world.image(jo, content=altered(FACE, crop=0.9))
    world.grant(jo, [mine])
    world.search(world.ask(FACE, claimant="Me@Example.org"))
    assert reason(mine) == "restricted"
    assert allowances.reach_left("me@example.org", world.at) == few - 1


def test_past_a_share_of_the_collection_claims_wait_for_a_steward(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allowances, "LEAST", 4)
    jo = world.person("jo")
    images = [world.image(jo) for _ in range(8)]
    world.grant(jo)

    def claim(image: UUID, claimant: str) -> UUID:
        likeness = Likeness(image, None, 9, "none", 0.9)
        return open_case(Matter.copy(uuid4(), likenesses=[likeness]), claimant=claimant, at=world.at).case

    assert claims.alarms(world.at) == []
    opened = [claim(image, str(uuid4())) for image in images[:5]]
    assert [reason(image) for image in images[:5]] == ["restricted"] * 4 + [None]
    (alarm,) = claims.alarms(world.at)
    assert (alarm.suspended, alarm.most) == (4, 4)
    assert world.take_up() == 0
    world.case(image=images[5], claimant="another@example.org")
    assert reason(images[5]) == "restricted", "for the very bytes nothing waits"
    confirmed = cases.case(opened[0]).contact
    world.resolve(opened[0], CaseMove.ACCEPT)
    claim(images[6], confirmed)
    assert reason(images[6]) == "restricted", "a claimant whom a steward has confirmed"
    claim(images[7], str(uuid4()))
    assert reason(images[7]) is None
    world.later(days=1, seconds=1)
    assert world.take_up() == 2
    assert {reason(image) for image in images[1:]} == {"restricted"}


# What a case watches for


def test_the_asked_bytes_are_restricted_in_the_act_that_brings_them(world: World) -> None:
    thief, lab = world.person("thief"), world.pipeline()
    case, size = world.ask(FACE), head_size()
    world.search(case)
    image = world.image(thief, content=FACE)
    assert head_size() == size + 3  # searched, submitted, registered
    assert reason(image) == "restricted"
    world.grant(thief)
    world.publish()
    assert world.decision(lab, image).told == "wait"
    assert [held.image for held in cases.case(case).images] == [image]
    world.resolve(case, CaseMove.REJECT)
    assert reason(image) is None


def test_an_accepted_case_watches_for_good_and_a_rejected_one_no_longer(world: World) -> None:
    thief = world.person("thief")
    accepted, rejected = world.ask(FACE), world.ask(jpeg(4))
    for case, move in ((accepted, CaseMove.ACCEPT), (rejected, CaseMove.REJECT)):
        world.search(case)
        world.resolve(case, move)
    world.later(days=400)
    world.publish()
    assert reason(world.image(thief, content=FACE)) == "revoked"
    assert reason(world.image(thief, content=jpeg(4))) == "no_grant"


def test_bytes_asked_about_by_number_are_watched_in_every_collection(world: World) -> None:
    elsewhere = opened_collection("Voices", at=world.at)
    ada, thief = world.person("ada"), world.person("thief")
    image = world.image(ada, content=FACE)
    world.case(image=image)
    assert reason(world.image(thief, content=FACE, collection=elsewhere)) == "restricted"


def test_bytes_and_a_request_at_once(world: World) -> None:
    """Whoever is first: the image is restricted, and the case lists it."""
    thief = world.person("thief")
    for seed in range(30, 36):
        content = jpeg(seed, (160, 200))
        image, case = together(partial(world.image, thief, content=content), partial(world.ask, content))
        assert isinstance(image, UUID)
        assert isinstance(case, UUID)
        assert reason(image) == "restricted"
        assert [held.image for held in cases.case(case).images] == [image]


def test_bytes_and_a_decision_at_once(world: World) -> None:
    """An image that comes while a steward accepts is not left waiting for ever: rows and log agree on what it is."""
    thief = world.person("thief")
    for seed in range(30, 36):
        content = jpeg(seed, (160, 200))
        case = world.ask(content)
        world.search(case)
        image, decided = together(
            partial(world.image, thief, content=content), partial(world.resolve, case, CaseMove.ACCEPT, seen=[])
        )
        assert isinstance(image, UUID)
        assert isinstance(decided, CaseGrew | Recorded), decided
        assert reason(image) == ("restricted" if isinstance(decided, CaseGrew) else "revoked")


def test_a_copy_that_is_being_decoded_while_the_request_is_searched_is_found(world: World) -> None:
    thief = world.person("thief")
    queued = world.image(thief, content=altered(FACE, crop=0.9), registered=False)
    case = world.ask(FACE)
    world.search(case)
    assert cases.case(case).images == ()
    world.finish(queued)
    world.grant(thief)
    assert reason(queued) == "restricted"
    assert [held.image for held in cases.case(case).images] == [queued]
    other = world.upload(thief, jpeg(9))
    assert reason(other) == "no_grant"
    later = world.upload(thief, altered(FACE, mirror=True))
    assert reason(later) == "restricted"
    world.resolve(case, CaseMove.ACCEPT, same=[queued])
    assert (reason(queued), reason(later)) == ("revoked", "no_grant")


def test_an_upload_that_was_compared_before_the_request_is_compared_again(world: World) -> None:
    """It looked, then the request was searched, then it registers: each has missed the other."""
    thief = world.person("thief")
    copy = world.image(thief, content=altered(FACE, crop=0.9), registered=False)
    other = world.image(thief, content=jpeg(9), registered=False)
    measured = {image: world.examined(image) for image in (copy, other)}
    seen = {image: protected_copies(originals.small(image).read_bytes(), image=image).seen for image in measured}
    world.search(world.ask(FACE))
    registered = {
        image: register_checked(image, person=thief, measured=measured[image], seen=seen[image], at=world.at)
        for image in measured
    }
    assert registered == {copy: Registered.LOOK_AGAIN, other: Registered.REGISTERED}


def test_a_copy_of_what_was_asked_and_accepted_is_held_for_a_steward(world: World) -> None:
    """Law 10: a likeness never decides by itself, so it is a case of its own."""
    case = world.ask(FACE)
    world.search(case)
    world.resolve(case, CaseMove.ACCEPT)
    copy = world.upload(world.person("thief"), altered(FACE, crop=0.9))
    assert reason(copy) == "restricted"
    (docket,) = cases.open_cases()
    assert (docket.kind, [held.image for held in docket.images]) == ("copy", [copy])
    world.resolve(docket.id, CaseMove.REJECT)
    assert reason(copy) == "no_grant"


def test_a_copy_of_what_was_asked_and_rejected_is_free(world: World) -> None:
    case = world.ask(FACE)
    world.search(case)
    world.resolve(case, CaseMove.REJECT)
    assert reason(world.upload(world.person("jo"), altered(FACE, crop=0.9))) == "no_grant"


# Undo


@pytest.mark.parametrize("move", [CaseMove.ACCEPT, CaseMove.REJECT])
def test_a_decision_is_taken_back_and_made_anew(world: World, move: CaseMove) -> None:
    ines = world.person("ines")
    image = world.image(ines, content=FACE)
    world.grant(ines)
    case = world.case(image=image)
    due = cases.case(case).due_at
    with pytest.raises(MoveRefused):
        world.reopen(case)
    world.resolve(case, move)
    world.reopen(case)
    docket = cases.case(case)
    assert (docket.open, docket.due_at, docket.resolved_at, docket.ground) == (True, due, None, "")
    assert reason(image) == "restricted"
    world.resolve(case, CaseMove.REJECT)
    world.grant(ines)
    assert reason(image) is None, "freed, and granted again by the person"
    world.reopen(case)
    world.resolve(case, CaseMove.ACCEPT)
    assert reason(image) == "revoked"


def test_reopened_it_restricts_what_came_while_it_was_rejected(world: World) -> None:
    jo = world.person("jo")
    case = world.case(sha256=digest_of(world.image(world.person("ada"), content=b"another")))
    asked = world.ask(FACE)
    world.search(asked)
    world.resolve(asked, CaseMove.REJECT)
    image = world.image(jo, content=FACE)
    world.grant(jo)
    assert reason(image) is None
    world.reopen(asked)
    assert reason(image) == "restricted"
    assert cases.case(case).open


def test_two_accepted_cases_are_taken_back_one_by_one(world: World) -> None:
    image = world.image(world.person("ines"))
    both = [world.case(image=image) for _ in range(2)]
    for case in both:
        world.resolve(case, CaseMove.ACCEPT)
    world.reopen(both[0])
    assert reason(image) == "revoked"
    world.reopen(both[1])
    assert reason(image) == "restricted"


def test_one_act_rejects_all_cases_of_a_claimant(world: World) -> None:
    ines = world.person("ines")
    images = [world.image(ines) for _ in range(12)]
    world.grant(ines)
    theirs = [world.case(image=image, claimant="Loud@example.org") for image in images[:10]]
    waiting = world.ask(FACE, claimant="loud@example.org")
    other = world.case(image=images[10], claimant="other@example.org")
    found = claims.of_claimant(theirs[0])
    assert found is not None
    assert (found.proven, found.images, found.searching, set(found.cases)) == (True, 10, 1, {*theirs, waiting})
    size = head_size()
    world.resolve_claims(theirs[3], CaseMove.REJECT)
    assert head_size() == size + 1
    assert Entry.objects.latest("index").index == size
    assert {reason(image) for image in images[:10]} == {None}
    assert (reason(images[10]), [docket.id for docket in cases.open_cases()]) == ("restricted", [other])
    assert claims.of_claimant(theirs[0]) is None


def test_one_act_accepts_all_that_was_searched(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    first, waiting = world.case(image=image), world.ask(FACE)
    world.resolve_claims(first, CaseMove.ACCEPT)
    assert reason(image) == "revoked"
    assert [docket.id for docket in cases.open_cases()] == [waiting]
    with pytest.raises(CaseClosed):
        world.resolve_claims(waiting, CaseMove.ACCEPT)


def test_a_strangers_requests_in_my_address_are_not_decided_with_mine(world: World) -> None:
    image = world.image(world.person("ines"))
    mine = world.case(image=image, claimant="me@example.org")
    strange = [world.case(image=image, claimant="me@example.org", proven=False) for _ in range(2)]
    found = claims.of_claimant(strange[0])
    assert found is not None
    assert (found.proven, set(found.cases)) == (False, set(strange))
    world.resolve_claims(strange[0], CaseMove.REJECT)
    assert [docket.id for docket in cases.open_cases()] == [mine]
