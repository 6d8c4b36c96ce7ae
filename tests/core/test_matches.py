"""A pipeline asks whether its pictures are altered copies of protected ones."""

import os
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent.acts.forget_version import forget_version
from consent.acts.protect_anew import protect_anew
from consent.errors import FingerprintMalformed, UnknownVersion, VersionInUse
from consent.exclusions import matching
from consent.models import Protection, Standing
from consent.reads import matches
from consent.reads.matches import match
from consent.rules.lifecycle import CaseMove
from consentkit.fingerprints.views import VERSION
from consentkit.scopes import AUDIENCES, PURPOSES
from registry import originals
from tests.drawn import jpeg
from tests.threads import together
from tests.world import World, altered, opened_collection, reason, views_of_file

FACE, OTHER = jpeg(3), jpeg(4)
CROPPED = altered(FACE, mirror=True, crop=0.75)


def told(world: World, pipeline: object, *files: bytes, purpose: str = "ai_training") -> list[tuple[str, str | None]]:
    found = world.match(pipeline, *files, purpose=purpose)  # type: ignore[arg-type]
    return [(str(each.decision), each.reason) for each in found.pictures]


def test_an_altered_copy_of_a_withdrawn_picture_is_excluded(world: World) -> None:
    ines, lab = world.person("ines"), world.pipeline()
    image = world.image(ines, content=FACE)
    world.grant(ines)
    assert told(world, lab, FACE, CROPPED) == [("unknown", None)] * 2  # what matches nothing is not permitted
    withdrawn = world.withdraw(ines)
    world.protect()
    found = world.match(lab, OTHER, CROPPED, FACE)
    assert (found.size, found.complete) == (withdrawn.index + 1, True)
    assert [(str(each.decision), each.reason) for each in found.pictures] == [
        ("unknown", None),
        ("excluded", "remove"),
        ("excluded", "remove"),
    ]
    other, cropped, same = (each.matches for each in found.pictures)
    assert other == ()
    assert [(each.image, each.alteration, each.reason) for each in cropped] == [(image, "mirrored, cropped", "remove")]
    assert [(each.distance, each.alteration) for each in same] == [(0, "none")]
    assert 0 < cropped[0].distance <= 64


def test_a_withdrawal_is_in_the_answer_or_the_answer_says_that_it_is_not_complete(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few waiting images are looked at while the answer waits; of many, it says that they are missing."""
    ines, lab = world.person("ines"), world.pipeline()
    world.image(ines, content=FACE)
    world.image(ines, content=OTHER)
    world.withdraw(ines)
    assert Protection.objects.all().waiting().count() == 2
    found = world.match(lab, CROPPED)
    assert found.complete
    assert found.pictures[0].decision == "excluded"
    monkeypatch.setattr(matches, "FEW", 1)
    found = world.match(lab, CROPPED)
    assert not found.complete
    assert found.pictures[0].decision == "unknown"
    world.protect()
    found = world.match(lab, CROPPED)
    assert found.complete
    assert found.pictures[0].decision == "excluded"


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Acts once, between the moment at which the index is brought up to date and the answer."""
    current = matching.current

    def late(version: int) -> matching.Index:
        index = current(version)
        monkeypatch.setattr(matching, "current", current)
        act()
        return index

    monkeypatch.setattr(matching, "current", late)


def test_more_than_a_page_that_becomes_protected_meanwhile_is_compared(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what waits for its views behind a full page."""
    monkeypatch.setattr(matching, "PAGE", 2)
    ada, bob, lab = world.person("ada"), world.person("bob"), world.pipeline()
    files = [jpeg(seed) for seed in range(10, 15)]
    for content in files:
        world.image(ada, content=content)
    world.image(bob, content=FACE)

    def stop() -> None:
        world.withdraw(ada)
        world.protect()
        world.withdraw(bob)

    meanwhile(monkeypatch, stop)
    found = world.match(lab, *(altered(content, crop=0.9) for content in (*files, FACE)))
    assert (found.compared, found.protected, found.complete) == (6, 6, True)
    assert [str(each.decision) for each in found.pictures] == ["excluded"] * 6


def test_what_comes_faster_than_it_is_compared_is_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matching, "PAGE", 2)
    monkeypatch.setattr(matches, "TURNS", 2)
    ada, lab = world.person("ada"), world.pipeline()
    for seed in range(10, 15):
        world.image(ada, content=jpeg(seed))
    meanwhile(monkeypatch, lambda: (world.withdraw(ada), world.protect()))
    found = world.match(lab, FACE)
    assert (found.compared, found.protected, found.complete) == (2, 5, False)


def test_where_the_small_picture_is_lost_no_answer_is_complete(world: World) -> None:
    ines, lab = world.person("ines"), world.pipeline()
    originals.small(world.image(ines, content=FACE)).unlink()
    world.withdraw(ines)
    found = world.match(lab, FACE)
    assert (found.complete, found.pictures[0].decision) == (False, "unknown")


def test_only_the_withdrawn_purpose_is_excluded(world: World) -> None:
    ines, lab = world.person("ines"), world.pipeline()
    world.image(ines, content=FACE)
    world.grant(ines)
    world.withdraw(ines, purposes=["ai_training"])
    world.protect()
    assert told(world, lab, CROPPED) == [("excluded", "remove")]
    assert told(world, lab, CROPPED, purpose="evaluation") == [("unknown", None)]


def test_a_restriction_says_wait_and_the_strongest_reason_counts(world: World) -> None:
    ines, lab = world.person("ines"), world.pipeline()
    image = world.image(ines, content=FACE)
    case = world.case(image=image)
    world.protect()
    assert told(world, lab, CROPPED) == [("excluded", "wait")]
    second = world.image(ines, content=altered(FACE, crop=0.95))
    world.withdraw(ines, [second])
    assert told(world, lab, CROPPED) == [("excluded", "remove")]
    (answer,) = world.match(lab, CROPPED).pictures
    assert {each.image: each.reason for each in answer.matches} == {image: "wait", second: "remove"}
    assert [each.distance for each in answer.matches] == sorted(each.distance for each in answer.matches)
    world.resolve(case, CaseMove.REJECT)
    (answer,) = world.match(lab, CROPPED).pictures
    assert [each.image for each in answer.matches] == [second]


def test_granting_again_ends_it_and_withdrawing_again_begins_it(world: World) -> None:
    ines, lab = world.person("ines"), world.pipeline()
    world.image(ines, content=FACE)
    for _ in range(3):
        world.withdraw(ines)
        assert told(world, lab, CROPPED) == [("excluded", "remove")]
        world.protect()
        assert told(world, lab, CROPPED) == [("excluded", "remove")]
        world.grant(ines)
        assert told(world, lab, CROPPED) == [("unknown", None)]


def test_another_collection_is_never_looked_into(world: World) -> None:
    ines, lab = world.person("ines"), world.pipeline()
    elsewhere = opened_collection("Voices", at=world.at)
    theirs = world.pipeline("theirs", collection=elsewhere)
    world.image(ines, content=FACE, collection=elsewhere)
    world.withdraw(ines)
    assert told(world, lab, FACE) == [("unknown", None)]
    assert told(world, theirs, FACE) == [("excluded", "remove")]
    world.protect()
    assert told(world, lab, FACE) == [("unknown", None)]
    assert told(world, theirs, FACE) == [("excluded", "remove")]


def test_what_waits_in_another_collection_does_not_make_the_answer_incomplete(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matches, "FEW", 0)
    ines, lab = world.person("ines"), world.pipeline()
    world.image(ines, content=FACE, collection=opened_collection("Voices", at=world.at))
    world.withdraw(ines)
    assert world.match(lab, FACE).complete


def test_whoever_brings_the_same_bytes_and_stops_them_protects_the_picture(world: World) -> None:
    ines, jo, lab = world.person("ines"), world.person("jo"), world.pipeline()
    image = world.image(ines, content=FACE)
    world.image(jo, content=FACE)
    world.withdraw(jo)
    world.protect()
    (answer,) = world.match(lab, CROPPED).pictures
    assert [(each.image, each.reason) for each in answer.matches] == [(image, "remove")]


def test_an_unconfirmed_depiction_alone_protects_nobody(world: World) -> None:
    ines, lab = world.person("ines"), world.pipeline()
    world.image(ines, content=FACE, depicts="unknown")
    assert told(world, lab, FACE) == [("unknown", None)]
    world.withdraw(ines, purposes=["evaluation"])
    world.protect()
    assert told(world, lab, FACE) == [("unknown", None)]
    assert told(world, lab, FACE, purpose="evaluation") == [("excluded", "remove")]


def test_what_is_asked_must_be_views_of_a_version_that_is_searched(world: World) -> None:
    lab = world.asker(world.pipeline())
    good = views_of_file(FACE)
    ask = partial(match, lab, purpose="ai_training")
    with pytest.raises(FingerprintMalformed) as refused:
        ask(version=VERSION, pictures=[good, good[:-1]])
    assert refused.value.position == 1
    with pytest.raises(FingerprintMalformed):
        ask(version=VERSION, pictures=[good + good[:33]])
    with pytest.raises(UnknownVersion, match="Searched: 1"):
        ask(version=VERSION + 1, pictures=[b"of that version"])
    assert ask(version=VERSION, pictures=[]).pictures == ()
    assert ask(version=VERSION, pictures=[b""]).pictures[0].decision == "unknown"


@pytest.mark.unchecked("pretends to be of another version")
def test_both_versions_are_searched_until_one_is_forgotten(world: World) -> None:
    """As if version 7 had been the one before this."""
    ines, lab = world.person("ines"), world.pipeline()
    image = world.image(ines, content=FACE)
    world.withdraw(ines)
    world.protect()
    Protection.objects.update(version=7)
    found = world.match(lab, CROPPED)
    assert (found.complete, found.pictures[0].decision) == (True, "excluded")  # made while the answer waits
    originals.small(image).rename(originals.small(image).with_suffix(".away"))
    matches._views.cache_clear()
    assert not world.match(lab, CROPPED).complete  # no row says that it waits, but another version has it
    old = world.match(lab, CROPPED, version=7)
    assert (old.complete, old.pictures[0].decision) == (True, "excluded")
    assert (protect_anew(VERSION), protect_anew(VERSION)) == (1, 0)
    originals.small(image).with_suffix(".away").rename(originals.small(image))
    world.protect()
    assert world.match(lab, CROPPED).pictures == old.pictures
    later = world.image(ines, content=OTHER)
    world.withdraw(ines)
    assert Protection.objects.filter(image=later, version=VERSION).exists()
    assert not world.match(lab, OTHER, version=7).complete  # nobody makes the old views any more
    assert forget_version(7) == 1
    with pytest.raises(UnknownVersion):
        world.match(lab, CROPPED, version=7)
    with pytest.raises(VersionInUse):
        forget_version(VERSION)
    assert world.match(lab, CROPPED).pictures[0].decision == "excluded"


def test_what_was_protected_before_there_were_views_waits_for_them(world: World) -> None:
    """A registry from before: standings, and no row."""
    ines = world.person("ines")
    images = [world.image(ines), world.image(ines)]
    world.withdraw(ines, images[:1])
    Protection.objects.all().delete()
    assert protect_anew(VERSION) == 1
    assert list(Protection.objects.values_list("image", "views")) == [(images[0], None)]


# The index of this process


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the pool has threads; the child only ends
def test_an_index_follows_its_database_and_its_process(world: World, database: str) -> None:
    """A forked child, and a test after this one, see nothing of what we hold."""
    ines, lab = world.person("ines"), world.pipeline()
    world.image(ines, content=FACE)
    world.withdraw(ines)
    world.protect()
    world.match(lab, FACE)
    assert set(matching._indexes) == {(database, VERSION)}
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"%d" % len(matching._indexes))
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 10) == b"0"
    os.close(reading)
    os.close(writing)
    assert set(matching._indexes) == {(database, VERSION)}


def test_threads_share_one_index_and_none_misses_what_was_protected_before_it_asked(world: World) -> None:
    ines, lab = world.person("ines"), world.pipeline()
    files = [jpeg(seed, (160, 200)) for seed in range(20, 26)]
    images = [world.image(ines, content=content) for content in files]
    missed: list[int] = []

    def withdraw() -> None:
        for image in images:
            world.withdraw(ines, [image])
            world.protect()

    def ask() -> None:
        for _ in range(12):
            protected = [at for at, image in enumerate(images) if reason(image) == "withdrawn"]
            found = world.match(lab, *files)
            missed.extend(at for at in protected if found.pictures[at].decision != "excluded" and found.complete)

    assert [each for each in together(withdraw, ask, ask) if each is not None] == []
    assert missed == []
    assert [str(each.decision) for each in world.match(lab, *files).pictures] == ["excluded"] * len(files)


@given(
    st.lists(
        st.tuples(st.sampled_from(["withdraw", "grant"]), st.integers(0, 2), st.sampled_from(PURPOSES)), max_size=6
    )
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_answer_says_what_the_standing_says(world: World, said: list[tuple[str, int, str]]) -> None:
    """Whatever happened before: excluded, with the standing's reason, where the original is protected; else unknown."""
    ines = world.person("ines")
    files = [jpeg(seed, (160, 200)) for seed in (31, 32, 33)]
    images = [world.image(ines, content=content) for content in files]
    world.publish()
    for verb, which, purpose in said:
        getattr(world, verb)(ines, [images[which]], purposes=[purpose])
    lab = world.pipeline()
    for purpose in PURPOSES[:2]:
        answers = world.match(lab, *(altered(content, mirror=True) for content in files), purpose=purpose)
        assert answers.complete
        for image, answer in zip(images, answers.pictures, strict=True):
            row = Standing.objects.get(image=image)
            stands = row.reason[PURPOSES.index(purpose) * len(AUDIENCES)]
            assert (str(answer.decision), answer.reason) == (
                ("excluded", "remove") if stands == 20 else ("unknown", None)
            )
            assert {each.image for each in answer.matches} == ({image} if stands == 20 else set())
