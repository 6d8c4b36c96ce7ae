"""The publisher: whatever happens to it, no two checkpoints disagree (law 7)."""

import inspect
import multiprocessing
import re
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection, transaction

from consentkit import merkle
from consentkit.checkpoints import Checkpoint as Signed
from consentkit.checkpoints import sign_checkpoint
from consentkit.entries import Kind
from consentkit.errors import ConsentkitError, Inconsistent
from consentkit.notes import Signer
from registry.log import outside, publisher, readiness, tree
from registry.log.recorder import Act, head_size, record
from registry.log.signer import origin, signer
from registry.models import Checkpoint, Entry, Tile
from registry.rules.items import Item
from tests import databases, oracle
from tests.checker import check_world
from tests.core.dying import AFTER, BEFORE, turn
from tests.threads import connected, together
from tests.world import World, reason

# Each numbered step of `publisher.turn`, and one more point inside the swap of the file.
STEPS = {
    "1": "publisher._kept",
    "2": "publisher._keep_time",
    "3": "publisher._refuse_unless_extends",
    "4": "publisher._store_tiles",
    "5": "publisher._sign",
    "6": "outside.replace",
    "7": "publisher._store_row",
}
POINTS = [*[(place, when) for place in STEPS.values() for when in (BEFORE, AFTER)], ("os.fsync", BEFORE)]


def grow(world: World, by: int) -> None:
    """So many entries at once: acts that touch no image."""
    with transaction.atomic():
        for _ in range(by):
            record(Act.begin(Kind.NOTICE_PUBLISHED, at=world.at), [Item("notice_published")])


def leaves() -> list[bytes]:
    return [bytes(leaf) for leaf in Entry.objects.order_by("index").values_list("leaf", flat=True)]


@pytest.fixture
def bare(database: str) -> World:
    """Nothing was ever recorded or signed."""
    return World(at=datetime.now(UTC), collection=uuid4(), notice=uuid4())


def test_the_tree_at_every_edge_of_a_tile(bare: World) -> None:
    for size in (0, 1, 2, 255, 256, 257, 600):
        grow(bare, size - head_size())
        published = bare.publish()
        assert published is not None
        assert published.size == size
        assert bare.publish() is None
        entries = leaves()
        assert tree.root(size) == oracle.root(entries)
        full = {(tile.level, tile.index): bytes(tile.hashes) for tile in Tile.objects.all()}
        assert full == {(0, at): oracle.tile(0, at, entries) for at in range(size // 256)}
        for index in {0, 1, 127, 254, 255, 256, 511, 512, size - 1} & set(range(size)):
            assert list(merkle.inclusion_path(index, size, tree.nodes(size))) == oracle.path(index, entries)
    assert list(Checkpoint.objects.order_by("size").values_list("size", flat=True)) == [0, 1, 2, 255, 256, 257, 600]
    assert list(tree.leaves(600)) == leaves()


def test_size_nought_is_signed_before_anything(bare: World) -> None:
    published = bare.publish()
    assert published is not None
    assert oracle.open_note(published.note, str(signer().verifier)) == (origin(), 0, oracle.sha256(b""))


def test_a_turn_without_news_signs_nothing(world: World) -> None:
    kept = (Path(settings.CHECKPOINT_DIR) / "checkpoint").read_bytes()
    assert world.publish() is None
    assert (Path(settings.CHECKPOINT_DIR) / "checkpoint").read_bytes() == kept


# Crashes


def test_every_numbered_step_has_its_crash_tests() -> None:
    written = inspect.getsource(publisher.turn)
    numbered = {number: call for call, number in re.findall(r"([\w.]+)\([^#\n]*#\s(\d)\b", written)}
    assert {number: place.removeprefix("publisher.") for number, place in STEPS.items()} == numbered


@pytest.mark.parametrize(("place", "when"), POINTS)
def test_a_turn_that_is_killed_is_finished_by_the_next(world: World, place: str, when: str) -> None:
    grow(world, 255)  # the next turn makes a full tile
    die(world, place, when)
    check_world()
    assert readiness.doubt(world.at) is None  # what it signed is in the database
    world.publish()
    check_world()
    assert Checkpoint.objects.order_by("-size")[0].size == head_size() == outside.read()[0].size  # type: ignore[index]
    world.person("ines")
    die(world, place, when)
    world.person("jo")  # the log grows before the next turn
    world.publish()
    assert world.publish() is None
    assert readiness.doubt(world.at) is None


def die(world: World, place: str, when: str) -> None:
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["tests.core.dying"])
    child = server.Process(
        target=turn, args=(connection.settings_dict["NAME"], str(settings.CHECKPOINT_DIR), world.at, place, when)
    )
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL


# Doubt


@contextmanager
def backup(name: str) -> Iterator[str]:
    """The name of a copy of this database, to be restored by pointing at it."""
    databases.disconnect()
    with databases.cloned(name, f"{name}_{secrets.token_hex(2)}") as copy:
        yield copy


def test_a_restored_backup_forgets_nothing_unseen(world: World, database: str) -> None:
    """Law 7 and law 11: the file outside remembers what the database does not."""
    ines, lab = world.person("ines"), world.pipeline()
    image = world.image(ines)
    world.grant(ines)
    world.publish()
    assert world.decision(lab, image).decision == "permitted"
    with backup(database) as old:
        world.withdraw(ines)
        world.publish()
        signed = outside.read()
        with databases.pointed_at(old):
            assert reason(image) is None  # the backup has forgotten the withdrawal
            in_doubt(world, "restore the missing ones")
            assert world.decision(lab, image).decision == "unknown"
            with pytest.raises(Inconsistent, match="rolled back"):
                world.publish()
            with pytest.raises(readiness.LogInDoubt):
                world.grant(ines)
            with pytest.raises(readiness.LogInDoubt):
                world.person("jo")  # nothing is built on it ...
            for _ in range(3):  # ... but what stops a use: it grows past what was signed, along another branch
                world.case(sha256=secrets.token_bytes(32))
            in_doubt(world, "not those that were signed")
            with pytest.raises(Inconsistent, match="not those"):
                world.publish()
            assert world.decision(lab, image).decision == "unknown"
            world.withdraw(ines)  # always accepted
            assert reason(image) == "withdrawn"
        assert outside.read() == signed


def in_doubt(world: World, words: str) -> None:
    found = readiness.doubt(world.at)
    assert found is not None
    assert words in found.reason


def test_a_file_that_is_gone_stops_the_publisher(world: World) -> None:
    ines, lab = world.person("ines"), world.pipeline()
    image = world.image(ines)
    world.grant(ines)
    world.publish()
    path = Path(settings.CHECKPOINT_DIR) / "checkpoint"
    kept = path.read_text()
    path.unlink()
    in_doubt(world, "no checkpoint")
    assert world.decision(lab, image).decision == "unknown"
    with pytest.raises(Inconsistent, match="restore that file"):
        world.publish()
    path.write_text(kept)
    assert readiness.doubt(world.at) is None


def forgeries(size: int) -> dict[str, bytes]:
    """What somebody could put in the place of the file, at the size of the real one."""
    real = outside.read()
    assert real is not None
    stranger = Signer.generate(origin())
    root = real[1].split("\n")[2]
    altered = ("B" if root[0] == "A" else "A") + root[1:]
    notes = {
        "by another key": sign_checkpoint(Signed(origin(), size, real[0].root), stranger),
        "another origin": sign_checkpoint(
            Signed("elsewhere/log", size, real[0].root), Signer("elsewhere/log", signer().seed)
        ),
        "another root": real[1].replace(root, altered),
        "cut": real[1][:-1],
        "empty": "",
        "with more": real[1] + "\n",
    }
    return {**{name: note.encode() for name, note in notes.items()}, "not text": b"\xff\xfe" + real[1].encode()}


@pytest.mark.parametrize(
    "name", ["by another key", "another origin", "another root", "cut", "empty", "with more", "not text"]
)
def test_a_forged_file_is_doubted_and_nothing_is_signed(world: World, name: str) -> None:
    ines, lab = world.person("ines"), world.pipeline()
    image = world.image(ines)
    world.grant(ines)
    world.publish()
    path = Path(settings.CHECKPOINT_DIR) / "checkpoint"
    kept, signed = path.read_text(), Checkpoint.objects.count()
    forged = forgeries(head_size())[name]
    world.person("jo")
    path.write_bytes(forged)
    in_doubt(world, "cannot be read")
    assert world.decision(lab, image).decision == "unknown"
    with pytest.raises(ConsentkitError):
        world.publish()
    assert Checkpoint.objects.count() == signed
    path.write_text(kept)


def test_a_fork_that_our_own_key_signed_is_not_extended(world: World) -> None:
    """The worst file: properly signed, over another history of the same size."""
    path = Path(settings.CHECKPOINT_DIR) / "checkpoint"
    kept, size = path.read_text(), head_size()
    path.write_text(sign_checkpoint(Signed(origin(), size, bytes(32)), signer()))
    in_doubt(world, "not those that were signed")
    world.case(sha256=secrets.token_bytes(32))
    with pytest.raises(Inconsistent, match="not those"):
        world.publish()
    path.write_text(sign_checkpoint(Signed(origin(), size + 1, bytes(32)), signer()))
    in_doubt(world, "not those that were signed")
    with pytest.raises(Inconsistent):
        world.publish()
    path.write_text(kept)


def test_a_file_that_is_behind_is_doubted(world: World) -> None:
    path = Path(settings.CHECKPOINT_DIR) / "checkpoint"
    older = path.read_text()
    world.person("ines")
    world.publish()
    newer = path.read_text()
    path.write_text(older)
    in_doubt(world, "not the newest")
    path.write_text(newer)


def test_a_file_that_is_behind_is_republished(world: World) -> None:
    """One note a size: the row's comes back, byte for byte, and another turn has nothing to do."""
    path = Path(settings.CHECKPOINT_DIR) / "checkpoint"
    older = path.read_text()
    world.person("ines")
    world.publish()
    newer, signed = path.read_text(), Checkpoint.objects.count()
    path.write_text(older)
    again = world.publish()
    assert again is not None
    assert again.note == path.read_text() == newer
    assert Checkpoint.objects.count() == signed
    assert readiness.doubt(world.at) is None
    assert world.publish() is None


def test_an_entry_that_waits_for_long_is_a_doubt(world: World) -> None:
    ines, lab = world.person("ines"), world.pipeline()
    image = world.image(ines)
    world.grant(ines)
    world.publish()
    world.later(days=1)
    assert readiness.doubt(world.at) is None  # nothing waits
    world.person("jo")
    world.later(seconds=30)
    assert readiness.doubt(world.at) is None
    world.later(microseconds=1)
    in_doubt(world, "waits for its checkpoint")
    assert world.decision(lab, image).decision == "unknown"
    world.publish()
    assert world.decision(lab, image).decision == "permitted"


def test_a_clock_that_moved_back_is_a_doubt(world: World) -> None:
    world.later(seconds=-60)
    assert readiness.doubt(world.at) is None
    world.later(microseconds=-1)
    in_doubt(world, "clock")


def test_before_the_first_checkpoint_nothing_is_certain(bare: World) -> None:
    in_doubt(bare, "no checkpoint")


def test_excluded_stays_excluded_in_doubt(world: World) -> None:
    ines, lab = world.person("ines"), world.pipeline()
    image = world.image(ines)
    world.withdraw(ines)
    world.later(seconds=31)
    assert world.decision(lab, image).told == "remove"


# One publisher


def test_a_second_publisher_waits_for_the_first_to_go(world: World) -> None:
    assert publisher.hold_lock()
    assert together(publisher.hold_lock) == [False]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (mine,) = cursor.fetchone()

    def succeed() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 3000)", [mine])
        return publisher.hold_lock()

    assert together(succeed) == [True]
    connection.close()


def test_turns_at_one_moment_sign_one_checkpoint_a_size(world: World) -> None:
    """The lock keeps this from happening; where it happens all the same, the row's key refuses the second."""
    for number in range(5):
        world.person(f"p{number}")
        together(world.publish, world.publish)
    assert connected(world.publish) is None
