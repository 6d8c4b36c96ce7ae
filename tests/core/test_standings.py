"""The rule of law 1, the decisions, and the rows: against the oracle and against themselves."""

from collections.abc import Callable
from itertools import combinations, product
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from consent.exclusions.standings import stored
from consent.models import FeedTotal, Standing
from consent.rules.decisions import LEASE, decide, lease, strongest
from consent.rules.lifecycle import CaseMove
from consent.rules.reasons import Decision, Reason, decision, wire
from consent.rules.standings import NOBODY, Facts, Terms, terms
from consentkit.scopes import SCOPES
from tests import oracle
from tests.checker import check_world, story
from tests.world import World

ENDS = st.lists(st.none() | st.integers(1, 2**33), min_size=SCOPES, max_size=SCOPES).map(tuple)


def some_terms() -> st.SearchStrategy[Terms]:
    return st.lists(st.sampled_from(Reason) | st.integers(1, 2**33), min_size=SCOPES, max_size=SCOPES).map(
        lambda ruled: Terms(
            tuple(None if isinstance(each, Reason) else each for each in ruled),
            tuple(each if isinstance(each, Reason) else None for each in ruled),
        )
    )


# Where nothing stands against an image: by chance alone, that is too rare to test what is then permitted.
CLEAR = st.builds(
    Facts,
    fingerprinted=st.just(True),
    erased=st.just(False),
    revoked=st.just(False),
    restricted=st.just(False),
    everyone_confirmed=st.just(True),
    withdrawn=st.just(0) | st.integers(0, 2**SCOPES - 1),
    granted=st.lists(ENDS, min_size=1, max_size=2).map(tuple),
    sources=st.lists(some_terms(), max_size=1).map(tuple),
    denied=st.just(0) | st.integers(0, 2**SCOPES - 1),
)
FACTS = CLEAR | st.builds(
    Facts,
    fingerprinted=st.booleans(),
    erased=st.booleans(),
    revoked=st.booleans(),
    restricted=st.booleans(),
    everyone_confirmed=st.booleans(),
    withdrawn=st.integers(0, 2**SCOPES - 1),
    granted=st.lists(ENDS, max_size=2).map(tuple),
    sources=st.lists(some_terms(), max_size=2).map(tuple),
    denied=st.integers(0, 2**SCOPES - 1),
)


@given(FACTS)
def test_law_1_nothing_is_permitted_unless_all_agree(facts: Facts) -> None:
    ruled = terms(facts)
    for scope in range(SCOPES):
        until, reason = ruled.until[scope], ruled.reason[scope]
        assert (until is None) != (reason is None)
        ends = [by_scope[scope] for by_scope in facts.granted]
        sources = [source.until[scope] for source in facts.sources]
        agreed = ends and None not in ends + sources
        barred = facts.erased or facts.revoked or facts.restricted or (facts.withdrawn | facts.denied) >> scope & 1
        if agreed and not barred and facts.fingerprinted and facts.everyone_confirmed:
            assert until == min(end for end in ends + sources if end is not None)
        else:
            assert until is None


@given(FACTS, st.integers(0, SCOPES - 1))
def test_one_more_bar_never_permits(facts: Facts, scope: int) -> None:
    """Monotone: whatever else is true, adding a reason against never moves a scope to permitted."""
    before = terms(facts)
    worse: list[dict[str, Any]] = [
        {"erased": True},
        {"revoked": True},
        {"restricted": True},
        {"fingerprinted": False},
        {"everyone_confirmed": False},
        {"withdrawn": facts.withdrawn | 1 << scope},
        {"denied": facts.denied | 1 << scope},
        {"granted": (*facts.granted, (None,) * SCOPES)},
    ]
    for change in worse:
        after = terms(Facts(**{**vars(facts), **change}))
        assert all(after.until[at] in (None, before.until[at]) for at in range(SCOPES))
        assert after.until[scope] is None


def test_nobody_is_permitted_nothing() -> None:
    assert set(terms(NOBODY).until) == {None}


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_decision_and_its_word_on_the_wire(reason: Reason) -> None:
    unknown = {Reason.UNFINGERPRINTED, Reason.UNEVIDENCED}
    assert decision(reason) == (Decision.UNKNOWN if reason in unknown else Decision.EXCLUDED)
    assert wire(reason) in ("remove", "wait", "not_covered", "unknown")
    assert (wire(reason) == "unknown") == (reason in unknown)
    assert decide(None, reason, now=0).told == (None if reason in unknown else wire(reason))
    if int(reason) in oracle.TOLD:
        assert wire(reason) == oracle.TOLD[int(reason)]


@pytest.mark.parametrize("doubted", [False, True])
@pytest.mark.parametrize(("now", "sure"), [(99, "permitted"), (100, "excluded"), (101, "excluded")])
def test_permission_ends_at_the_second_it_says(now: int, sure: str, doubted: bool) -> None:
    """Law 11: doubt turns permitted into unknown, and leaves excluded as it is."""
    expected = "unknown" if doubted and sure == "permitted" else sure
    assert decide(100, None, now=now, doubted=doubted).decision == expected
    assert decide(None, Reason.WITHDRAWN, now=now, doubted=doubted).told == "remove"


def test_a_stranger_is_unknown_and_no_reason_is_told() -> None:
    assert decide(None, None, now=0).decision is Decision.UNKNOWN
    assert decide(None, None, now=0).told is None


@given(st.lists(st.integers(0, 2**33)), st.integers(0, 2**33))
def test_a_lease_is_fifteen_minutes_or_the_earliest_end(ends: list[int], now: int) -> None:
    assert lease(ends, now=now) == min([now + 900, *ends])
    assert LEASE == 900


def test_several_images_of_one_digest_answer_as_the_strongest() -> None:
    answers = [(50, None), (70, None), (None, Reason.NO_GRANT), (None, Reason.WITHDRAWN)]
    assert strongest(answers) == (None, Reason.WITHDRAWN)
    assert strongest(answers[:3]) == (None, Reason.NO_GRANT)
    assert strongest(answers[:2]) == (50, None)
    assert strongest([*answers[:2], (None, None)]) == (None, None)  # one that says nothing permits nothing
    assert strongest([*answers[:3], (None, None)]) == (None, Reason.NO_GRANT)
    assert strongest([]) == (None, None)


# The rows


def test_every_way_to_be_excluded_reads_as_the_oracle_says(world: World) -> None:
    """Each combination of what can happen to one image, in the order it happens in."""
    happenings: dict[str, Callable[[UUID, UUID], Any]] = {
        "granted": lambda who, image: world.grant(who, [image], purposes=["ai_training"]),
        "withdrawn": lambda who, image: world.withdraw(who, [image], purposes=["ai_training", "evaluation"]),
        "restricted": lambda who, image: world.case(image=image, claimant=str(image)),
        "revoked": lambda who, image: world.resolve(world.case(image=image, claimant=str(image)), CaseMove.ACCEPT),
    }
    ines = world.person("ines")
    for length in range(len(happenings) + 1):
        for chosen in combinations(happenings, length):
            image = world.image(ines)
            for name in chosen:
                happenings[name](ines, image)
    told = story()
    now = int(world.at.timestamp())
    lab = world.pipeline()
    world.publish()
    for number, purpose in product(oracle.images(told), oracle.PURPOSES):
        decided = world.decision(lab, UUID(number), purpose=purpose)
        assert decided.decision == oracle.decide(told, number, purpose, "research", now)
    check_world()


def test_images_of_every_kind_are_in_one_feed_and_equal_bytes_are_one(world: World) -> None:
    ines, jo = world.person("ines"), world.person("jo")
    world.image(ines)
    world.image(ines, registered=False)
    world.image(ines, depicts="unknown")
    world.image(ines, content=b"the same")
    world.image(jo, content=b"the same")
    assert {of.count for of in FeedTotal.objects.all()} == {4}


def test_a_row_that_an_act_did_not_change_keeps_its_act(world: World) -> None:
    ines = world.person("ines")
    first, second = world.image(ines), world.image(ines)
    world.withdraw(ines, [first])
    before = Standing.objects.get(image=first).act
    world.withdraw(ines)  # changes only the second
    assert Standing.objects.get(image=first).act == before != Standing.objects.get(image=second).act


def test_many_images_in_one_act_take_few_statements(world: World) -> None:
    ines = world.person("ines")
    images = [world.image(ines) for _ in range(40)]
    world.grant(ines)
    with CaptureQueriesContext(connection) as captured:
        world.withdraw(ines)
    assert len(captured) < 40
    assert {row.terms.reason[0] for row in stored(set(images)).values()} == {Reason.WITHDRAWN}
