"""States and pins belong to what a key opens: they outlive key and address, and no other key comes near them."""

import warnings
from datetime import UTC, datetime, timedelta

import pytest

from consentkit import Registry, access
from consentkit.errors import BadProof, ConsentkitError, Inconsistent, KeyEnding, Stale, Unreachable
from consentkit.testing import Simulator
from consentkit.testing import picture as digest

FOR = "ai_training"


def registry(sim, home, **otherwise):
    given = {"url": sim.url, "key": sim.key, **otherwise}
    return Registry(given["url"], given["key"], log_key=sim.log_key, home=home)


def rotated(sim):
    """The simulator's key is another one now."""
    sim.key = "another-key-of-the-same-pipeline"


def snapshots_taken(sim):
    return sim.requests.count("GET /api/v1/snapshot")


def test_a_first_sync_takes_one_snapshot(sim, tmp_path):
    sim.grant(digest(0))
    registry(sim, tmp_path).sync()
    assert snapshots_taken(sim) == 1


def test_a_pin_outlives_the_key(sim, tmp_path):
    """A run that restarts after a rotation goes on at the size that it had, and with what was trusted."""
    (image,) = sim.grant(digest(0))
    pin = registry(sim, tmp_path).pin()
    rotated(sim)
    sim.withdraw(image)
    again = registry(sim, tmp_path).pinned(pin.size)
    assert again.size == pin.size
    assert again.moment().mask([digest(0)], purpose=FOR).tolist() == [True]
    assert again.advance().removed[FOR] == [digest(0)]
    assert len(list((tmp_path / "states").iterdir())) == 1


def test_a_state_outlives_the_key_and_is_synced_by_its_changes(sim, tmp_path):
    sim.grant(digest(0))
    registry(sim, tmp_path).sync()
    rotated(sim)
    sim.grant(digest(1))
    state = registry(sim, tmp_path).sync()
    assert len(state.rows) == 2
    assert "GET /api/v1/deltas" in " ".join(sim.requests[-4:])


def test_a_registry_under_another_name_is_the_same(sim, tmp_path):
    sim.grant(digest(0))
    pin = registry(sim, tmp_path).pin()
    asked = len(sim.requests)
    renamed = registry(sim, tmp_path, url=sim.url.replace("127.0.0.1", "localhost"))
    assert renamed.offline().size == pin.size
    assert renamed.pinned(pin.size).size == pin.size
    assert len(sim.requests) == asked, "nobody was asked"


def test_what_was_trusted_under_one_key_is_trusted_under_the_next(sim, tmp_path):
    """A registry that rolls back while the key changes is caught."""
    sim.grant(digest(0))
    sim.grant(digest(1))
    registry(sim, tmp_path).sync()
    rotated(sim)
    sim.forget_last(2)
    with pytest.raises(Inconsistent):
        registry(sim, tmp_path).sync()


def test_offline_a_key_that_was_never_asked_for_has_no_state(sim, tmp_path):
    """It might be one for companies: what the former key opened says nothing of it."""
    sim.grant(digest(0))
    pin = registry(sim, tmp_path).pin()
    rotated(sim)
    with pytest.raises(Stale, match="nothing is synced"):
        registry(sim, tmp_path).offline()
    for key in ("not-a-key-of-anybodys", ""):
        with pytest.raises(Unreachable):
            registry(sim, tmp_path, key=key).pinned(pin.size)


def test_a_key_for_another_audience_has_a_state_of_its_own(sim, tmp_path):
    sim.grant(digest(0))
    research = registry(sim, tmp_path).pin()
    rotated(sim)
    sim.audience = "commercial"
    commercial = registry(sim, tmp_path)
    with pytest.raises(ConsentkitError):
        commercial.pinned(research.size)
    assert commercial.sync().rows.audience == "commercial"
    assert len(list((tmp_path / "states").iterdir())) == 2


def test_nobody_leads_a_key_to_the_state_of_another(sim, tmp_path):
    """Whoever can write below `keys`, and not read this machine's secret, is not believed."""
    sim.grant(digest(0))
    registry(sim, tmp_path).sync()
    (research,) = (tmp_path / "keys").iterdir()
    former = research.read_bytes()
    rotated(sim)
    sim.audience = "commercial"
    commercial = registry(sim, tmp_path)
    commercial.sync()
    (other,) = set((tmp_path / "keys").iterdir()) - {research}
    for written in (former, b"", other.read_bytes().replace(b"commercial", b"research")):
        other.write_bytes(written)
        assert access.remembered(commercial.settings) is None
        with pytest.raises(Stale):
            commercial.offline()
    commercial.sync()
    assert commercial.offline().rows.audience == "commercial"


def test_a_folder_that_was_moved_is_no_state(sim, tmp_path):
    sim.grant(digest(0))
    registry(sim, tmp_path).sync()
    (research,) = (tmp_path / "states").iterdir()
    rotated(sim)
    sim.audience = "commercial"
    commercial = registry(sim, tmp_path)
    commercial.sync()
    (other,) = set((tmp_path / "states").iterdir()) - {research}
    for path in other.iterdir():
        path.unlink()
    for path in research.iterdir():
        path.rename(other / path.name)
    with pytest.raises((Inconsistent, BadProof)):
        commercial.offline()


def test_a_state_of_another_log_is_none(sim, tmp_path):
    sim.grant(digest(0))
    registry(sim, tmp_path).sync()
    with Simulator() as other:
        other.key = sim.key
        with pytest.raises(BadProof, match="CONSENTKIT_LOG_KEY"):
            registry(other, tmp_path).offline()


@pytest.mark.parametrize(("days", "warned"), [(29, 1), (31, 0)])
def test_a_key_that_ends_soon_is_announced_once_a_connection(sim, tmp_path, days, warned):
    sim.grant(digest(0))
    sim.key_ends = (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        registry(sim, tmp_path).sync()
    said = [str(each.message) for each in found if each.category is KeyEnding]
    assert len(said) == warned
    assert all("pipeline key add" in each for each in said)
