"""The same bytes are one picture, and who is shown in it is said: by each who brings it, never assumed."""

import hashlib
import secrets
from collections.abc import Callable
from functools import partial
from uuid import UUID

import pytest

from consent import errors
from consent.acts.publish_notice import publish_notice
from consent.models import Case, CaseImage
from consent.reads.pictures import picture
from consent.reads.statements import statements
from consent.rules.consents import Consent
from consent.rules.offers import Offer
from registry.errors import DerivationCircle, NotFound, StatementDismissed, StatementLooser, SubjectsUnclear
from registry.models import Bringing, Image
from registry.rules.subjects import Subjects
from tests.checker import story
from tests.threads import together
from tests.world import NOTICE, Pipeline, World, digest_of, opened_collection, reason

BYTES = b"the same"


def answers(world: World, lab: Pipeline, image: UUID, purpose: str = "ai_training") -> tuple[str, str]:
    """By digest and by number."""
    world.publish()
    by_digest = world.check(lab, digest_of(image), by="sha256", purpose=purpose).decisions
    by_number = world.check(lab, image, purpose=purpose).decisions
    return str(by_digest[0].decision), str(by_number[0].decision)


# The same bytes


def test_two_who_bring_the_same_bytes_have_one_picture(world: World) -> None:
    """From the second one's commit it is excluded, until they allow it too."""
    ines, jo, lab = world.person("ines"), world.person("jo"), world.pipeline()
    image = world.image(ines, content=BYTES)
    world.grant(ines)
    assert answers(world, lab, image) == ("permitted", "permitted")
    assert world.image(jo, content=BYTES, registered=False) == image
    assert answers(world, lab, image) == ("excluded", "excluded")
    world.register(image)
    assert answers(world, lab, image) == ("excluded", "excluded")
    world.grant(jo)
    assert answers(world, lab, image) == ("permitted", "permitted")


def test_what_one_stops_is_stopped_whole_and_again_and_wider(world: World) -> None:
    """A thief brings five pictures first and allows them; the person shown brings and stops them, part by part."""
    thief, ada, lab = world.person("thief"), world.person("ada"), world.pipeline()
    contents = [secrets.token_bytes(64) for _ in range(5)]
    images = [world.image(thief, content=content) for content in contents]
    world.grant(thief)
    mine = [world.image(ada, content=content) for content in contents]
    assert mine == images
    world.grant(ada)
    assert {answers(world, lab, image) for image in images} == {("permitted", "permitted")}
    world.withdraw(ada, purposes=["data_mining"])
    assert {answers(world, lab, image, "data_mining") for image in images} == {("excluded", "excluded")}
    world.later(days=2)
    world.publish()
    world.withdraw(ada)
    world.grant(thief)
    assert {answers(world, lab, image) for image in images} == {("excluded", "excluded")}
    assert {use.consent for each in mine for use in picture(ada, image=each, at=world.at).uses} == {Consent.WITHDRAWN}


def test_bytes_that_were_rejected_for_one_are_read_anew_for_another(world: World) -> None:
    thief, ada, lab = world.person("thief"), world.person("ada"), world.pipeline()
    image = world.image(thief, content=BYTES, registered=False)
    world.reject(image)
    assert world.image(ada, content=BYTES) == image
    world.grant(ada)
    assert answers(world, lab, image) == ("excluded", "excluded")  # the first one's statement stands
    case = world.hear()[0]
    world.judge(case, thief)
    assert answers(world, lab, image) == ("permitted", "permitted")


def test_whoever_had_them_rejected_stops_the_picture_that_was_read_for_another(world: World) -> None:
    ada, thief, lab = world.person("ada"), world.person("thief"), world.pipeline()
    image = world.image(ada, content=BYTES, registered=False)
    world.reject(image)
    assert world.image(thief, content=BYTES) == image
    world.grant(thief)
    world.withdraw(ada)
    assert answers(world, lab, image) == ("excluded", "excluded")


def test_a_rejected_file_may_be_brought_again(world: World) -> None:
    """A decoder that died under load is no reason to refuse a picture for ever."""
    ada = world.person("ada")
    image = world.image(ada, content=BYTES, registered=False)
    world.reject(image)
    assert world.image(ada, content=BYTES, registered=False) == image
    assert picture(ada, image=image, at=world.at).state == "submitted"
    world.register(image)
    assert reason(image) == "no_grant"


def test_another_collection_is_another_picture(world: World) -> None:
    other = opened_collection("Other", at=world.at)
    publish_notice(other, text=NOTICE, at=world.at)
    ada = world.person("ada")
    here, there = world.image(ada, content=BYTES), world.image(ada, content=BYTES, collection=other)
    assert here != there
    assert Image.objects.get(id=there).collection_id == other


def test_two_at_the_same_moment_are_one_picture(world: World) -> None:
    people = [world.person(f"p{number}") for number in range(4)]
    for attempt in range(5):
        content = bytes([attempt])
        images = together(*[partial(world.image, who, content=content, registered=False) for who in people])
        assert len(set(images)) == 1
        assert Bringing.objects.filter(image=str(images[0])).count() == 4


# Who is shown


@pytest.mark.parametrize("words", [[], ["nobody", "self"], ["somebody"], ["a b@example.org"], ["@example.org"]])
def test_silence_and_riddles_are_refused(words: list[str]) -> None:
    with pytest.raises(SubjectsUnclear):
        Subjects.read(words)


@pytest.mark.parametrize("depicts", ["unknown", "self unknown", "jo@example.org", "self jo@example.org", "nobody"])
def test_nothing_is_permitted_before_everybody_listed_has_granted(world: World, depicts: str) -> None:
    ines, lab = world.person("ines"), world.pipeline()
    image = world.image(ines, depicts=depicts)
    if "self" in depicts:
        world.grant(ines, [image])
    else:
        with pytest.raises(errors.NotDepicted):
            world.grant(ines, [image])
    assert answers(world, lab, image) == ("excluded", "excluded")
    assert reason(image) == "depicted_unconfirmed"


def test_the_log_names_nobody_by_address(world: World) -> None:
    world.image(world.person("ines"), depicts="self jo@example.org")
    assert "jo@example.org" not in repr(story())


# What is said again is heard


def test_what_is_stricter_applies_at_once(world: World) -> None:
    """A thief who first said nothing of a source, and then does: the crop falls with it."""
    ines, lab = world.person("ines"), world.pipeline()
    source, crop = world.image(ines), world.image(ines, content=BYTES)
    world.grant(ines)
    assert world.image(ines, content=BYTES, derived_from=source) == crop
    world.withdraw(ines, [source])
    assert answers(world, lab, crop) == ("excluded", "excluded")
    assert reason(crop) == "derived_from_excluded"
    other = world.image(ines, content=b"a group")
    world.grant(ines, [other])
    assert world.image(ines, content=b"a group", depicts="unknown") == other
    assert reason(other) == "depicted_unconfirmed"


def test_several_sources_hold_together(world: World) -> None:
    ines = world.person("ines")
    sources = [world.image(ines), world.image(ines)]
    collage = world.image(ines, derived_from=sources)
    world.grant(ines)
    assert reason(collage) is None
    world.withdraw(ines, sources[1:])
    assert reason(collage) == "derived_from_excluded"


@pytest.mark.parametrize(("before", "now"), [("self unknown", "self"), ("nobody", "self"), ("self", "nobody")])
def test_what_would_leave_somebody_out_is_refused_in_words(world: World, before: str, now: str) -> None:
    ines = world.person("ines")
    image = world.image(ines, content=BYTES, depicts=before)
    with pytest.raises(StatementLooser):
        world.image(ines, content=BYTES, depicts=now)
    assert picture(ines, image=image, at=world.at).depicts == tuple(before.split())
    world.correct(ines, image, now)
    assert picture(ines, image=image, at=world.at).depicts == tuple(now.split())


def test_a_source_must_be_there_and_ones_own(world: World) -> None:
    """Also in a second statement: nobody learns whether a number is somebody else's."""
    ines, jo = world.person("ines"), world.person("jo")
    foreign, image = world.image(jo), world.image(ines, content=BYTES)
    attempts: list[Callable[[UUID], object]] = [
        lambda source: world.image(ines, derived_from=source),
        lambda source: world.image(ines, content=BYTES, derived_from=source),
        lambda source: world.correct(ines, image, "self", derived_from=[source]),
    ]
    details = set()
    for attempt in attempts:
        for source in (foreign, UUID(int=7)):
            with pytest.raises(NotFound) as refused:
                attempt(source)
            details.add(refused.value.detail)
    assert len(details) == 1


def test_a_picture_is_not_made_from_itself(world: World) -> None:
    ines = world.person("ines")
    source = world.image(ines, content=BYTES)
    crop = world.image(ines, derived_from=source)
    for circle in (crop, source):
        with pytest.raises(DerivationCircle):
            world.image(ines, content=BYTES, derived_from=circle)


def test_a_correction_is_by_whoever_brought_it(world: World) -> None:
    ines, jo = world.person("ines"), world.person("jo")
    image = world.image(ines, depicts="self unknown")
    with pytest.raises(NotFound):
        world.correct(jo, image, "self")
    assert world.correct(ines, image, "self unknown") is None
    world.grant(ines)
    assert reason(image) == "depicted_unconfirmed"
    world.correct(ines, image, "self")
    assert reason(image) is None
    world.correct(ines, image, "unknown")
    assert reason(image) == "depicted_unconfirmed"


# Two people say different things


def test_both_are_heard_and_the_false_statement_ends(world: World) -> None:
    """A squatter brings somebody's picture and stops it, so that they cannot use it: a steward finds that false."""
    ada, squatter, lab = world.person("ada"), world.person("squatter"), world.pipeline()
    image = world.image(ada, content=BYTES)
    world.grant(ada)
    world.image(squatter, content=BYTES)
    world.withdraw(squatter)
    assert answers(world, lab, image) == ("excluded", "excluded")
    (case,) = world.hear()
    assert [each.subjects for each in statements(image)] == [("self",), ("self",)]
    assert [each.grants for each in statements(image)] == [True, False]
    world.judge(case, squatter)
    assert answers(world, lab, image) == ("permitted", "permitted")
    with pytest.raises(NotFound):  # none is acknowledged in vain
        world.withdraw(squatter, [image])
    world.withdraw(squatter)
    assert answers(world, lab, image) == ("permitted", "permitted")
    with pytest.raises(StatementDismissed):
        world.image(squatter, content=BYTES)


def test_a_false_source_ends_with_its_statement(world: World) -> None:
    ada, squatter = world.person("ada"), world.person("squatter")
    image = world.image(ada, content=BYTES)
    world.grant(ada)
    own = world.image(squatter)
    world.image(squatter, content=BYTES, derived_from=own)
    world.withdraw(squatter, [own])
    assert reason(image) == "derived_from_excluded"
    world.judge(world.hear()[0], squatter)
    assert reason(image) is None


def test_no_case_where_all_have_granted_and_none_twice(world: World) -> None:
    ada, jo = world.person("ada"), world.person("jo")
    image = world.image(ada, content=BYTES)
    world.image(jo, content=BYTES)
    world.grant(ada)
    world.grant(jo)
    assert world.hear() == []
    world.image(world.person("kim"), content=BYTES)
    assert len(world.hear()) == len(world.hear()) == 1
    world.judge(world.hear()[0])
    assert world.hear() == []  # the steward found none false; nothing new was said since
    assert reason(image) == "purpose_not_granted"
    assert not CaseImage.objects.exists()


def test_only_who_brought_it_can_be_found_false(world: World) -> None:
    ada, jo = world.person("ada"), world.person("jo")
    world.image(ada, content=BYTES)
    world.image(jo, content=BYTES)
    (case,) = world.hear()
    with pytest.raises(NotFound):
        world.judge(case, world.person("kim"))
    world.judge(case, jo)
    with pytest.raises(errors.CaseClosed):
        world.judge(case, ada)
    assert Case.objects.get(id=case).state == "fulfilled"


# What is recorded is what was shown


def test_a_grant_carries_the_digests_of_file_and_notice(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines)
    (item,) = [item for told in story() for item in told.items if item["what"] == "granted"]
    assert item["sha256"] == digest_of(image).hex()
    assert item["notice_sha256"] == hashlib.sha256(NOTICE.text.encode()).hexdigest()


def test_an_offer_is_known_by_all_that_it_shows(world: World) -> None:
    offer = Offer((UUID(int=1), UUID(int=2)), ("ai_training", "evaluation"), "research", world.at, b"n" * 32)
    same = Offer((UUID(int=2), UUID(int=1)), ("evaluation", "ai_training"), "research", world.at, b"n" * 32)
    assert offer.digest() == same.digest()
    others = [
        Offer((UUID(int=1),), offer.purposes, "research", world.at, offer.notice),
        Offer(offer.images, ("ai_training",), "research", world.at, offer.notice),
        Offer(offer.images, offer.purposes, "commercial", world.at, offer.notice),
        Offer(offer.images, offer.purposes, "research", world.later(seconds=1), offer.notice),
        Offer(offer.images, offer.purposes, "research", offer.until, b"m" * 32),
    ]
    assert len({offer.digest(), *(other.digest() for other in others)}) == 6


# Long chains


@pytest.mark.unchecked("the oracle itself goes once for each link")
def test_a_long_chain_neither_breaks_nor_hides_its_root(world: World) -> None:
    """Deeper than any stack of calls that goes once for each."""
    thief, lab = world.person("thief"), world.pipeline()
    root = last = world.image(thief)
    world.grant(thief, [root])
    for _ in range(1_100):
        last = world.image(thief, derived_from=last, registered=False)
    world.publish()
    world.withdraw(thief, [root])
    assert answers(world, lab, root) == ("excluded", "excluded")
    assert reason(last) == "derived_from_excluded"
