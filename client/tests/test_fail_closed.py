"""It cannot fail open: every cause of doubt at every door, on a first sync and on a later one.

A door answers with the rows it would keep. In doubt it raises the cause's error, or the command ends with that
error's exit code; where an honest registry knows nothing, nothing is kept.
"""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest
import tenacity

from consentkit import Registry
from consentkit.adapters import arrow
from consentkit.cli.errors import exit_code
from consentkit.errors import BadProof, BadSignature, ConsentkitError, Inconsistent, Stale, Unreachable
from consentkit.filtering import NotOurs
from consentkit.notes import Signer
from consentkit.settings import Misuse
from consentkit.testing import Simulator
from consentkit.testing import picture as digest

FOR = "ai_training"
DAY = 86_400
KEYS = [digest(0), digest(1)]


@dataclass
class Client:
    """What a pipeline has: settings, and the files it works with."""

    sim: Simulator
    shell: Any
    manifest: Callable[..., Any]

    def registry(self) -> Registry:
        env = self.shell.env
        return Registry(
            env["CONSENTKIT_URL"], env["CONSENTKIT_KEY"], log_key=env["CONSENTKIT_LOG_KEY"], home=self.shell.home
        )


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """Asks again without a pause."""
    monkeypatch.setattr(tenacity, "wait_random_exponential", lambda **_: tenacity.wait_none())


@pytest.fixture
def client(sim, shell, manifest):
    sim.grant(KEYS)
    sim.grant(digest(2), purposes=["evaluation"])  # else swapped terms would be alike
    return Client(sim, shell, manifest)


# Doors: the keys that are kept


def _mask(client):
    mask = client.registry().mask(KEYS, purpose=FOR)
    return [key for key, kept in zip(KEYS, mask, strict=True) if kept]


def _filter_allowed(client):
    return [row["sha256"] for row in client.registry().filter_allowed([{"sha256": k} for k in KEYS], purpose=FOR)]


def _adapter(client):
    return arrow.allowed(pa.table({"sha256": KEYS}), client.registry(), purpose=FOR)["sha256"].to_pylist()


def _pin(client):
    mask = client.registry().pin().moment().mask(KEYS, purpose=FOR)
    return [key for key, kept in zip(KEYS, mask, strict=True) if kept]


def _listed(client):
    """What DuckDB and Spark join with."""
    listed = client.registry().moment().listed(FOR).to_pylist()
    return [row["sha256"] for row in listed if row["until"] > time.time() and row["sha256"] in KEYS]


DOORS = [_mask, _filter_allowed, _adapter, _pin, _listed]


# Causes


def _setting(name, value):
    def spoil(client):
        client.shell.env[f"CONSENTKIT_{name}"] = value(client) if callable(value) else value

    return spoil


def _closed_port(_client):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def _another_log_key(client):
    return str(Signer.generate(client.sim.signer.name).verifier)


def _told(*lies):
    def spoil(client):
        for lie in lies:
            lie(client.sim)

    return spoil


def _forgets(sim):
    sim.forget_last(sim.size)


def _forks_and_grows(sim):
    sim.fork()
    sim.grant(digest(3))


ALWAYS = {
    "no key": (Unreachable, _setting("KEY", "")),
    "a key that is not one": (Unreachable, _setting("KEY", "a\nb")),
    "another key": (Unreachable, _setting("KEY", "another")),
    "no address": (Misuse, _setting("URL", "")),
    "no network": (Unreachable, _setting("URL", _closed_port)),
    "no log key": (Misuse, _setting("LOG_KEY", "")),
    "a wrong log key": (BadSignature, _setting("LOG_KEY", _another_log_key)),
    "HTTP 500": (Unreachable, _told(lambda sim: sim.answer(500))),
    "HTTP 403": (Unreachable, _told(lambda sim: sim.answer(403))),
    "a redirect": (Unreachable, _told(lambda sim: sim.answer(302))),
    "an old snapshot": (Stale, _told(lambda sim: sim.go_stale(2 * DAY))),
    "a clock that moved forward": (Stale, _told(lambda sim: sim.go_stale(8 * DAY))),
    "a clock that moved back": (Stale, _told(lambda sim: sim.go_stale(-DAY))),
    "a sum of other rows": (BadProof, _told(Simulator.lie_in_close)),
    # A later sync reads a snapshot only after a delta that does not add up.
    "a truncated part": (Unreachable, _told(Simulator.drop_row_from_delta, Simulator.cut_part)),
    "a changed part": (BadProof, _told(Simulator.drop_row_from_delta, Simulator.corrupt_part)),
    "a swapped column": (BadProof, _told(Simulator.drop_row_from_delta, Simulator.swap_columns)),
}
LATER = {
    "an empty snapshot": (Inconsistent, _told(_forgets)),
    "a log rolled back": (Inconsistent, _told(lambda sim: sim.forget_last(2))),
    "a forked log": (Inconsistent, _told(Simulator.fork)),
    "a forked log that has grown": (Inconsistent, _told(_forks_and_grows)),
}


def _each(causes):
    return pytest.mark.parametrize(("error", "spoil"), causes.values(), ids=list(causes))


@pytest.mark.parametrize("door", DOORS)
@_each(ALWAYS)
def test_on_a_first_sync(client, door, error, spoil):
    spoil(client)
    with pytest.raises(error):
        door(client)


@pytest.mark.parametrize("door", DOORS)
@_each(ALWAYS | LATER)
def test_on_a_later_sync(client, door, error, spoil):
    assert door(client) == KEYS
    client.sim.withdraw(next(iter(client.sim._acts[0].images)))
    spoil(client)
    with pytest.raises(error):
        door(client)


@_each(ALWAYS | LATER)
def test_the_command_on_a_later_sync(client, tmp_path, error, spoil):
    assert client.shell("sync").code == 0
    client.sim.withdraw(next(iter(client.sim._acts[0].images)))
    spoil(client)
    _ends(client, tmp_path / "out.parquet", exit_code(error("")))


def _ends(client, out, code):
    done = client.shell("filter", client.manifest(KEYS), "-o", out, "--purpose", FOR)
    assert (done.code, out.exists()) == (code, False), done.err


@pytest.mark.parametrize("door", DOORS)
def test_an_empty_snapshot_of_an_honest_registry_permits_nothing(client, tmp_path, door):
    client.sim.forget_last(client.sim.size)
    assert door(client) == []
    _ends(client, tmp_path / "out.parquet", exit_code(NotOurs.__new__(NotOurs)))


@pytest.mark.parametrize("seconds", [2 * DAY, -2 * DAY])
def test_a_clock_that_moves_within_a_lease(client, monkeypatch, seconds):
    """Nobody answers then: the state itself must refuse."""
    registry = client.registry()
    registry.sync()
    pin = registry.pin()
    client.sim.answer(500)
    moved = time.time() + seconds * (4 if seconds > 0 else 1)
    monkeypatch.setattr(time, "time", lambda: moved)
    with pytest.raises((Stale, Unreachable)):
        registry.mask(KEYS, purpose=FOR)
    with pytest.raises((Stale, Unreachable)):
        arrow.allowed(pa.table({"sha256": KEYS}), registry, purpose=FOR)
    with pytest.raises(Stale):
        pin.moment()
    with pytest.raises(Stale):
        client.registry().pinned(pin.size).moment()


def test_every_error_is_one_of_ours():
    assert all(issubclass(error, ConsentkitError) for error, _ in (ALWAYS | LATER).values())
