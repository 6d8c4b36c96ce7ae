"""Copies of a protected image among uploads and among what is registered: held for a steward, who decides."""

from uuid import UUID

import pytest

from consent.acts.open_case import Matter, open_case
from consent.errors import CaseGrew, CaseNotSearched
from consent.models import Case, CaseImage
from consent.reads import cases
from consent.reads.copies import protected_copies, registered_copies
from consent.reads.protections import claimant_of
from consent.rules.lifecycle import DECISIONS, CaseMove
from consent.rules.likeness import Likeness
from registry import originals
from registry.errors import NotFound
from registry.log.recorder import head_size
from registry.models import Image
from tests.drawn import jpeg
from tests.world import World, altered, opened_collection, reason

FACE, OTHER = jpeg(3), jpeg(4)
CROPPED, MIRRORED = altered(FACE, crop=0.8), altered(FACE, mirror=True)


def withdrawn(world: World, content: bytes = FACE, name: str = "ines") -> UUID:
    """A picture that its person took back, with its views made and nothing looked for yet."""
    ines = world.person(name)
    image = world.image(ines, content=content)
    world.grant(ines, [image])
    world.withdraw(ines, [image])
    world.protect()
    return image


def small(image: UUID) -> bytes:
    return originals.small(image).read_bytes()


# At upload


def test_an_upload_that_is_a_copy_is_registered_and_held(world: World) -> None:
    image, jo, lab = withdrawn(world), world.person("jo"), world.pipeline()
    copy, other = world.upload(jo, CROPPED), world.upload(jo, OTHER)
    world.grant(jo)
    world.publish()
    assert Image.objects.get(id=copy).state == "registered"
    assert (reason(copy), reason(other)) == ("restricted", None)
    assert world.decision(lab, copy).told == "wait"
    (docket,) = cases.open_cases()
    (held,) = docket.images
    assert (docket.kind, docket.search) == ("copy", "none")
    assert (held.image, held.of, held.hold, held.alteration) == (copy, image, "restricted", "cropped")
    assert held.distance is not None
    assert held.likeness is not None
    assert held.likeness >= 0.8
    world.resolve(docket.id, CaseMove.REJECT)
    assert reason(copy) is None


def test_held_as_a_copy_it_protects_nobody_further_by_itself(world: World) -> None:
    """A suspicion is in the answers (wait), but is not searched for: else it would go from copy to copy."""
    withdrawn(world)
    jo, ann = world.person("jo"), world.person("ann")
    before = world.image(ann, content=altered(FACE, crop=0.9, turn=1))
    world.upload(jo, CROPPED)
    world.protect()
    world.look_back()  # for ines' image: it finds ann's
    opened = Case.objects.count()
    world.protect()
    world.look_back()
    assert (Case.objects.count(), reason(before)) == (opened, "restricted")


def test_ones_own_pictures_are_no_copies(world: World) -> None:
    withdrawn(world)
    again = world.upload(world.person("ines"), CROPPED)
    assert reason(again) == "no_grant"
    assert not Case.objects.exists()


def test_equal_bytes_are_the_picture_itself_and_no_copy(world: World) -> None:
    image = withdrawn(world)
    jo = world.person("jo")
    assert world.upload(jo, FACE) == image
    world.grant(jo)
    assert reason(image) == "withdrawn"
    assert not Case.objects.exists()


def test_who_brings_the_original_too_gains_nothing_for_a_copy(world: World) -> None:
    """A thief takes part in the protected picture, so that the crop looks like one of their own."""
    image, thief = withdrawn(world), world.person("thief")
    assert world.upload(thief, FACE) == image
    world.withdraw(thief)
    crop = world.upload(thief, CROPPED)
    world.grant(thief, [crop])
    assert reason(crop) == "restricted"


def test_in_another_collection_it_is_no_copy(world: World) -> None:
    elsewhere = opened_collection("Voices", at=world.at)
    ines, jo = world.person("ines"), world.person("jo")
    world.image(ines, content=FACE, collection=elsewhere)
    world.withdraw(ines)
    world.protect()
    world.upload(jo, CROPPED)
    assert not Case.objects.exists()


def test_of_a_picture_that_is_permitted_again_anybody_may_have_copies(world: World) -> None:
    withdrawn(world)
    for audience in ("research", "commercial"):
        world.grant(world.person("ines"), audience=audience)
    assert reason(world.upload(world.person("jo"), CROPPED)) == "no_grant"


def test_an_upload_repeated_after_a_crash_opens_no_second_case(world: World) -> None:
    withdrawn(world)
    jo = world.person("jo")
    image = world.image(jo, content=CROPPED, registered=False)
    measured = world.examined(image)
    for claimant in ("a crash came after this", "then it was done again"):
        looked = protected_copies(small(image), image=image)
        opened = open_case(Matter.copy(image, likenesses=looked.found), claimant=claimant, at=world.at)
    assert Case.objects.get().reference == opened.reference
    assert reason(image) == "restricted"
    assert Image.objects.get(id=image).state == "submitted"
    assert measured.fingerprints
    world.register(image)
    assert reason(image) == "restricted"


def test_no_allowance_is_needed_against_an_upload(world: World, few: int) -> None:
    withdrawn(world)
    jo = world.person("jo")
    copies = [world.upload(jo, altered(FACE, crop=crop)) for crop in (0.95, 0.9, 0.85, 0.8, 0.75)]
    assert [reason(copy) for copy in copies] == ["restricted"] * len(copies)
    assert len(copies) > few


def test_a_revoked_copy_does_not_hold_the_pictures_of_whoever_it_was_copied_from(world: World) -> None:
    withdrawn(world)
    ines, jo, ann = (world.person(name) for name in ("ines", "jo", "ann"))
    copy = world.upload(jo, CROPPED)
    world.resolve(Case.objects.get().id, CaseMove.ACCEPT)
    world.protect()
    for audience in ("research", "commercial"):
        world.grant(ines, audience=audience)
    assert reason(copy) == "revoked"
    assert reason(world.upload(ines, MIRRORED)) == "no_grant"
    assert reason(world.upload(ann, altered(MIRRORED, crop=0.9))) == "restricted"


# Among what is registered


def test_what_was_registered_before_is_held_too(world: World) -> None:
    jo, ann = world.person("jo"), world.person("ann")
    copies = {world.image(jo, content=CROPPED), world.image(ann, content=MIRRORED)}
    other = world.image(ann, content=OTHER)
    for person in (jo, ann):
        world.grant(person)
    image = withdrawn(world)
    assert world.look_back() == 1
    assert {reason(copy) for copy in copies} == {"restricted"}
    assert reason(other) is None
    (docket,) = cases.open_cases()
    assert {(held.image, held.of, held.hold) for held in docket.images} == {(c, image, "restricted") for c in copies}
    assert docket.contact == str(world.person("ines"))
    assert world.look_back() == 0


def test_a_search_repeated_after_a_crash_opens_no_second_case(world: World) -> None:
    world.image(world.person("jo"), content=CROPPED)
    image = withdrawn(world)
    matter = Matter.copy(image, likenesses=registered_copies(small(image), of=image))
    claimant = str(claimant_of(image))
    first = open_case(matter, claimant=claimant, at=world.at)
    late = world.image(world.person("ann"), content=MIRRORED)  # and one came meanwhile
    world.look_back()
    assert [len(docket.images) for docket in cases.open_cases()] == [1, 1]
    assert cases.case(first.case).images[0].image != late
    assert reason(late) == "restricted"
    again = Matter.copy(image, likenesses=registered_copies(small(image), of=image))
    assert open_case(again, claimant=claimant, at=world.at).case in {docket.id for docket in cases.open_cases()}
    assert Case.objects.count() == 2


def test_ones_own_and_other_collections_are_not_touched(world: World) -> None:
    ines, jo = world.person("ines"), world.person("jo")
    own = world.image(ines, content=CROPPED)
    far = world.image(jo, content=MIRRORED, collection=opened_collection("Voices", at=world.at))
    withdrawn(world)
    assert world.look_back() == 0
    assert (reason(own), reason(far)) == ("no_grant", "no_grant")


def test_one_person_suspends_few_pictures_of_others_a_day(world: World, few: int) -> None:
    """Past the allowance they are listed, and taken up later."""
    jo = world.person("jo")
    copies = [world.image(jo, content=altered(FACE, crop=crop)) for crop in (0.95, 0.9, 0.85, 0.8, 0.75)]
    world.grant(jo)
    withdrawn(world)
    world.look_back()
    assert sorted(map(str, map(reason, copies))) == ["None"] * (len(copies) - few) + ["restricted"] * few
    (docket,) = cases.open_cases()
    assert {held.image for held in docket.images} == set(copies)
    assert sorted(held.hold for held in docket.images) == ["noted"] * 2 + ["restricted"] * few
    kept = {held.image: held.distance or 0 for held in docket.images if held.hold == "restricted"}
    assert max(kept.values()) <= min(held.distance or 0 for held in docket.images if held.hold == "noted")
    later = world.image(jo, content=OTHER)
    world.grant(jo, [later])
    withdrawn(world, altered(OTHER, crop=0.9))
    world.look_back()
    assert reason(later) is None  # the allowance is the person's, not the picture's
    unused = world.image(jo, content=jpeg(7))
    withdrawn(world, altered(jpeg(7), crop=0.9))
    world.look_back()
    assert reason(unused) == "restricted"  # nobody may use it: it costs nothing


def test_uploads_and_requests_share_no_quota_with_uploads_held(world: World, few: int) -> None:
    """What is held of others' uploads takes nothing from the reach of whoever is copied."""
    withdrawn(world)
    jo = world.person("jo")
    for crop in (0.95, 0.9, 0.85, 0.8):
        world.upload(jo, altered(FACE, crop=crop))
    others = world.image(jo, content=OTHER)
    withdrawn(world, altered(OTHER, crop=0.9))
    world.look_back()
    assert reason(others) == "restricted"


def test_copies_of_what_the_registry_revoked_are_listed_and_not_restricted(world: World) -> None:
    ines, jo = world.person("ines"), world.person("jo")
    original = world.image(ines, content=FACE)
    copy = world.image(jo, content=CROPPED)
    world.grant(ines)
    world.resolve(world.case(image=copy), CaseMove.ACCEPT)
    world.protect()
    assert world.look_back() == 1
    assert (reason(copy), reason(original)) == ("revoked", None)
    world.withdraw(jo)
    world.protect()
    world.look_back()
    assert reason(original) is None
    assert set(CaseImage.objects.filter(image=original).values_list("hold", flat=True)) == {"noted"}


# What a steward decides


def test_nothing_is_decided_that_the_steward_has_not_seen(world: World) -> None:
    """A search that ends while they decide adds pictures: letting those go would permit them unseen."""
    jo = world.person("jo")
    copy = world.image(jo, content=altered(FACE, crop=0.9))
    world.grant(jo)
    case = world.ask(FACE)
    world.search(case)
    before = head_size()
    for move in DECISIONS:
        with pytest.raises(CaseGrew):
            world.resolve(case, move, seen=[])
    assert (head_size(), reason(copy), cases.case(case).open) == (before, "restricted", True)
    world.resolve(case, CaseMove.REJECT, seen=[copy])
    assert reason(copy) is None


def test_a_steward_chooses_which_are_the_same(world: World, few: int) -> None:
    jo = world.person("jo")
    copies = [world.image(jo, content=altered(FACE, crop=crop)) for crop in (0.95, 0.9, 0.85, 0.8, 0.75)]
    world.grant(jo)
    withdrawn(world)
    world.look_back()
    (docket,) = cases.open_cases()
    restricted = [held.image for held in docket.images if held.hold == "restricted"]
    noted = [held.image for held in docket.images if held.hold == "noted"]
    with pytest.raises(NotFound):
        world.resolve(docket.id, CaseMove.ACCEPT, same=[restricted[0], world.image(jo)])
    world.resolve(docket.id, CaseMove.ACCEPT, same=[restricted[0], noted[0]])
    after = {held.image: held.hold for held in cases.case(docket.id).images}
    assert {after[restricted[0]], after[noted[0]]} == {"revoked"}
    assert {after[each] for each in restricted[1:]} == {"lifted"}
    assert after[noted[1]] == "noted"
    for image in copies:
        assert reason(image) == ("revoked" if after[image] == "revoked" else None)
    assert cases.case(docket.id).state == "fulfilled"


@pytest.mark.parametrize(
    ("move", "same", "holds"),
    [
        (CaseMove.ACCEPT, None, {"revoked"}),
        (CaseMove.ACCEPT, (), {"lifted", "noted"}),
        (CaseMove.REJECT, None, {"lifted", "noted"}),
    ],
)
@pytest.mark.usefixtures("few")
def test_all_or_none_of_them(world: World, move: CaseMove, same: tuple[UUID, ...] | None, holds: set[str]) -> None:
    jo = world.person("jo")
    for crop in (0.95, 0.9, 0.85, 0.8):
        world.image(jo, content=altered(FACE, crop=crop))
    world.grant(jo)
    withdrawn(world)
    world.look_back()
    (docket,) = cases.open_cases()
    world.resolve(docket.id, move, same=same)
    assert {held.hold for held in cases.case(docket.id).images} == holds


def test_of_several_likenesses_of_one_image_the_first_is_kept(world: World) -> None:
    one, two, new = (world.image(world.person(name)) for name in ("ines", "ann", "jo"))
    first, second = (Likeness(new, of, distance, "none", 0.9) for of, distance in ((one, 7), (two, 9)))
    case = open_case(Matter.copy(new, likenesses=(first, second)), claimant="x", at=world.at).case
    (held,) = cases.case(case).images
    assert (held.of, held.distance, held.likeness) == (one, 7, 0.9)


# Requests with a picture


def test_a_request_with_a_picture_restricts_its_copies_once_they_are_searched(world: World) -> None:
    ines, jo = world.person("ines"), world.person("jo")
    exact, copy = world.image(ines, content=FACE), world.image(jo, content=CROPPED)
    far = world.image(jo, content=altered(FACE, turn=1), collection=opened_collection("Voices", at=world.at))
    other = world.image(jo, content=OTHER)
    world.grant(ines)
    case = world.ask(FACE)
    assert cases.waiting_searches(10) == [case]
    assert cases.case(case).search == "waiting"
    assert (reason(exact), reason(copy)) == ("restricted", "no_grant")  # equal bytes at once
    assert world.search(case) is not None
    assert (reason(copy), reason(far), reason(other)) == ("restricted", "restricted", "no_grant")
    docket = cases.case(case)
    assert (docket.search, cases.waiting_searches(10)) == ("done", [])
    assert {held.image: held.alteration for held in docket.images} == {exact: "none", copy: "cropped", far: "turned"}
    assert {held.of for held in docket.images} == {None}
    assert all(held.distance is not None and held.likeness is not None for held in docket.images)
    assert world.search(case) is None
    world.resolve(case, CaseMove.ACCEPT, same=[copy])
    assert (reason(exact), reason(copy), reason(far)) == (None, "revoked", "no_grant")
    assert cases.open_case_ids([case]) == set()


def test_an_asker_reaches_few_pictures_however_many_requests_wait(world: World, few: int) -> None:
    """The day counts from when a picture was suspended, not from when it was asked about."""
    jo = world.person("jo")
    faces = [jpeg(seed, (160, 200)) for seed in range(50, 50 + few + 2)]
    images = [world.image(jo, content=content) for content in faces]
    world.grant(jo)
    asked = [world.ask(altered(content, crop=0.9)) for content in faces]
    world.later(days=2)
    for case in asked:
        world.search(case)
    assert [reason(image) for image in images] == ["restricted"] * few + [None] * 2
    assert [held.hold for held in cases.case(asked[-1]).images] == ["noted"]


def test_a_decision_waits_for_the_search(world: World) -> None:
    """Whatever is decided before could let a copy go that nobody has seen."""
    jo = world.person("jo")
    copy = world.image(jo, content=CROPPED)
    world.grant(jo)
    case, before = world.ask(FACE), head_size()
    for move in DECISIONS:
        with pytest.raises(CaseNotSearched):
            world.resolve(case, move)
    assert (head_size(), cases.waiting_searches(10)) == (before, [case])
    world.search(case)
    assert reason(copy) == "restricted"
    world.resolve(case, CaseMove.REJECT)
    assert reason(copy) is None


def test_an_exact_hit_is_measured_and_spends_nothing(world: World, few: int) -> None:
    jo = world.person("jo")
    for _ in range(few):
        world.case(image=world.image(jo))
    exact, copy = world.image(jo, content=FACE), world.image(jo, content=CROPPED)
    world.grant(jo)
    case = world.ask(FACE)
    world.search(case)
    held = {each.image: (each.hold, each.distance) for each in cases.case(case).images}
    assert held[exact] == ("restricted", 0)
    assert held[copy][0] == "restricted"


def test_a_copy_without_its_pixels_is_confirmed_by_nobody(world: World) -> None:
    copy = world.image(world.person("jo"), content=CROPPED)
    originals.small(copy).unlink()
    image = withdrawn(world)
    assert registered_copies(small(image), of=image) == ()
    assert world.look_back() == 0
