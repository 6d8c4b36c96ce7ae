"""Permitting: what is refused, and what a grant reaches."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from consent import errors
from consent.acts.publish_notice import publish_notice
from consent.models import Grant
from consent.rules.lifecycle import CaseMove
from consentkit.fingerprints import golden
from registry.errors import CollectionUnclear, NotFound
from registry.log import readiness
from registry.models import Collection, Entry
from tests.threads import together
from tests.world import NOTICE, TERM_DAYS, World, opened_collection, reason, uses


def test_a_grant_permits_just_what_it_says(world: World) -> None:
    ines, lab = world.person("ines"), world.pipeline()
    image, other = world.image(ines), world.image(ines)
    until = world.at + timedelta(days=30)
    given = world.grant(ines, [image], purposes=["ai_training"], until=until)
    assert given.index == Entry.objects.count() - 1
    assert uses(image) == {
        use: int(until.timestamp()) if use == ("ai_training", "research") else "purpose_not_granted"
        for use in uses(image)
    }
    assert set(uses(other).values()) == {"no_grant"}
    assert world.decision(lab, image).decision == "permitted"
    assert world.decision(lab, image, purpose="evaluation").decision == "excluded"
    assert world.decision(lab, other).decision == "excluded"
    world.later(days=30, seconds=1)
    assert world.decision(lab, image).decision == "excluded"  # by the clock alone


def test_what_is_told_to_a_pipeline_of_the_other_audience(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines, audience="commercial")
    assert world.decision(world.pipeline("r"), image).told == "not_covered"
    assert world.decision(world.pipeline("c", audience="commercial"), image).decision == "permitted"


def test_the_newest_grant_counts_even_if_it_is_shorter(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    for days in (30, 300, 3):
        until = world.at + timedelta(days=days)
        world.grant(ines, purposes=["ai_training"], until=until)
        assert uses(image)["ai_training", "research"] == int(until.timestamp())


def test_a_new_grant_lifts_only_its_own_scopes(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines, audience="commercial")
    world.withdraw(ines)
    world.grant(ines, purposes=["ai_training"])
    permitted = [use for use, end in uses(image).items() if isinstance(end, int)]
    assert permitted == [("ai_training", "research")]
    assert {end for end in uses(image).values() if isinstance(end, str)} == {"withdrawn"}


def test_the_end_defaults_to_the_term_in_whole_seconds(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines)
    latest = (world.at + timedelta(days=TERM_DAYS)).replace(microsecond=0)
    assert uses(image)["ai_training", "research"] == int(latest.timestamp())
    world.grant(ines, until=latest)


@pytest.mark.parametrize("by", [timedelta(0), timedelta(seconds=-1), timedelta(days=TERM_DAYS, seconds=1)])
def test_an_end_in_the_past_or_beyond_the_term_is_refused(world: World, by: timedelta) -> None:
    ines = world.person("ines")
    world.image(ines)
    with pytest.raises(errors.UntilRefused):
        world.grant(ines, until=world.at.replace(microsecond=0) + by)


def test_a_notice_that_is_not_the_current_one_is_refused(world: World) -> None:
    ines = world.person("ines")
    world.image(ines)
    world.grant(ines, notice=world.notice)
    newer, _ = publish_notice(world.collection, text=replace(NOTICE, text="Other words."), at=world.at)
    for stale in (world.notice, uuid4()):
        with pytest.raises(errors.NoticeNotCurrent):
            world.grant(ines, notice=stale)
    world.grant(ines, notice=newer.id)
    world.grant(ines)


def test_a_collection_without_a_notice_takes_no_grants(world: World) -> None:
    ines = world.person("ines")
    other = opened_collection("Others", at=world.at)
    image = world.image(ines, collection=other)
    with pytest.raises(errors.NoNotice):
        world.grant(ines, [image])


def test_a_scope_that_is_unknown_or_not_offered_is_refused(world: World) -> None:
    ines = world.person("ines")
    world.image(ines)
    narrow = replace(NOTICE, purposes=("ai_training",), audiences=("research",))
    publish_notice(world.collection, text=narrow, at=world.at)
    with pytest.raises(errors.ScopeNotOffered):
        world.grant(ines, purposes=["advertising"])
    with pytest.raises(errors.ScopeNotOffered):
        world.grant(ines, purposes=["ai_training", "evaluation"])
    with pytest.raises(errors.ScopeNotOffered):
        world.grant(ines, purposes=["ai_training"], audience="commercial")
    world.grant(ines, purposes=["ai_training"])


def test_images_of_several_collections_are_granted_one_collection_at_a_time(world: World) -> None:
    ines = world.person("ines")
    other = opened_collection("Others", at=world.at)
    publish_notice(other, text=NOTICE, at=world.at)
    here, there = world.image(ines), world.image(ines, collection=other)
    with pytest.raises(errors.CollectionsMixed):
        world.grant(ines, [here, there])
    with pytest.raises(errors.CollectionsMixed):
        world.grant(ines)
    world.grant(ines, [there])
    assert (reason(here), reason(there)) == ("no_grant", None)


def test_only_the_person_shown_can_grant(world: World) -> None:
    ines = world.person("ines")
    brought = world.image(ines, depicts="unknown")
    unknown = world.image(ines, depicts="unknown")
    for image in (brought, unknown):
        with pytest.raises(errors.NotDepicted):
            world.grant(ines, [image])
    with pytest.raises(errors.NothingToGrant):
        world.grant(ines)
    shown = world.image(ines)
    world.grant(ines)
    assert [reason(image) for image in (brought, unknown, shown)] == ["depicted_unconfirmed"] * 2 + [None]


def test_all_leaves_out_what_was_rejected_or_revoked(world: World) -> None:
    ines = world.person("ines")
    rejected, revoked, sound = world.image(ines, registered=False), world.image(ines), world.image(ines)
    world.reject(rejected)
    world.resolve(world.case(image=revoked), CaseMove.ACCEPT)
    world.grant(ines)
    assert [reason(image) for image in (rejected, revoked, sound)] == ["unfingerprinted", "revoked", None]
    with pytest.raises(errors.ImageRejected):
        world.grant(ines, [sound, rejected])
    with pytest.raises(errors.ImageRevoked):
        world.grant(ines, [sound, revoked])
    assert Grant.objects.count() == 1


def test_all_with_nothing_to_grant_is_refused(world: World) -> None:
    ines = world.person("ines")
    with pytest.raises(errors.NothingToGrant):
        world.grant(ines)
    world.reject(world.image(ines, registered=False))
    with pytest.raises(errors.NothingToGrant):
        world.grant(ines)


def test_a_grant_before_registration_counts_once_it_is_registered(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines, registered=False)
    world.grant(ines)
    assert reason(image) == "unfingerprinted"
    world.register(image)
    assert reason(image) is None
    assert world.register(image) is None  # delivered twice, registered once
    assert world.reject(image) is None


def test_images_of_others_are_not_found(world: World) -> None:
    ines, jo = world.person("ines"), world.person("jo")
    mine, theirs = world.image(ines), world.image(jo)
    said = set()
    for foreign in (theirs, uuid4()):
        with pytest.raises(NotFound) as error:
            world.grant(ines, [mine, foreign])
        said.add(error.value.detail)
    assert len(said) == 1
    assert not Grant.objects.exists()


def test_an_idempotency_key_finds_the_same_grant(world: World) -> None:
    ines = world.person("ines")
    images = [world.image(ines), world.image(ines)]
    first = world.grant(ines, images, key="k")
    world.withdraw(ines)
    before = Entry.objects.count()
    again = world.grant(ines, images[::-1], key="k")
    assert (again.grant, again.index, again.repeated) == (first.grant, first.index, True)
    assert Entry.objects.count() == before
    assert reason(images[0]) == "withdrawn"  # the repeat gave nothing anew
    with pytest.raises(errors.IdempotencyMismatch):
        world.grant(ines, images[:1], key="k")
    with pytest.raises(errors.IdempotencyMismatch):
        world.grant(ines, images, purposes=["ai_training"], key="k")
    world.later(seconds=31)
    assert world.grant(ines, images, key="k").repeated  # known answers need no healthy log


def test_the_same_grant_many_times_at_once_is_one(world: World) -> None:
    ines = world.person("ines")
    world.image(ines)
    said = together(*[lambda: world.grant(ines, key="k") for _ in range(6)])
    assert len({each.grant for each in said}) == 1
    assert sorted(each.repeated for each in said) == [False] + [True] * 5
    assert Grant.objects.count() == 1


def test_grants_are_refused_while_the_log_is_in_doubt(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    world.later(seconds=31)
    with pytest.raises(readiness.LogInDoubt):
        world.grant(ines)
    world.publish()
    world.grant(ines)
    assert reason(image) is None


def test_grants_are_refused_once_the_fingerprints_drifted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that makes another hash of one golden picture: here the picture is changed instead."""
    ines = world.person("ines")
    image = world.image(ines)
    picture, bits = golden._VECTORS["square"]
    changed = {**golden._VECTORS, "square": (picture, bits[:-1] + ("1" if bits[-1] == "0" else "0"))}
    monkeypatch.setattr(golden, "_VECTORS", changed)
    readiness.drift.cache_clear()
    with pytest.raises(readiness.FingerprintsInDoubt):
        world.grant(ines)
    world.withdraw(ines)
    assert reason(image) == "withdrawn"
    monkeypatch.undo()
    readiness.drift.cache_clear()
    world.grant(ines)


def test_which_collection_must_be_said_where_there_are_two(world: World) -> None:
    ines = world.person("ines")
    world.image(ines, collection=world.collection)
    opened_collection("Others", at=world.at)
    with pytest.raises(CollectionUnclear):
        Collection.objects.only_one(None)
    with pytest.raises(NotFound):
        Collection.objects.only_one(uuid4())
