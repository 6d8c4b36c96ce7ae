"""Snapshots made out of kept ones: equal to those made of all rows, whatever happened."""

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent.acts.publish_snapshot import publish_snapshot
from consent.errors import ImageRejected, ImageRevoked, NothingToGrant
from consent.exclusions import merging, snapshots
from consent.exclusions.feed import Feed
from consent.rules.lifecycle import CaseMove
from registry.models import Bringing, Image
from tests import oracle
from tests.core.conftest import Kept, by_rows, path
from tests.world import World, opened_collection

NAMES = ["ines", "jo", "kim"]


# Equal to those made of all rows

ACTS = st.one_of(
    st.tuples(
        st.just("image"),
        st.sampled_from(NAMES),
        st.sampled_from([None, None, b"0", b"1"]),
        st.booleans(),
        st.integers(0, 1),
    ),
    st.tuples(
        st.just("grant"), st.sampled_from(NAMES), st.sampled_from(oracle.PURPOSES), st.sampled_from(oracle.AUDIENCES)
    ),
    st.tuples(st.just("withdraw"), st.sampled_from(oracle.PURPOSES), st.integers(0, 99)),
    st.tuples(st.just("reject"), st.integers(0, 99)),
    st.tuples(st.just("register"), st.integers(0, 99)),
    st.tuples(st.just("case"), st.integers(0, 99)),
    st.tuples(st.just("revoke"), st.integers(0, 99)),
)


def perform(world: World, collections: Sequence[UUID], act: tuple[Any, ...]) -> None:
    """One act; what is refused has not happened."""
    what, *how = act
    images = list(Bringing.objects.order_by("brought_at", "id").values_list("image", "person"))
    if what == "image":
        who, content, registered, where = how
        world.image(world.person(who), content=content, registered=registered, collection=collections[where])
    elif what == "grant":
        who, purpose, audience = how
        of = Image.objects.of(world.person(who)).filter(collection=world.collection)
        with suppress(NothingToGrant, ImageRejected, ImageRevoked):
            world.grant(world.person(who), list(of.values_list("id", flat=True)), purposes=[purpose], audience=audience)
    elif images:
        image, person = images[how[-1] % len(images)]
        match what:
            case "withdraw":
                world.withdraw(person, [image], purposes=how[:1])
            case "reject":
                world.reject(image)
            case "register":
                world.register(image)
            case "case":
                world.case(image=image, claimant=f"{image}@example.org")
            case "revoke":
                world.resolve(world.case(image=image, claimant=f"{image}@example.org"), CaseMove.ACCEPT)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(story=st.lists(st.lists(ACTS, max_size=5), min_size=1, max_size=3))
@pytest.mark.parametrize("digits", [0, 1])
def test_made_out_of_a_kept_one_it_is_byte_for_byte_the_same(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, digits: int, story: list[list[tuple[Any, ...]]]
) -> None:
    """Acts in any order, in two collections and for two audiences; each example goes on where the last one ended."""
    monkeypatch.setattr(snapshots, "PIECES", ((10**6, digits),))
    world = kept.world
    other = world.people.get("another collection") or opened_collection("Others", at=world.at)
    world.people["another collection"] = other
    feeds = [
        Feed(world.collection, ("ai_training", "evaluation"), "research"),
        Feed(world.collection, ("ai_inference",), "commercial"),
        Feed(other, ("ai_training",), "research"),
    ]
    each = [Kept(world, feed) for feed in feeds]
    for of in each:
        of.published()
    kept.whole = 0
    for acts in story:
        for act in acts:
            perform(world, [world.collection, other], act)
        for of in each:
            assert of.published().parts == of.made_of_all_rows()
    assert kept.whole == 0


def test_only_parts_that_hold_a_change_are_other_files(kept: Kept) -> None:
    ines = kept.world.person("ines")
    images = [kept.world.image(ines) for _ in range(24)]
    before = kept.published()
    files = {part: path(part).stat().st_ino for part in before.parts}
    for part in before.parts:
        os.utime(path(part), (0, 0))
    kept.world.withdraw(ines, images[:1])
    after = kept.published()
    digest = bytes(Image.objects.get(id=images[0]).sha256).hex()
    changed = [part for part in after.parts if part not in before.parts]
    assert [part.prefix for part in changed] == [digest[0]]
    for part in set(after.parts) & set(before.parts):
        assert path(part).stat().st_ino == files[part]
        assert path(part).stat().st_mtime > 0  # young again: pruning leaves it for as long as a new one


def test_an_act_of_other_scopes_leaves_the_file(kept: Kept) -> None:
    ines = kept.world.person("ines")
    kept.world.image(ines)
    before = kept.published()
    files = [path(part).stat().st_ino for part in before.parts]
    kept.world.grant(ines, audience="commercial")
    kept.world.later(hours=2)  # no longer offered
    kept.world.publish()
    after = kept.published()
    assert after.size > before.size
    assert [path(part).stat().st_ino for part in after.parts] == files


def test_what_happens_while_a_snapshot_is_made_is_in_the_next(kept: Kept) -> None:
    """Its entry comes before the snapshot's own, and behind the size at which the snapshot is true."""
    ines = kept.world.person("ines")
    image = kept.world.image(ines)
    asked = []

    def clock() -> datetime:
        """Asked before the rows are read, and again behind the files."""
        if asked:
            kept.world.withdraw(ines, [image])
        asked.append(kept.world.at)
        return kept.world.at

    first = publish_snapshot(kept.feed, clock=clock)
    assert [row["ai_training_reason"] for row in by_rows(first)] == ["not_covered"]
    kept.whole = 0
    assert [row["ai_training_reason"] for row in by_rows(kept.published())] == ["remove"]
    assert kept.whole == 0


# When all rows are read


def test_where_much_has_changed_all_rows_are_read(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row in three is worth it, two are not."""
    monkeypatch.setattr(merging, "WORTH", 3)
    ines = kept.world.person("ines")
    images = [kept.world.image(ines) for _ in range(3)]
    for chosen, whole in ((images[:1], 0), (images[1:], 16)):
        kept.published()
        kept.whole = 0
        kept.world.withdraw(ines, chosen)
        assert kept.published().parts == kept.made_of_all_rows()
        assert kept.whole == whole


def test_where_parts_are_to_be_cut_otherwise_all_rows_are_read(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    ines = kept.world.person("ines")
    kept.world.image(ines)
    kept.published()
    monkeypatch.setattr(snapshots, "PIECES", ((10**6, 0),))
    kept.world.image(ines)
    assert [part.prefix for part in kept.published().parts] == [""]


def test_one_kept_no_longer_is_no_base(kept: Kept) -> None:
    ines = kept.world.person("ines")
    kept.world.image(ines)
    kept.published()
    for hours, whole in ((47, 0), (49, 16)):
        kept.world.later(hours=hours)
        kept.world.image(ines)
        kept.world.publish()
        kept.whole = 0
        kept.published()
        assert kept.whole == whole
