"""Restored, copied and re-clocked: what the database forgot, something outside it remembers (laws 7, 9 and 11)."""

import io
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError

from consent.acts.publish_snapshot import publish_snapshot
from consent.errors import CursorAltered, ResyncRequired
from consent.exclusions.cursors import Cursor, Position
from consent.exclusions.deltas import delta
from consent.exclusions.feed import Feed
from consent.rules.lifecycle import CaseMove
from consentkit.checkpoints import Checkpoint as Signed
from consentkit.checkpoints import sign_checkpoint
from consentkit.closes import open_close
from consentkit.errors import BadSignature, ConsentkitError, Inconsistent
from consentkit.notes import Signer
from registry.log import clock, lost, outside, places, publisher, readiness
from registry.log.places import PlaceSilent
from registry.log.readiness import LogInDoubt
from registry.log.recorder import head_size
from registry.log.signer import origin, signer, verifier
from registry.models import Checkpoint, Image, LogClock, LostSize
from tests import databases
from tests.core.dying import AFTER, BEFORE
from tests.core.test_publisher import backup, die, in_doubt
from tests.remote import Remote, remote
from tests.world import Pipeline, World, digest_of, reason


@pytest.fixture
def permitted(world: World) -> tuple[World, Pipeline, bytes]:
    """One image that its person has granted, and a pipeline that may use it."""
    ines, lab = world.person("ines"), world.pipeline()
    image = world.image(ines)
    world.grant(ines)
    world.publish()
    return world, lab, digest_of(image)


def said(world: World, lab: Pipeline, key: bytes) -> str:
    (decided,) = world.check(lab, key, by="sha256").decisions
    return str(decided.decision)


# The clock


def test_a_clock_set_back_after_idle_hours_revives_nothing(world: World) -> None:
    """Nothing was signed since the grant ended: only that somebody asked is known."""
    ada, lab = world.person("ada"), world.pipeline()
    key = digest_of(world.image(ada))
    world.grant(ada, until=world.at + timedelta(hours=1))
    world.publish()
    world.later(hours=1, minutes=30)
    assert said(world, lab, key) == "excluded"
    world.later(hours=-1)
    assert said(world, lab, key) == "unknown"
    world.later(hours=1)
    assert said(world, lab, key) == "excluded"


def test_idle_turns_of_the_publisher_raise_the_mark(permitted: tuple[World, Pipeline, bytes]) -> None:
    """Nobody asks, nothing happens; and one more turn does not forgive it."""
    world, lab, key = permitted
    signed = Checkpoint.objects.count()
    for _ in range(3):
        world.later(minutes=10)
        assert world.publish() is None
    world.later(minutes=-9)
    in_doubt(world, "the clock is 540 s behind")
    with pytest.raises(Inconsistent, match="clock"):
        world.publish()
    assert said(world, lab, key) == "unknown"
    world.case(sha256=secrets.token_bytes(32))  # the log grows all the same
    with pytest.raises(Inconsistent, match="clock"):
        world.publish()
    in_doubt(world, "clock")
    assert Checkpoint.objects.count() == signed
    world.later(minutes=9)
    world.publish()
    assert said(world, lab, key) == "permitted"


def test_the_mark_outlives_the_database(permitted: tuple[World, Pipeline, bytes], database: str) -> None:
    """An old backup with the old time of its making: the mark beside the checkpoint is newer."""
    world, lab, key = permitted
    with backup(database) as old:
        world.later(hours=2)
        assert world.publish() is None
        with databases.pointed_at(old):
            world.later(hours=-2)
            assert clock.latest() <= world.at
            in_doubt(world, "clock")
            assert said(world, lab, key) == "unknown"
            with pytest.raises(Inconsistent, match="clock"):
                world.publish()
    world.later(hours=2)


def test_in_another_time_only_stopping_goes_on(permitted: tuple[World, Pipeline, bytes]) -> None:
    world, lab, key = permitted
    ines, jo = world.people["ines"], world.person("jo")
    other = world.image(jo)
    world.withdraw(jo)
    feed = Feed(world.collection, ("ai_training",), "research")
    cursor = open_close(publish_snapshot(feed, clock=lambda: world.at).close, verifier()).cursor
    world.publish()
    world.later(minutes=-2)
    assert (said(world, lab, key), said(world, lab, digest_of(other))) == ("unknown", "excluded")
    with pytest.raises(LogInDoubt):
        delta(feed, since=cursor, at=world.at)
    with pytest.raises(LogInDoubt):
        publish_snapshot(feed, clock=lambda: world.at)
    with pytest.raises(LogInDoubt):
        world.grant(ines)
    assert not world.withdraw(ines).repeated
    world.later(minutes=2)


def test_within_the_tolerance_times_of_checkpoints_still_rise(world: World) -> None:
    world.later(seconds=50)
    world.person("ines")
    world.publish()
    world.later(seconds=-50)
    world.person("jo")
    assert world.publish() is not None
    times = list(Checkpoint.objects.order_by("size").values_list("signed_at", flat=True))
    assert times == sorted(times)


def test_nobody_sets_the_mark_back(world: World) -> None:
    before = clock.latest()
    for change in (
        lambda: LogClock.objects.update(at=datetime(2020, 1, 1, tzinfo=UTC)),
        lambda: LogClock.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError, match="law"):
            change()
    assert clock.latest() == before


def test_a_clock_file_that_is_none_is_doubted(world: World) -> None:
    path = Path(settings.CHECKPOINT_DIR) / "clock"
    kept = path.read_bytes()
    for forged in (b"", b"yesterday\n", b"9" * 40, b"\xff"):
        path.write_bytes(forged)
        in_doubt(world, "cannot be read")
        with pytest.raises(ConsentkitError):
            world.publish()
    path.write_bytes(kept)


# Several places


@contextmanager
def two_folders(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    first, second = Path(str(settings.CHECKPOINT_DIR)), tmp_path / "second"
    settings.CHECKPOINT_DIR = f"{first}:{second}"
    yield first / "checkpoint", second / "checkpoint"


def test_what_the_setting_may_name(tmp_path: Path) -> None:
    home = tmp_path / "home"
    named = f"{home}/a:https://me:pw@log.example:8443/x:/b:http://127.0.0.1:9/y"
    found = places.places(named)
    assert [place.label for place in found] == [
        f"{home}/a",
        "https://log.example:8443/x",
        "/b",
        "http://127.0.0.1:9/y",
    ]
    assert list(places.faults(named, home=home)) == []
    wrong = {
        f"{home}/a": "inside REGISTRY_HOME",
        f"{home}": "inside REGISTRY_HOME",
        "a/b": "not an absolute path",
        "http://log.example/x": "not https",
        "https://": "not an address",
        "https://[::1/x": "not an address",
    }
    for setting, words in wrong.items():
        (fault,) = places.faults(setting, home=home)
        assert words in fault


def test_a_new_place_is_filled_and_doubted_until_then(world: World, tmp_path: Path) -> None:
    with two_folders(tmp_path) as (first, second):
        in_doubt(world, "not the newest")
        assert world.publish() is not None
        assert second.read_bytes() == first.read_bytes()
        assert readiness.doubt(world.at) is None
        assert world.publish() is None


def test_the_newest_of_all_places_counts(
    permitted: tuple[World, Pipeline, bytes], database: str, tmp_path: Path
) -> None:
    """A copied home takes one of them along; either may be the one that was put back with the database."""
    world, lab, key = permitted
    with two_folders(tmp_path) as (first, second):
        world.publish()
        with backup(database) as old:
            before = first.read_bytes()
            world.withdraw(world.people["ines"])
            world.publish()
            after = first.read_bytes()
            with databases.pointed_at(old):
                for file in (first, second):
                    first.write_bytes(after)
                    second.write_bytes(after)
                    file.write_bytes(before)
                    in_doubt(world, "restore the missing ones")
                    assert said(world, lab, key) == "unknown"
                    with pytest.raises(Inconsistent, match="rolled back"):
                        world.publish()
                    with pytest.raises(LogInDoubt):
                        world.grant(world.people["ines"])
                    assert file.read_bytes() == before
                world.withdraw(world.people["ines"])
            first.write_bytes(before)  # the newer database, beside one place that is behind
            in_doubt(world, "not the newest")
            again = world.publish()
            assert again is not None
            assert again.note.encode() == first.read_bytes() == after


@pytest.mark.parametrize("at", [0, 1], ids=["first", "second"])
def test_a_place_with_another_history_stops_everything(world: World, tmp_path: Path, at: int) -> None:
    with two_folders(tmp_path) as files:
        world.publish()
        kept, size = files[0].read_bytes(), head_size()
        world.person("ines")
        world.publish()
        newer = files[0].read_bytes()
        for forged in (size, size + 1):  # behind, and beside
            files[at].write_text(sign_checkpoint(Signed(origin(), forged, bytes(32)), signer()))
            found = readiness.doubt(world.at)
            assert found is not None
            assert not found.late
            with pytest.raises(Inconsistent):
                world.publish()
            with pytest.raises(LogInDoubt):
                world.person("jo")
        files[at].write_bytes(kept)
        world.publish()
        assert files[0].read_bytes() == files[1].read_bytes() == newer


@pytest.mark.parametrize(
    ("place", "when"), [("Folder.write", BEFORE), ("Folder.write", AFTER), ("outside.replace", AFTER)]
)
def test_a_turn_that_is_killed_between_two_places(world: World, tmp_path: Path, place: str, when: str) -> None:
    with two_folders(tmp_path) as (first, second):
        world.publish()
        world.person("ines")
        die(world, place, when)
        assert readiness.doubt(world.at) is None
        world.person("jo")
        world.publish()
        assert world.publish() is None
        assert first.read_bytes() == second.read_bytes()
        assert readiness.doubt(world.at) is None


def test_an_older_place_is_held_against_the_log_too(world: World, tmp_path: Path) -> None:
    """Its size is published, so it is not behind; another place is ahead, as a crash leaves it."""
    with two_folders(tmp_path) as (_, second):
        world.publish()
        kept, size = second.read_bytes(), head_size()
        world.person("ines")
        die(world, "Folder.write", AFTER)
        assert second.read_bytes() == kept
        second.write_text(sign_checkpoint(Signed(origin(), size, bytes(32)), signer()))
        in_doubt(world, "not those that were signed")
        with pytest.raises(Inconsistent, match="not those"):
            world.publish()
        second.write_bytes(kept)
        world.publish()


# An address


@contextmanager
def beside(remote: Remote) -> Iterator[None]:
    """The address as one more place."""
    before = settings.CHECKPOINT_DIR
    settings.CHECKPOINT_DIR = f"{before}:{remote.url}"
    try:
        yield
    finally:
        settings.CHECKPOINT_DIR = before
        places._asked.clear()


def begin_anew() -> None:
    """As a process that has asked nobody yet."""
    places._asked.clear()


def test_an_address_remembers_what_every_folder_forgot(permitted: tuple[World, Pipeline, bytes], database: str) -> None:
    """The whole machine from a snapshot: database and folders are put back together."""
    world, lab, key = permitted
    with remote() as elsewhere, beside(elsewhere):
        in_doubt(world, "not the newest")
        world.publish()
        assert said(world, lab, key) == "permitted"
        file = Path(str(settings.CHECKPOINT_DIR).split(":", 1)[0]) / "checkpoint"
        with backup(database) as old:
            before, remembered = file.read_bytes(), elsewhere.held["/log/checkpoint"]
            assert before == remembered
            world.withdraw(world.people["ines"])
            world.publish()
            after = file.read_bytes()
            assert elsewhere.held["/log/checkpoint"] == after
            assert int(elsewhere.held["/log/clock"]) == int(world.at.timestamp())
            file.write_bytes(before)
            with databases.pointed_at(old):
                begin_anew()
                in_doubt(world, "restore the missing ones")
                assert said(world, lab, key) == "unknown"
                with pytest.raises(Inconsistent, match="rolled back"):
                    world.publish()
                assert elsewhere.held["/log/checkpoint"] == after
            file.write_bytes(after)


def test_an_address_is_asked_seldom_and_silence_is_a_doubt(permitted: tuple[World, Pipeline, bytes]) -> None:
    world, lab, key = permitted
    with remote() as elsewhere, beside(elsewhere):
        world.publish()
        said(world, lab, key)
        elsewhere.asked.clear()
        for _ in range(20):
            assert said(world, lab, key) == "permitted"
        assert elsewhere.asked == []
        elsewhere.silent = True
        assert said(world, lab, key) == "permitted"  # for half a minute its last answer counts
        begin_anew()
        in_doubt(world, "does not answer")
        assert said(world, lab, key) == "unknown"
        with pytest.raises(LogInDoubt):
            world.person("jo")
        with pytest.raises(PlaceSilent):
            world.publish()
        world.withdraw(world.people["ines"])
        elsewhere.silent = False
        begin_anew()
        world.publish()
        assert readiness.doubt(world.at) is None


def test_silence_counts_from_the_last_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(places.time, "monotonic", lambda: now)
    with remote() as elsewhere:
        place = places.Address(elsewhere.url)
        elsewhere.held["/log/checkpoint"] = b"1"
        assert place.read("checkpoint") == b"1"
        elsewhere.silent = True
        now += 30
        assert place.read("checkpoint") == b"1"
        now += 0.1
        with pytest.raises(PlaceSilent):
            place.read("checkpoint")
        elsewhere.silent = False
        now += 5
        assert place.read("checkpoint") == b"1"
        elsewhere.held["/log/checkpoint"] = b"2"
        assert place.read("checkpoint") == b"1"
        assert place.read("checkpoint", fresh=True) == b"2"
    begin_anew()


def test_nothing_is_signed_that_an_address_does_not_take(world: World) -> None:
    with remote() as elsewhere, beside(elsewhere):
        world.publish()
        signed = Checkpoint.objects.count()
        world.person("ines")
        elsewhere.silent = True
        with pytest.raises(PlaceSilent):
            world.publish()
        assert Checkpoint.objects.count() == signed
        elsewhere.silent = False
        world.publish()
        assert Checkpoint.objects.count() == signed + 1


# What somebody else has seen


@pytest.fixture
def feed(world: World) -> Feed:
    return Feed(world.collection, ("ai_training",), "research")


def test_a_cursor_ahead_of_the_log_puts_it_into_doubt(
    permitted: tuple[World, Pipeline, bytes], feed: Feed, database: str
) -> None:
    """Database and every place are put back together: only a pipeline knows."""
    world, lab, key = permitted
    file = Path(settings.CHECKPOINT_DIR) / "checkpoint"
    before = file.read_bytes()
    with backup(database) as old:
        world.withdraw(world.people["ines"])
        world.publish()
        cursor = open_close(publish_snapshot(feed, clock=lambda: world.at).close, verifier()).cursor
        world.publish()
        after = file.read_bytes()
        file.write_bytes(before)
        with databases.pointed_at(old):
            assert said(world, lab, key) == "permitted"  # nobody here can know
            with pytest.raises(ResyncRequired):
                delta(feed, since=cursor, at=world.at)
            in_doubt(world, "was shown")
            assert said(world, lab, key) == "unknown"
            for refused in (lambda: world.grant(world.people["ines"]), lambda: world.person("jo")):
                with pytest.raises(LogInDoubt):
                    refused()
            assert world.publish() is None
            for _ in range(9):  # grown past the size that was shown, it is doubted still
                world.case(sha256=secrets.token_bytes(32))
            in_doubt(world, "was shown")
            with pytest.raises(Inconsistent, match="was shown"):
                world.publish()
            assert file.read_bytes() == before
            assert not world.withdraw(world.people["ines"]).repeated
        file.write_bytes(after)
    assert readiness.doubt(world.at) is None  # the newer database never had to write it down


def test_a_page_that_is_ahead_says_the_same(world: World, feed: Feed) -> None:
    cursor = Cursor(0, Position(head_size() + 6, Image().id))
    with pytest.raises(ResyncRequired):
        delta(feed, since=cursor.encode(feed), at=world.at)
    assert LostSize.objects.get().size == head_size() + 7


def test_nobody_without_our_secrets_makes_us_doubt(world: World, feed: Feed) -> None:
    """Cursors that were altered, of another feed, and at the head; notes by another key, and of what we hold."""
    ours = Cursor(head_size() + 5).encode(feed)
    for altered in (ours[:-2] + ("A" if ours[-2] != "A" else "B") + ours[-1], "B" + ours[1:], ours[: len(ours) // 2]):
        with pytest.raises(CursorAltered):
            delta(feed, since=altered, at=world.at)
    other = Feed(world.collection, ("evaluation",), "research")
    with pytest.raises(ResyncRequired):
        delta(other, since=ours, at=world.at)
    delta(feed, since=Cursor(head_size()).encode(feed), at=world.at)
    stranger = Signer.generate(origin())
    with pytest.raises(BadSignature):
        lost.compare(sign_checkpoint(Signed(origin(), 10**6, bytes(32)), stranger), at=world.at)
    kept = outside.read()
    assert kept is not None
    assert lost.compare(kept[1], at=world.at).held
    assert LostSize.objects.count() == 0
    assert readiness.doubt(world.at) is None


def test_a_note_that_is_ahead_or_of_another_history_is_written_down(world: World, feed: Feed) -> None:
    close = publish_snapshot(feed, clock=lambda: world.at).close
    world.publish()
    assert lost.compare(close, at=world.at).held
    fork = sign_checkpoint(Signed(origin(), head_size(), bytes(32)), signer())
    ahead = sign_checkpoint(Signed(origin(), head_size() + 1, bytes(32)), signer())
    assert not lost.compare(fork, at=world.at).held
    in_doubt(world, "was shown")
    assert not lost.compare(ahead, at=world.at).held
    assert not lost.compare(ahead, at=world.at).held  # again: one row
    assert LostSize.objects.count() == 2
    for change in (lambda: LostSize.objects.update(size=0), lambda: LostSize.objects.all().delete()):
        with pytest.raises(DatabaseError, match="law 4"):
            change()


def test_the_next_act_is_in_the_next_delta(permitted: tuple[World, Pipeline, bytes], feed: Feed) -> None:
    """A delta after a delta: no snapshot's own entry lies between, and the first act after the close is in it."""
    world, _, _ = permitted
    snapshot = publish_snapshot(feed, clock=lambda: world.at)
    world.publish()
    first = delta(feed, since=open_close(snapshot.close, verifier()).cursor, at=world.at)
    assert first.close is not None
    world.withdraw(world.people["ines"])
    rows = delta(feed, since=open_close(first.close, verifier()).cursor, at=world.at).rows
    assert [row["ai_training_reason"] for row in rows] == ["remove"]


# Acts in doubt


def test_in_doubt_nothing_is_built_on_the_log_but_what_stops_a_use(world: World) -> None:
    ines, jo = world.person("ines"), world.person("jo")
    image, other, waiting = world.image(ines), world.image(jo), world.image(ines, registered=False)
    world.grant(ines)
    world.grant(jo)
    first, second = world.case(image=image), world.case(image=other)
    world.image(jo, content=b"the same")
    world.image(ines, content=b"the same")
    (differing,) = world.hear()
    steward, lab = world.steward(), world.pipeline()
    world.publish()
    lost.write_down(head_size() + 1, at=world.at)
    size = head_size()
    refused: dict[str, Callable[[], object]] = {
        "submit": lambda: world.image(ines, registered=False),
        "register": lambda: world.register(waiting),
        "reject": lambda: world.reject(waiting),
        "enrol a person": lambda: world.person("kim"),
        "enrol a steward": lambda: world.steward("sam"),
        "enrol a pipeline": lambda: world.pipeline("other"),
        "grant": lambda: world.grant(ines),
        "attest": lambda: world.attest(lab, image),
        "lift a restriction": lambda: world.resolve(first, CaseMove.REJECT),
        "lift a part": lambda: world.resolve(first, CaseMove.ACCEPT, same=[]),
        "lift all of a claimant's": lambda: world.resolve_claims(first, CaseMove.REJECT),
        "find a statement false": lambda: world.judge(differing, jo),
    }
    for name, act in refused.items():
        with pytest.raises(LogInDoubt):
            pytest.fail(f"{name}: {act()}")
    assert head_size() == size
    assert Image.objects.get(id=waiting).state == "submitted"
    world.resolve(second, CaseMove.ACCEPT)
    world.case(image=waiting)
    assert world.withdraw(ines).index == size + 2
    assert (reason(image), reason(other)) == ("withdrawn", "revoked")
    assert steward


def test_a_publisher_that_is_late_stops_no_other_act(world: World) -> None:
    """Then the log is whole: only what is permitted waits."""
    ines = world.person("ines")
    world.later(minutes=5)
    found = readiness.doubt(world.at)
    assert found is not None
    assert found.late
    world.image(ines)
    with pytest.raises(LogInDoubt):
        world.grant(ines)
    world.withdraw(ines)


# restore_check


def restore_check() -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("restore_check", stdout=out, stderr=err)
    except SystemExit as ended:
        return int(str(ended.code)), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_restore_check_says_that_nothing_is_forgotten(world: World) -> None:
    world.person("ines")
    code, out, err = restore_check()
    assert (code, err) == (0, "")
    assert "FAULT" not in out
    assert f"the database holds {head_size()} entries" in out
    assert f"holds a checkpoint of {head_size() - 1} entries, all of them here" in out


def test_restore_check_tells_one_loss_from_another(
    permitted: tuple[World, Pipeline, bytes], database: str, tmp_path: Path
) -> None:
    world, _, _ = permitted
    with two_folders(tmp_path) as (first, second):
        world.publish()
        before = first.read_bytes()
        with backup(database) as old:
            world.withdraw(world.people["ines"])
            world.publish()
            after = first.read_bytes()
            with databases.pointed_at(old):
                first.write_bytes(before)  # it came back with the database; the other place did not
                code, out, err = restore_check()
                assert code == 3
                assert "1 are missing here, withdrawals perhaps among them" in out
                assert "replay more WAL" in err
                second.write_bytes(b"nothing")
                code, _, err = restore_check()
                assert (code, "Put the newest file" in err) == (3, True)
                world.case(sha256=secrets.token_bytes(32))
                second.write_bytes(after)
                code, out, err = restore_check()
                assert code == 3
                assert "entries here are others" in out
                assert "another history" in err
                first.unlink()
                second.unlink()
                code, out, err = restore_check()
                assert code == 3
                assert "no place outside holds a checkpoint" in out
            first.write_bytes(after)
            second.write_bytes(after)
            assert restore_check()[0] == 0


def test_restore_check_names_silence_time_and_what_was_shown(world: World) -> None:
    with remote() as elsewhere, beside(elsewhere):
        world.publish()
        assert restore_check()[0] == 0
        elsewhere.silent = True
        code, out, err = restore_check()
        assert code == 3
        assert elsewhere.url in out
        assert "may know more" in err
        elsewhere.silent = False
    world.later(hours=3)
    world.publish()
    code, out, _ = restore_check()  # by this machine's clock
    assert code == 3
    assert "behind the latest time" in out
    lost.write_down(head_size() + 4, at=world.at)
    code, out, _ = restore_check()
    assert code == 3
    assert f"a signed size of {head_size() + 4} was shown" in out


def test_two_publishers_over_copies_of_one_database_sign_one_history(world: World, database: str) -> None:
    """A copied home that is started beside the first."""
    with backup(database) as copy:
        with databases.pointed_at(copy):
            world.case(sha256=secrets.token_bytes(32))
            theirs = world.publish()
        world.case(sha256=secrets.token_bytes(32))
        in_doubt(world, "not those that were signed")
        with pytest.raises(Inconsistent):
            publisher.turn(world.at)
        kept = outside.read()
        assert theirs is not None
        assert kept is not None
        assert kept[1] == theirs.note
        (Path(settings.CHECKPOINT_DIR) / "checkpoint").write_text(Checkpoint.objects.latest("size").note)
