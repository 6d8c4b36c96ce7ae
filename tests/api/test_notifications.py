"""Notifications: a withdrawal finds what a pipeline has left, reaches it, and gets its answer."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from PIL import ImageOps

from registry.log.recorder import head_size
from tests.api.conftest import Doors, slug
from tests.api.test_matches import ask, sent
from tests.drawn import jpeg, portrait
from tests.world import World

ORDER = ["id", "at", "kind", "key", "image", "distance", "alteration", "outcome"]


def withdrawn(world: World, *seeds: int) -> list[UUID]:
    """Pictures of one person, withdrawn, and looked for among the deposits by a worker."""
    ines = world.person("ines")
    images = [world.image(ines, content=jpeg(seed)) for seed in seeds]
    world.withdraw(ines)
    world.protect()
    world.look_back()
    return images


def listed(doors: Doors, key: str, query: str = "") -> Any:
    answer = doors.get(f"notifications{query}", key)
    assert answer.status_code == 200, answer.content
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json()


def respond(doors: Doors, key: str, notification: str, outcome: object) -> Any:
    return doors.post(f"notifications/{notification}/outcome", key, {"outcome": outcome})


def test_a_withdrawal_finds_what_was_left_and_is_answered(world: World, doors: Doors) -> None:
    key, other = doors.key(), doors.key()
    ask(doors, key, sent(ImageOps.mirror(portrait(1))), sent(portrait(2)), deposit=True)
    assert listed(doors, key) == {"size": head_size(), "notifications": [], "next": 0}
    (image,) = withdrawn(world, 1)
    answer = listed(doors, key)
    assert list(answer) == ["size", "notifications", "next"]
    (told,) = answer["notifications"]
    assert list(told) == ORDER
    assert (told["kind"], told["key"], told["image"]) == ("copy", "0.jpg", str(image))
    assert (told["alteration"], told["outcome"]) == ("mirrored", None)
    assert told["at"].endswith("Z")
    assert listed(doors, other)["notifications"] == []
    assert listed(doors, key, f"?after={answer['next']}") == {**answer, "notifications": []}
    before = head_size()
    for _ in range(2):
        said = respond(doors, key, told["id"], "deleted")
        assert (said.status_code, said.json()) == (200, {"id": told["id"], "outcome": "deleted"})
        assert head_size() == before + 1
    assert [each["outcome"] for each in listed(doors, key)["notifications"]] == ["deleted"]
    another = respond(doors, key, told["id"], "exempt")
    assert (another.status_code, slug(another)) == (409, "already-answered")
    assert head_size() == before + 1


def test_pages_come_in_order_and_none_is_missed(world: World, doors: Doors) -> None:
    key = doors.key()
    ask(doors, key, *[sent(portrait(seed)) for seed in (1, 2, 3)], deposit=True)
    images = withdrawn(world, 1, 2, 3)
    found, after = [], 0
    while page := listed(doors, key, f"?after={after}&limit=1"):
        if not page["notifications"]:
            break
        found += page["notifications"]
        after = page["next"]
    assert {each["image"] for each in found} == {str(image) for image in images}
    assert found == listed(doors, key)["notifications"]


@pytest.mark.parametrize("outcome", ["deleted", "excluded", "retrained", "exempt", "not_found"])
def test_every_outcome_is_taken(world: World, doors: Doors, outcome: str) -> None:
    key = doors.key()
    ask(doors, key, sent(portrait(1)), deposit=True)
    withdrawn(world, 1)
    (told,) = listed(doors, key)["notifications"]
    assert respond(doors, key, told["id"], outcome).status_code == 200


def test_a_foreign_notification_is_as_absent_as_one_that_never_was(world: World, doors: Doors) -> None:
    key, other = doors.key(), doors.key()
    ask(doors, key, sent(portrait(1)), deposit=True)
    withdrawn(world, 1)
    (told,) = listed(doors, key)["notifications"]
    foreign, absent = respond(doors, other, told["id"], "deleted"), respond(doors, key, str(uuid4()), "deleted")
    assert (foreign.status_code, slug(foreign)) == (404, "not-found")
    assert foreign.content == absent.content
    assert listed(doors, key)["notifications"][0]["outcome"] is None


def test_outcomes_are_read_strictly(world: World, doors: Doors, subtests: pytest.Subtests) -> None:
    key = doors.key()
    ask(doors, key, sent(portrait(1)), deposit=True)
    withdrawn(world, 1)
    (told,) = listed(doors, key)["notifications"]
    path = f"notifications/{told['id']}/outcome"
    cases: dict[str, tuple[object, str]] = {
        "other word": ({"outcome": "ignored"}, "outcome-unknown"),
        "capitals": ({"outcome": "Deleted"}, "outcome-unknown"),
        "with a space": ({"outcome": "deleted "}, "outcome-unknown"),
        "null": ({"outcome": None}, "field-invalid"),
        "list": ({"outcome": ["deleted"]}, "field-invalid"),
        "nothing": ({}, "field-required"),
        "more": ({"outcome": "deleted", "note": "x"}, "unknown-field"),
        "array": (["deleted"], "json-not-object"),
    }
    for row, (body, expected) in cases.items():
        with subtests.test(row):
            assert slug(doors.post(path, key, body)) == expected
    for after in ("-1", "x", "1.0", "", "9" * 19, "\u0661"):
        with subtests.test(f"after {after}"):
            assert slug(doors.get(f"notifications?after={after}", key)) == "field-invalid"
    assert slug(doors.get("notifications?limit=0", key)) == "page-size-invalid"
    assert slug(doors.get("notifications?from=0", key)) == "unknown-field"
    assert slug(doors.get("notifications")) == "credentials-invalid"
    assert slug(doors.get(path, key)) == "method-not-allowed"
    assert slug(doors.post(path.upper().replace("NOTIFICATIONS", "notifications"), key, {})) == "not-found"
    assert slug(doors.post("notifications", key, {})) == "method-not-allowed"
    assert listed(doors, key)["notifications"][0]["outcome"] is None
