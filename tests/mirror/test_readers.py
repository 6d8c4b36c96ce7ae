"""Who reads the files of a public collection: without any key, and without trust in the host."""

from pathlib import Path
from uuid import uuid4

import pytest

from consentkit import Registry
from consentkit.closes import PartList, open_list, sign_list
from consentkit.errors import BadProof, Inconsistent, Malformed, Stale, Unreachable
from consentkit.feedfile import FeedFile
from consentkit.settings import Misuse
from registry.log import signer
from registry.models import Entry
from tests.mirror.conftest import Host
from tests.world import World, digest_of


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
    file = host.file()
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
    with pytest.raises(Stale):  # a cache may do so
        host.permitted(image)


def test_both_audiences_from_one_address_in_one_home(world: World, host: Host) -> None:
    """The host has put the other folder there; each state stays what it was."""
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines, [image])  # for research
    host.turn()
    assert host.permitted(image) == [True]
    for path in sorted(host.folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    host.audience = "commercial"
    host.turn()
    registry = host.pipeline(audience="commercial")
    registry.sync()
    assert not registry.is_allowed(digest_of(image).hex(), purpose="ai_training")
    with pytest.raises(BadProof, match="for commercial, not for research"):
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
