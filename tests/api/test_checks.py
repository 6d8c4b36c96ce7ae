"""POST checks: the answer that everything else is for."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings

from consent.acts.resolve_case import CaseMove
from tests.api.conftest import Doors, slug
from tests.world import World, digest_of, opened_collection

PERMITTED = ("permitted", None)
REMOVE = ("excluded", "remove")
WAIT = ("excluded", "wait")
NOT_COVERED = ("excluded", "not_covered")
UNKNOWN = ("unknown", None)


def test_the_answer_has_the_contracts_form(world: World, doors: Doors) -> None:
    image, key = world.image(world.person("ines")), doors.key()
    answer = doors.check(key, [str(image)])
    assert list(answer) == ["size", "purpose", "valid_until", "decisions"]
    assert list(answer["decisions"][0]) == ["key", "decision", "reason"]
    assert answer["valid_until"].endswith("Z")
    lease = datetime.fromisoformat(answer["valid_until"]) - datetime.now(UTC)
    assert timedelta(minutes=14) < lease <= timedelta(minutes=15)


def test_a_grant_permits_and_a_withdrawal_ends_it_at_once(world: World, doors: Doors) -> None:
    ines, key = world.person("ines"), doors.key("ai_training", "evaluation")
    image = world.image(ines)
    assert doors.decisions(key, image) == [NOT_COVERED]
    given = world.grant(ines, purposes=["ai_training"])
    assert doors.decisions(key, image) == [PERMITTED]
    assert doors.decisions(key, image, purpose="evaluation") == [NOT_COVERED]
    taken = world.withdraw(ines)
    answer = doors.check(key, [str(image)])
    assert answer["size"] == taken.index + 1 == given.index + 2
    assert doors.decisions(key, image) == [REMOVE]


def test_every_reason_has_its_word(world: World, doors: Doors) -> None:
    ines, joan, key = world.person("ines"), world.person("joan"), doors.key()
    restricted, revoked, given = world.image(ines), world.image(ines), world.image(ines)
    raw, of_another = world.image(ines, registered=False), world.image(ines, depicts="unknown")
    world.grant(ines, [restricted, revoked, given])
    world.case(image=restricted)
    world.resolve(world.case(image=revoked), CaseMove.ACCEPT)
    asked = [restricted, revoked, given, raw, of_another, world.collection]
    assert doors.decisions(key, *asked) == [WAIT, REMOVE, PERMITTED, UNKNOWN, WAIT, UNKNOWN]
    world.image(joan, content=_bytes_of(given))
    assert doors.decisions(key, given) == [NOT_COVERED]


def test_another_collection_and_audience_see_nothing(world: World, doors: Doors) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines)
    elsewhere = doors.key(collection=opened_collection("Other", at=world.at))
    assert doors.decisions(elsewhere, image) == [UNKNOWN]
    assert doors.decisions(elsewhere, digest_of(image).hex(), by="sha256") == [UNKNOWN]
    assert doors.decisions(doors.key(audience="commercial"), image) == [NOT_COVERED]


def test_order_and_duplicates_stay_and_many_equal_one_by_one(world: World, doors: Doors) -> None:
    """I9."""
    ines, key = world.person("ines"), doors.key()
    images = [world.image(ines) for _ in range(6)]
    world.grant(ines, images[:4])
    world.withdraw(ines, images[:2])
    drawn = random.Random(1)
    asked = [digest_of(drawn.choice(images)).hex() for _ in range(40)] + ["0" * 64]
    drawn.shuffle(asked)
    answer = doors.check(key, asked, by="sha256")
    assert [each["key"] for each in answer["decisions"]] == asked
    assert answer["decisions"] == [doors.check(key, [one], by="sha256")["decisions"][0] for one in asked]


def test_a_digest_is_one_picture_whoever_brought_it(world: World, doors: Doors) -> None:
    ines, joan, key = world.person("ines"), world.person("joan"), doors.key()
    first = world.image(ines)
    second = world.image(joan, content=_bytes_of(first))
    world.grant(ines)
    digest = digest_of(first).hex()
    assert doors.decisions(key, digest, by="sha256") == [NOT_COVERED]
    world.grant(joan)
    assert doors.decisions(key, digest, by="sha256") == [PERMITTED]
    world.withdraw(joan, [second])
    assert doors.decisions(key, digest, by="sha256") == doors.decisions(key, first) == [REMOVE]


def test_a_lease_ends_with_the_earliest_grant(world: World, doors: Doors) -> None:
    ines, key = world.person("ines"), doors.key()
    soon = (world.at + timedelta(minutes=5)).replace(microsecond=0)
    image, other = world.image(ines), world.image(ines)
    world.grant(ines, [image], until=soon)
    world.grant(ines, [other])
    assert datetime.fromisoformat(doors.check(key, [str(image), str(other)])["valid_until"]) == soon
    assert datetime.fromisoformat(doors.check(key, [str(other)])["valid_until"]) > soon


def test_law_11_any_doubt_reads_unknown_and_excluded_stays(world: World, doors: Doors) -> None:
    ines, key = world.person("ines"), doors.key()
    permitted, withdrawn = world.image(ines), world.image(ines)
    world.grant(ines)
    world.withdraw(ines, [withdrawn])
    world.publish()
    path = Path(settings.CHECKPOINT_DIR) / "checkpoint"
    kept = path.read_text()
    path.write_text("not a note\n")
    assert doors.decisions(key, permitted, withdrawn) == [UNKNOWN, REMOVE]
    assert slug(doors.get("/readyz")) == "log-in-doubt"
    path.write_text(kept)
    assert doors.decisions(key, permitted, withdrawn) == [PERMITTED, REMOVE]
    assert doors.get("/readyz").status_code == doors.get("/livez").status_code == 200


@pytest.mark.parametrize("count", [1, 1000, 100_000])
def test_a_bulk_of_any_size_is_answered(doors: Doors, count: int) -> None:
    answer = doors.check(doors.key(), [f"{number:064x}" for number in range(count)], by="sha256")
    assert len(answer["decisions"]) == count
    assert {each["decision"] for each in answer["decisions"]} == {"unknown"}


def _bytes_of(image: object) -> bytes:
    from registry import originals

    return originals.original(image).read_bytes()  # type: ignore[arg-type]
