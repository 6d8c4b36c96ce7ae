"""A public collection as plain files: what is read from them without a key is what the registry says, or an error."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from consentkit import Registry
from consentkit.closes import PartList, open_list, sign_list
from consentkit.errors import BadProof, Inconsistent, Malformed, Stale, Unreachable
from consentkit.feedfile import FeedFile
from consentkit.notes import Signer
from consentkit.settings import Misuse
from registry.log import signer
from registry.log.readiness import LogInDoubt
from registry.models import Entry
from service.mirror import feed as mirroring
from service.mirror.folder import KEPT, Folder, NotOurFolder
from tests.mirror.conftest import Host
from tests.world import World, digest_of


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
    listed = _file(host).list
    world.image(ines)
    host.turn()
    assert _file(host).list == listed
    monkeypatch.setattr(mirroring, "MOST_PAGES", 0)
    world.image(ines)
    host.turn()
    assert (_file(host).list != listed, _file(host).pages) == (True, ())
    listed = _file(host).list
    host.ahead = mirroring.OLDEST_SNAPSHOT
    world.image(ines)
    host.turn()
    assert _file(host).list != listed


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


def _file(host: Host) -> FeedFile:
    return FeedFile.decode((host.folder / "feed.json").read_bytes())


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
    (host.folder / "feed.json").write_text("{}")
    monkeypatch.undo()
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


# The pipeline's side


def test_the_wrong_audience_is_refused(world: World, host: Host) -> None:
    """Whoever serves the files could put another feed there, as rightly signed."""
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines, [image])  # for research
    host.turn()
    with pytest.raises(BadProof, match="for research, not for commercial"):
        host.pipeline(audience="commercial").sync()


def test_another_collection_in_its_place_is_refused(world: World, host: Host) -> None:
    host.turn()
    pipeline = host.pipeline()
    pipeline.sync()
    file = _file(host)
    listed = open_list(file.list, signer.verifier())
    other = PartList(str(uuid4()), listed.audience, listed.purposes, listed.size, listed.parts)
    changed = FeedFile(**{**vars(file), "list": sign_list(other, signer.signer())})
    (host.folder / "feed.json").write_bytes(changed.encode())
    with pytest.raises(Inconsistent, match="another collection"):
        pipeline.sync()


@pytest.mark.parametrize(
    ("error", "spoil"),
    [
        (Malformed, lambda folder: (folder / "feed.json").write_text("<html>")),
        (Unreachable, lambda folder: (folder / "feed.json").unlink()),
        (BadProof, lambda folder: _flip(next((folder / "pages").iterdir()))),
        (Unreachable, lambda folder: next((folder / "pages").iterdir()).unlink()),
        (BadProof, lambda folder: _flip(next((folder / "parts").iterdir()))),
        (Unreachable, lambda folder: next((folder / "parts").iterdir()).unlink()),
        (BadProof, lambda folder: _flip(max((folder / "log/tile/0/000.p").iterdir()))),
    ],
)
def test_a_host_that_spoils_a_file_permits_nothing(world: World, host: Host, error: type, spoil: object) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines, [image])
    host.turn()
    world.withdraw(ines, [image], purposes=["evaluation"])
    host.turn()
    spoil(host.folder)  # type: ignore[operator]
    with pytest.raises(error):
        host.permitted(image)
    with pytest.raises(Stale):
        host.pipeline().offline()


def test_old_files_put_back_are_refused(world: World, host: Host) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines, [image])
    host.turn()
    old = (host.folder / "feed.json").read_bytes()
    world.withdraw(ines, [image])
    host.turn()
    assert host.permitted(image) == [False]
    (host.folder / "feed.json").write_bytes(old)
    with pytest.raises(Inconsistent):
        host.permitted(image)


def test_a_feed_needs_the_logs_key_and_no_other(world: World, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.turn()
    for name in ("URL", "KEY", "LOG_KEY"):
        monkeypatch.delenv(f"CONSENTKIT_{name}", raising=False)
    state = Registry(log_key=str(signer.verifier()), home=host.home, feed=host.url + "/").sync()
    assert (state.size, state.parts.audience) == (Entry.objects.count(), "research")
    with pytest.raises(Misuse, match="CONSENTKIT_LOG_KEY"):
        Registry(home=host.home, feed=host.url).sync()
    with pytest.raises(Misuse, match="CONSENTKIT_URL"):
        Registry(log_key=str(signer.verifier()), home=host.home, feed=host.url).check(
            [digest_of(world.image(world.person("ines"))).hex()], purpose="ai_training"
        )


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
