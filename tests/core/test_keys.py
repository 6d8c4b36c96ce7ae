"""Secrets end: by themselves, by hand and at once, and what belongs to their owner goes on."""

import hashlib
import json
import secrets
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from pytest_django import Settings

from consent.acts.acknowledge_sync import acknowledge_sync
from consent.acts.disable_pipeline import disable_pipeline, enable_pipeline
from consent.acts.enrol_pipeline import Access, enrol_pipeline
from consent.acts.issue_key import issue_key
from consent.acts.publish_snapshot import publish_snapshot
from consent.acts.revoke_key import revoke_key
from consent.errors import CursorAltered, NameTaken
from consent.exclusions.cursors import Cursor, parse
from consent.exclusions.snapshots import part
from consent.reads.feed import feed_of
from consent.reads.notifications import notifications
from consent.reads.pipelines import Asker, keys_of, pipeline_of_key, pipelines, reach
from registry.acts.enrol_steward import enrol_steward
from registry.acts.issue_token import issue_token
from registry.acts.remove_steward import remove_steward
from registry.acts.revoke_steward_token import revoke_steward_token
from registry.acts.revoke_tokens import revoke_tokens
from registry.errors import LabelInvalid, LabelTaken, NotFound, Refusal
from registry.log.recorder import head_size
from registry.models import Opening
from registry.reads.people import bearer, steward_of_token
from registry.reads.secrets import steward_tokens_of, tokens_of
from tests import threads
from tests.world import Pipeline, World, opened_collection

YEAR = timedelta(days=365)
MOMENT = timedelta(microseconds=1)


def another_key(world: World, lab: Pipeline, label: str = "") -> Pipeline:
    """The same pipeline with a further key."""
    key = secrets.token_urlsafe(32)
    issue_key(str(lab.id), secret=key, at=world.at, label=label)
    return Pipeline(lab.id, key)


def told(world: World, lab: Pipeline) -> list[UUID]:
    return [each.id for each in notifications(world.asker(lab), after=0, limit=100).notifications]


def refused(lab: Pipeline, world: World) -> bool:
    return pipeline_of_key(lab.key, at=world.at) is None


def said() -> list[dict[str, object]]:
    """Every item of the log that can be opened."""
    return [json.loads(bytes(item)) for item in Opening.objects.values_list("item", flat=True)]


# By themselves


def test_a_key_ends_after_its_year(world: World) -> None:
    lab = world.pipeline()
    assert pipeline_of_key(lab.key, at=world.at + YEAR - MOMENT) is not None
    assert pipeline_of_key(lab.key, at=world.at + YEAR) is None


def test_a_persons_token_ends_after_its_year(world: World) -> None:
    token = world.token(world.person("ines"))
    assert bearer(token, at=world.at + YEAR - MOMENT) is not None
    assert bearer(token, at=world.at + YEAR) is None


def test_a_stewards_token_ends_after_ninety_days(world: World) -> None:
    secret = secrets.token_urlsafe(32)
    enrol_steward("sam@registry.example", secret=secret, at=world.at)
    assert steward_of_token(secret, at=world.at + timedelta(days=90) - MOMENT) is not None
    assert steward_of_token(secret, at=world.at + timedelta(days=90)) is None


def test_a_withdrawal_after_the_keys_year_reaches_the_pipeline(world: World) -> None:
    """The old key has ended, the new one is the same pipeline's: it reads what was attested under the old one."""
    ines, lab = world.person("ines"), world.pipeline()
    image = world.image(ines)
    world.grant(ines, until=world.at + timedelta(days=364))
    world.attest(lab, image)
    acknowledge_sync(world.asker(lab).serial, size=head_size())
    world.later(days=396)
    assert refused(lab, world)
    renewed = another_key(world, lab)
    taken = world.withdraw(ines)
    world.look_over()
    assert len(told(world, renewed)) == 1
    assert (reach(world.collection, index=taken.index).synced, reach(world.collection, index=0).synced) == (0, 1)


def test_a_pipeline_without_a_key_in_force_still_counts(world: World) -> None:
    world.pipeline()
    world.later(days=366)
    assert reach(world.collection, index=0).pipelines == 1


def test_two_keys_see_the_same_while_one_takes_the_place_of_the_other(world: World) -> None:
    ines, lab = world.person("ines"), world.pipeline()
    image = world.image(ines)
    world.grant(ines)
    world.attest(lab, image)
    fresh = another_key(world, lab)
    world.withdraw(ines)
    world.look_over()
    assert len(told(world, lab)) == 1
    assert told(world, lab) == told(world, fresh)
    assert world.decision(lab, image) == world.decision(fresh, image)
    assert feed_of(world.asker(lab)) == feed_of(world.asker(fresh))


# By hand


def test_a_revoked_key_opens_nothing_and_the_others_do(world: World) -> None:
    lab, other = world.pipeline(), world.pipeline("other")
    fresh = another_key(world, lab, "2027")
    revoke_key("lab", label="key-1", at=world.at)
    assert refused(lab, world)
    assert not refused(fresh, world)
    assert not refused(other, world)
    world.at -= timedelta(days=3)  # a clock that was set back
    assert refused(lab, world)
    assert [(each.label, each.ended) for each in keys_of("lab", at=world.at)] == [("2027", ""), ("key-1", "revoked")]


def test_a_label_names_a_key_of_one_pipeline(world: World) -> None:
    lab, other = world.pipeline(), world.pipeline("other")
    another_key(world, other, "only others have it")
    size = head_size()
    for named, label in (("lab", "only others have it"), ("nobody", "key-1"), (str(uuid4()), "key-1"), ("lab", "")):
        with pytest.raises(NotFound):
            revoke_key(named, label=label, at=world.at)
    assert head_size() == size
    assert not refused(lab, world)
    revoke_key("lab", label="key-1", at=world.at)
    with pytest.raises(NotFound, match="has no key"):
        revoke_key("lab", label="key-1", at=world.at)


def test_a_label_is_one_line_and_one_of_those_in_force(world: World) -> None:
    lab = world.pipeline()
    for label in (" x", "x\n", "x" * 61, "\x1b[2J"):
        with pytest.raises(LabelInvalid):
            another_key(world, lab, label)
    with pytest.raises(LabelTaken):
        another_key(world, lab, "key-1")
    revoke_key("lab", label="key-1", at=world.at)
    another_key(world, lab, "key-1")
    another_key(world, lab)
    assert [each.label for each in keys_of("lab", at=world.at) if not each.ended] == ["key-1", "key-2"]


def test_a_name_is_enrolled_once(world: World) -> None:
    lab, size = world.pipeline("Face Lab"), head_size()
    for name in ("Face Lab", "face lab"):
        with pytest.raises(NameTaken, match="pipeline key add"):
            enrol_pipeline(Access(name, ("ai_training",), "research"), secret=secrets.token_urlsafe(), at=world.at)
    assert head_size() == size
    assert [each.id for each in pipelines(at=world.at)] == [lab.id]


def test_of_two_that_enrol_one_name_at_once_one_is_refused(world: World) -> None:
    def enrol() -> str:
        try:
            enrol_pipeline(Access("lab", ("ai_training",), "research"), secret=secrets.token_urlsafe(), at=world.at)
        except Refusal as refusal:
            return refusal.slug
        return "enrolled"

    assert sorted(threads.together(enrol, enrol)) == ["enrolled", "name-taken"]


def test_a_disabled_pipeline_is_answered_by_no_key_until_it_is_enabled(world: World) -> None:
    lab, other = world.pipeline(), world.pipeline("other")
    fresh = another_key(world, lab)
    revoke_key("lab", label="key-1", at=world.at)
    assert disable_pipeline("lab", at=world.at)
    assert disable_pipeline("lab", at=world.at) is None
    assert refused(fresh, world)
    assert not refused(other, world)
    assert reach(world.collection, index=0).pipelines == 1
    assert enable_pipeline("lab", at=world.at)
    assert enable_pipeline("lab", at=world.at) is None
    assert not refused(fresh, world)
    assert refused(lab, world), "what was revoked stays revoked"


def test_tokens_are_revoked_by_their_owner_alone(world: World) -> None:
    ines, tom = world.person("ines"), world.person("tom")
    hers, his = world.token(ines), world.token(tom)
    (number,) = [each.id for each in tokens_of(ines, at=world.at)]
    size = head_size()
    with pytest.raises(NotFound):
        revoke_tokens(tom, tokens=[number], at=world.at)
    with pytest.raises(NotFound):
        revoke_tokens(tom, tokens=[tokens_of(tom, at=world.at)[0].id, number], at=world.at)
    assert head_size() == size
    assert bearer(his, at=world.at)
    revoke_tokens(tom, tokens="all", at=world.at)
    assert bearer(his, at=world.at) is None
    assert bearer(hers, at=world.at)
    assert revoke_tokens(tom, tokens="all", at=world.at) is None


def test_a_removed_steward_has_no_token_and_a_new_one_starts_anew(world: World) -> None:
    first, second = (secrets.token_urlsafe(32) for _ in range(2))
    enrol_steward("sam@registry.example", secret=first, at=world.at)
    enrol_steward("kim@registry.example", secret=second, at=world.at)
    remove_steward("Sam@registry.example", at=world.at)
    assert steward_of_token(first, at=world.at) is None
    assert steward_of_token(second, at=world.at)
    with pytest.raises(NotFound):
        remove_steward("sam@registry.example", at=world.at)
    enrol_steward("sam@registry.example", secret=secrets.token_urlsafe(32), at=world.at)
    assert steward_of_token(first, at=world.at) is None


def test_a_stewards_token_is_revoked_by_its_label(world: World) -> None:
    first, second = (secrets.token_urlsafe(32) for _ in range(2))
    for secret, label in ((first, ""), (second, "home")):
        enrol_steward("sam@registry.example", secret=secret, at=world.at, label=label)
    with pytest.raises(NotFound):
        revoke_steward_token("sam@registry.example", label="office", at=world.at)
    revoke_steward_token("sam@registry.example", label="token-1", at=world.at)
    assert steward_of_token(first, at=world.at) is None
    assert steward_of_token(second, at=world.at)
    held = steward_tokens_of("sam@registry.example", at=world.at)
    assert {each.label: each.ended for each in held} == {"token-1": "revoked", "home": ""}


# What is on the log


def test_each_is_one_entry_and_says_labels_and_pseudonyms_only(world: World) -> None:
    ines = world.person("ines")
    values, size = [secrets.token_urlsafe(32) for _ in range(5)], head_size()
    enrol_pipeline(Access("lab", ("ai_training",), "research"), secret=values[0], at=world.at)
    issue_key("lab", secret=values[1], at=world.at, label="2027")
    revoke_key("lab", label="2027", at=world.at)
    disable_pipeline("lab", at=world.at)
    enable_pipeline("lab", at=world.at)
    token = issue_token(ines, secret=values[2], at=world.at, label="my phone")
    revoke_tokens(ines, tokens=[token.id], at=world.at)
    enrol_steward("sam@registry.example", secret=values[3], at=world.at)
    enrol_steward("sam@registry.example", secret=values[4], at=world.at)
    revoke_steward_token("sam@registry.example", label="token-1", at=world.at)
    remove_steward("sam@registry.example", at=world.at)
    assert head_size() == size + 11
    text = json.dumps(said())
    for value in values:
        digest = hashlib.sha256(value.encode()).digest()
        assert value not in text
        assert digest.hex() not in text
    assert "@" not in text
    assert {"what": "token_issued", "person": str(ines), "token": str(token.id), "label": "my phone"} in said()


# What else a key opens, and what it does not


def two_feeds(world: World) -> list[tuple[Asker, str]]:
    """Pipelines of other scopes and of another collection, each with a part of its own feed."""
    elsewhere = opened_collection("Others", at=world.at)
    ines = world.person("ines")
    world.image(ines)
    world.image(ines, collection=elsewhere)
    world.grant(ines, [world.image(ines)])
    world.publish()
    labs = [
        world.pipeline("a", purposes=["ai_training"]),
        world.pipeline("b", purposes=["ai_training", "evaluation"]),
        world.pipeline("c", purposes=["ai_training"], audience="commercial"),
        world.pipeline("d", purposes=["ai_training"], collection=elsewhere),
    ]
    found = []
    for lab in labs:
        asker = world.asker(lab)
        offered = publish_snapshot(feed_of(asker), clock=lambda: world.at)
        found.append((asker, offered.parts[0].sha256))
    return found


def test_a_key_reads_the_parts_of_its_own_feed_only(world: World) -> None:
    feeds = two_feeds(world)
    assert len({sha256 for _, sha256 in feeds}) == len(feeds)
    for asker, own in feeds:
        assert part(feed_of(asker), sha256=own, at=world.at).exists()
        for _, other in feeds:
            if other != own:
                with pytest.raises(NotFound):
                    part(feed_of(asker), sha256=other, at=world.at)


def test_a_cursor_outlives_the_secret_that_it_was_signed_with(world: World, settings: Settings) -> None:
    """While the former secret is kept: what was given out goes on; without it, it does not."""
    feed = feed_of(world.asker(world.pipeline()))
    given, former = Cursor(3).encode(feed), settings.SECRET_KEY
    settings.SECRET_KEY = secrets.token_urlsafe(32)
    with pytest.raises(CursorAltered):
        parse(given, feed=feed)
    settings.SECRET_KEY_FALLBACKS = [former]
    assert parse(given, feed=feed) == Cursor(3)
    assert Cursor(3).encode(feed) != given
    settings.SECRET_KEY_FALLBACKS = []
    assert parse(Cursor(3).encode(feed), feed=feed) == Cursor(3)
