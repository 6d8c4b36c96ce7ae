"""A public collection as plain files: what is read from them without a key is what the registry says, or an error."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from consent.exclusions.rebuild import rebuild
from consentkit.checkpoints import Checkpoint, sign_checkpoint
from consentkit.closes import open_pages
from consentkit.feedfile import FeedFile
from consentkit.notes import Signer
from registry.log import signer
from registry.log.readiness import LogInDoubt, doubt
from registry.models import Entry
from service.mirror import feed as mirroring
from service.mirror.folder import KEPT, Folder, NotOurFolder
from tests import databases
from tests.mirror.conftest import Host, publishing
from tests.world import World


def test_a_withdrawal_reaches_who_has_no_key(world: World, host: Host) -> None:
    ines = world.person("ines")
    images = [world.image(ines) for _ in range(3)]
    world.grant(ines, images)
    host.turn()
    assert host.permitted(*images) == [True, True, True]
    world.withdraw(ines, [images[1]])
    host.turn()
    assert host.permitted(*images) == [True, False, True]
    assert host.permitted(*images, name="another") == [True, False, True]
    assert host.pipeline().offline().size == Entry.objects.count()


def test_images_that_come_later_are_in_the_pages(world: World, host: Host) -> None:
    ines = world.person("ines")
    first = world.image(ines)
    world.grant(ines, [first])
    host.turn()
    snapshot = host.files("parts")
    second = world.image(ines)
    world.grant(ines, [second])
    host.turn()
    assert host.files("parts") == snapshot
    assert len(host.files("pages")) == 1
    assert host.permitted(first, second) == [True, True]


def test_a_turn_without_news_writes_nothing_until_the_close_is_old(host: Host) -> None:
    first = host.turn()
    before = (host.folder / "feed.json").read_bytes()
    assert (host.turn(), (host.folder / "feed.json").read_bytes()) == (None, before)
    host.ahead = mirroring.SIGNED_ANEW + timedelta(seconds=1)
    assert host.turn() == first
    assert (host.folder / "feed.json").read_bytes() != before


def test_a_snapshot_is_replaced_after_a_day_or_with_many_changes(
    world: World, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    ines = world.person("ines")
    world.grant(ines, [world.image(ines)])
    host.turn()
    listed = host.file().list
    world.image(ines)
    host.turn()
    assert host.file().list == listed
    monkeypatch.setattr(mirroring, "MOST_PAGES", 0)
    world.image(ines)
    host.turn()
    assert host.file().list != listed
    assert open_pages(host.file().pages, signer.verifier()).pages == ()
    listed = host.file().list
    host.ahead = mirroring.OLDEST_SNAPSHOT
    world.image(ines)
    host.turn()
    assert host.file().list != listed


def test_what_is_no_longer_named_stays_an_hour_for_its_readers(world: World, host: Host) -> None:
    ines = world.person("ines")
    host.turn()
    seen = set[str]()
    for _ in range(3):
        world.image(ines)
        host.turn()
        seen |= host.files()
    assert host.files() == seen  # nothing has gone yet
    host.ahead = KEPT + timedelta(minutes=1)
    world.image(ines)
    host.turn()
    gone = seen - host.files()
    assert gone
    assert all(name.startswith("pages/") or ".p/" in name for name in gone)
    named = mirroring.Mirrored.read((host.folder / "feed.json").read_bytes(), signer.verifier()).names()
    assert named <= host.files()


def test_the_log_is_whole_past_full_tiles(world: World, host: Host) -> None:
    """Whoever followed the log before the first full tile follows it after."""
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines, [image])
    host.turn()
    assert host.permitted(image) == [True]
    while Entry.objects.count() < 260:
        world.grant(ines, [image])
    host.turn()
    assert host.permitted(image) == [True]
    assert {"log/tile/0/000", "log/tile/entries/000", "log/tile/1/000.p/1"} <= host.files()
    world.withdraw(ines, [image])
    host.turn()
    assert host.permitted(image) == [False]
    assert host.permitted(image, name="new") == [False]


def test_a_turn_that_dies_at_any_write_leaves_what_was_or_what_comes(
    world: World, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines, [image])
    host.turn()
    replace, died = Folder.replace, 0
    while True:
        world.grant(ines, [image], purposes=["evaluation"])
        left = died

        def dying(self: Folder, name: str, data: bytes) -> None:
            nonlocal left
            if not left:
                raise OSError("the disk is full")
            left -= 1
            replace(self, name, data)

        monkeypatch.setattr(Folder, "replace", dying)
        try:
            host.turn()
        except OSError:
            assert host.permitted(image, name=f"pipeline {died}") == [True]
            died += 1
        else:
            break
        finally:
            monkeypatch.undo()
        host.turn()
    assert died > 4
    world.withdraw(ines, [image])
    host.turn()
    assert host.permitted(image) == [False]


def test_law_11_in_doubt_nothing_is_written(world: World, host: Host) -> None:
    host.turn()
    before = (host.folder / "feed.json").read_bytes()
    ines = world.person("ines")
    world.image(ines)
    world.publish()
    world.image(ines)  # no checkpoint over this one
    host.ahead = timedelta(seconds=31)
    with Folder(host.folder).locked(), pytest.raises(LogInDoubt):
        host.mirror().turn()
    assert (host.folder / "feed.json").read_bytes() == before


def test_what_no_checkpoint_covers_is_not_written(world: World, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirroring, "COVERED_WITHIN", 0.1)
    with Folder(host.folder).locked(), pytest.raises(LogInDoubt, match="No checkpoint follows"):
        host.mirror().turn()
    assert not (host.folder / "feed.json").exists()


def test_a_snapshot_goes_on_after_the_secret_has_changed(world: World, host: Host, settings: object) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines, [image])
    host.turn()
    settings.SECRET_KEY = "another secret that is long enough to be one"  # type: ignore[attr-defined]
    world.withdraw(ines, [image])
    host.turn()
    assert host.permitted(image) == [False]


def test_law_2_a_turn_looks_at_the_log_itself(world: World, host: Host) -> None:
    """The withdrawal before it has no checkpoint yet: nothing has happened, by the newest one."""
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines, [image])
    host.turn()
    assert host.permitted(image) == [True]
    with Folder(host.folder).locked():
        assert host.mirror().turn() is None
        world.withdraw(ines, [image])
        with publishing():
            assert host.mirror().turn() is not None
    assert host.permitted(image) == [False]


def test_a_part_that_was_lost_comes_again(world: World, host: Host) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines, [image])
    host.turn()
    for path in (host.folder / "parts").iterdir():
        path.unlink()
    world.image(ines)
    host.turn()
    assert host.permitted(image) == [True]


def test_nothing_is_written_by_a_clock_that_was_set_back(host: Host) -> None:
    """Whether it was ahead before, or is behind now, nobody here can know."""
    host.turn()
    host.ahead = timedelta(days=2)
    host.turn()
    before = (host.folder / "feed.json").read_bytes()
    host.ahead = timedelta()
    with Folder(host.folder).locked(), pytest.raises(LogInDoubt, match="clock"):
        host.mirror().turn()
    assert (host.folder / "feed.json").read_bytes() == before
    host.ahead = timedelta(days=2, minutes=20)
    assert host.turn() is not None


def test_a_folder_that_knows_more_than_the_database_says_so(world: World, host: Host, database: str) -> None:
    """A copy of this log that we signed: after a restore it is one more witness."""
    kept = (Path(settings.CHECKPOINT_DIR) / "checkpoint").read_bytes()
    databases.disconnect()
    with databases.cloned(database, f"{database}_old") as old:
        world.person("ines")
        host.turn()
        newer = (Path(settings.CHECKPOINT_DIR) / "checkpoint").read_bytes()
        (Path(settings.CHECKPOINT_DIR) / "checkpoint").write_bytes(kept)
        with databases.pointed_at(old):
            assert doubt(host.clock()) is None
            with Folder(host.folder).locked(), pytest.raises(NotOurFolder):
                host.mirror().turn()
            found = doubt(host.clock())
            assert found is not None
            assert "was shown" in found.reason
        (Path(settings.CHECKPOINT_DIR) / "checkpoint").write_bytes(newer)


def test_what_is_named_again_stays(tmp_path: Path, database: str) -> None:
    """It left, and came back after more than an hour: as a part does whose rows are as they were before."""
    folder, at = Folder(tmp_path / "public"), timezone.now()
    with folder.locked():
        folder.put("parts/a", b"a")
        folder.sweep({"parts/a"}, before=(), at=at)
        folder.sweep(set(), before=("parts/a",), at=at)
        folder.sweep({"parts/a"}, before=(), at=at + 2 * KEPT)
        assert folder.has("parts/a")
        folder.sweep(set(), before=("parts/a",), at=at + 2 * KEPT)
        folder.sweep(set(), before=(), at=at + 4 * KEPT)
        assert not folder.has("parts/a")


# Folders


def test_other_peoples_files_are_left_alone(host: Host, tmp_path: Path) -> None:
    other = tmp_path / "site"
    other.mkdir()
    (other / "index.html").write_text("hello")
    with pytest.raises(NotOurFolder, match="other files"), Folder(other).locked():
        pass
    assert [path.name for path in other.iterdir()] == ["index.html"]


def test_one_writes_at_a_time(host: Host) -> None:
    with (
        Folder(host.folder).locked(),
        pytest.raises(NotOurFolder, match="Another process"),
        Folder(host.folder).locked(),
    ):
        pass


def test_a_folder_holds_one_feed(host: Host) -> None:
    host.turn()
    host.audience = "commercial"
    with pytest.raises(NotOurFolder, match="for research"):
        host.turn()


def test_a_folder_holds_one_log(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.turn()
    other = Signer.generate("another.test/log")
    monkeypatch.setattr(mirroring, "verifier", lambda: other.verifier)
    with Folder(host.folder).locked(), pytest.raises(NotOurFolder, match="not of this log"):
        host.mirror().turn()
    monkeypatch.undo()
    file = host.file()
    (host.folder / "feed.json").write_bytes(FeedFile(**{**vars(file), "snapshot": file.snapshot + "x"}).encode())
    with pytest.raises(NotOurFolder, match="not of this log"):
        host.turn()
    (host.folder / "feed.json").write_text("{}")
    with pytest.raises(NotOurFolder, match="not of this log"):
        host.turn()


def test_a_registry_that_was_restored_does_not_write_over_what_is_ahead(
    world: World, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = mirroring._signed()
    world.image(world.person("ines"))
    host.turn()
    before = (host.folder / "feed.json").read_bytes()
    monkeypatch.setattr(mirroring, "_signed", lambda: older)
    with Folder(host.folder).locked(), pytest.raises(NotOurFolder, match="restored from a backup"):
        host.mirror().turn()
    assert (host.folder / "feed.json").read_bytes() == before


def test_a_folder_that_has_forked_is_left_alone(world: World, host: Host) -> None:
    """The registry was restored and has grown again: its log is as long as the folder's, and another."""
    host.turn()
    file = host.file()
    forked = sign_checkpoint(Checkpoint(signer.origin(), mirroring._signed()[1].size, bytes(32)), signer.signer())
    (host.folder / "feed.json").write_bytes(FeedFile(**{**vars(file), "checkpoint": forked}).encode())
    world.image(world.person("ines"))
    with pytest.raises(NotOurFolder, match="restored from a backup"):
        host.turn()


def test_a_disk_that_is_full_is_told_in_one_line(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Folder, "replace", full)
    with publishing(), pytest.raises(CommandError, match=r"cannot be written: .*No space left"):
        call_command("publish", "--static", host.folder, "--once")


@pytest.mark.unchecked("rows are changed behind the registry's back")
def test_a_folder_does_not_go_on_with_what_was_made_of_rows_in_doubt(world: World, host: Host) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines, [image])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE consent_standing SET until[1] = until[1] + 1")
    host.turn()
    rebuild()
    world.image(ines)
    host.turn()
    assert host.permitted(image) == [True]
