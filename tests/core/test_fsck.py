"""What `fsck` finds, and what `rebuild_standings` repairs: somebody has changed rows behind the registry's back."""

from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from django.db import connection

from consent.acts.publish_snapshot import _publish
from consent.exclusions.feed import Feed, totals
from consent.exclusions.parts import Built
from consent.exclusions.rebuild import rebuild
from consent.models import FeedTotal, Standing
from consent.reads.replay import differences
from registry.log.fsck import faults
from registry.log.recorder import head_size
from tests.checker import check_world
from tests.threads import Gate, connected
from tests.world import World, reason

ROWS = {
    "a standing permits": "UPDATE consent_standing SET until[1] = 4102444800, reason[1] = NULL WHERE reason[1] = 20",
    "a standing's act": "UPDATE consent_standing SET act = gen_random_uuid()",
    "a statement dismissed": "UPDATE registry_bringing SET dismissed = true",
    "somebody shown left out": "DELETE FROM registry_depiction",
    "a digest": "UPDATE consent_standing SET sha256 = sha256('x')",
    "a total": "UPDATE consent_feedtotal SET total = total + 1",
    "a count": "UPDATE consent_feedtotal SET count = count + 1",
    "a withdrawal forgotten": "UPDATE consent_withdrawalline SET in_force = 0",
    "a grant forgotten": "UPDATE consent_grantline SET state = 'withdrawn'",
    "a standing gone": "DELETE FROM consent_standing",
}
LOG = {
    "a leaf": ("registry_entry", "UPDATE registry_entry SET leaf = set_byte(leaf, 20, 0) WHERE index = 1"),
    "a leaf's time": (
        "registry_entry",
        "UPDATE registry_entry SET leaf = replace(leaf::text, '5f6174223a31', '5f6174223a32')::bytea",  # _at":1, _at":2
    ),
    "an entry gone": ("registry_entry", "DELETE FROM registry_entry WHERE index = 1"),
    "a salt": ("registry_opening", "UPDATE registry_opening SET salt = sha256(salt)"),
    "an item": (
        "registry_opening",
        "UPDATE registry_opening SET item = convert_to('{}', 'utf8') WHERE person IS NOT NULL",
    ),
    "an opening gone": ("registry_opening", "DELETE FROM registry_opening WHERE person IS NOT NULL"),
    "a commitment": ("registry_commitment", "UPDATE registry_commitment SET commitment = sha256(commitment)"),
    "a root": (
        "registry_checkpoint",
        (
            r"UPDATE registry_checkpoint SET note ="
            r" regexp_replace(note, '\n[^\n]{43}=\n', E'\n' || repeat('A', 43) || E'=\n')"
            " WHERE size > 0"
        ),
    ),
    "a tile": ("registry_tile", "INSERT INTO registry_tile (level, index, hashes) VALUES (0, 0, sha256('x'))"),
    "the counter": ("registry_loghead", "UPDATE registry_loghead SET size = size + 1"),
}


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture
def full(world: World) -> World:
    """Something of everything."""
    ines, jo = world.person("ines"), world.person("jo")
    world.image(ines, content=b"the same")
    world.image(jo, content=b"the same")
    world.image(ines)
    world.grant(ines)
    world.withdraw(ines, purposes=["ai_training"])
    world.publish()
    return world


def test_a_sound_registry_has_no_faults(full: World) -> None:
    assert list(faults()) == []
    assert list(differences()) == []


@pytest.mark.unchecked("rows are changed behind the registry's back")
@pytest.mark.parametrize("name", ROWS)
def test_a_row_that_was_changed_is_found(full: World, name: str) -> None:
    run(ROWS[name])
    assert list(differences()) != []


@pytest.mark.unchecked("the log is changed by somebody who may drop its triggers")
@pytest.mark.parametrize("name", LOG)
def test_a_log_that_was_changed_is_found(full: World, name: str) -> None:
    table, sql = LOG[name]
    run(f"DROP TRIGGER IF EXISTS {table}_insert_only ON {table}")
    run(sql)
    assert list(faults()) != []


@pytest.mark.parametrize("name", [name for name in ROWS if "standing" in name or "total" in name or "feed" in name])
def test_standings_are_made_anew_from_the_log(full: World, name: str) -> None:
    run(ROWS[name])
    size = head_size()
    rebuild()
    assert head_size() == size  # nothing happened to anybody: no entry
    check_world()


@pytest.mark.unchecked("a row is deleted behind the registry's back, so that one size is published twice")
def test_two_snapshots_of_one_feed_at_one_size_are_found(full: World) -> None:
    """The constraint is gone with the row; the log still tells. Another feed at that size is another matter."""
    mine, other = (Feed(full.collection, (purpose,), "research") for purpose in ("ai_training", "evaluation"))
    built = Built(head_size(), (), totals(mine))
    _publish(mine, built, read_at=full.at, at=full.at)
    _publish(other, built, read_at=full.at, at=full.at)
    assert list(differences()) == []
    run("DELETE FROM consent_snapshot")
    _publish(mine, built, read_at=full.at, at=full.at)
    (found,) = differences()
    assert found.endswith(f"research, ai_training, size {built.size}: two snapshots were published")


def test_rebuilding_what_is_right_changes_nothing(full: World) -> None:
    before = list(Standing.objects.order_by("image").values()), list(FeedTotal.objects.order_by("scope").values())
    totals = [{name: value for name, value in row.items() if name != "id"} for row in before[1]]
    rebuild()
    assert list(Standing.objects.order_by("image").values()) == before[0]
    after = FeedTotal.objects.order_by("scope").values()
    assert [{name: value for name, value in row.items() if name != "id"} for row in after] == totals


def test_a_withdrawal_made_while_standings_are_rebuilt_is_not_forgotten(world: World) -> None:
    """The person's act has read the rows and not yet written them, when the operator begins to replace them."""
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines)
    with ThreadPoolExecutor(1) as pool, Gate("consent_standing").stopped(lambda: world.withdraw(ines)) as taken:
        rebuilt = pool.submit(connected, rebuild)
        wait([rebuilt], timeout=2)  # it may be done, or wait for the act
    assert rebuilt.result() == 1
    assert taken.result().index == head_size() - 1
    assert reason(image) == "withdrawn"
