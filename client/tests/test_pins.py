"""Pins: one size for a long run, whatever the registry says meanwhile, until its term ends."""

import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest

from consentkit import Registry
from consentkit.errors import BadProof, ConsentkitError, LeaseEnded, Stale, Unreachable
from consentkit.moments import Moment
from consentkit.settings import Misuse
from consentkit.testing import Simulator, picture

FOR = "ai_training"
ONE, TWO, NEW = picture(1), picture(2), picture(3)


@pytest.fixture
def sim():
    with Simulator(purposes=(FOR,)) as running:
        running.grant(ONE)
        running.grant(TWO)
        yield running


@pytest.fixture
def registry(sim, tmp_path) -> Registry:
    return Registry(sim.url, sim.key, log_key=sim.log_key, home=tmp_path)


def said(source) -> list[bool]:
    return source.mask([ONE, TWO, NEW], purpose=FOR).tolist()


def test_a_pin_stays_while_the_registry_goes_on(sim, registry):
    pin = registry.pin()
    (image,) = sim.grant(NEW)
    sim.withdraw(next(iter(sim._acts[0].images)))
    assert said(registry) == [True, True, False]  # synced within the lease
    registry.sync()
    assert said(registry) == [False, True, True]
    assert said(pin.moment()) == [True, True, False]
    sim.withdraw(image)
    registry.sync()
    assert said(registry.pinned(pin.size).moment()) == [True, True, False]
    told = pin.advance()
    assert told.removed == {FOR: [ONE]}
    assert (told.before, said(pin.moment())) == (3, [False, True, False])


def test_no_pin_advances_within_an_epoch(sim, registry):
    pin = registry.pin()
    sim.withdraw(next(iter(sim._acts[0].images)))
    with pin.epoch() as epoch, pytest.raises(Misuse, match="end the epoch first"):
        pin.advance()
    assert said(epoch) == [True, True, False]
    assert pin.advance().removed == {FOR: [ONE]}


def test_a_pin_that_cannot_advance_is_as_it_was(sim, registry):
    pin = registry.pin()
    sim.forget_last(1)
    with pytest.raises(BadProof):
        pin.advance()
    assert (pin.size, said(pin.moment())) == (3, [True, True, False])


def test_another_process_reads_the_same_size_and_holds_no_key(sim, registry, tmp_path):
    pin = registry.pin()
    sim.withdraw(next(iter(sim._acts[0].images)))
    registry.sync()
    sent = pickle.dumps(pin.moment())
    assert sim.key.encode() not in sent
    (tmp_path / "moment").write_bytes(sent)
    reads = f"print(pickle.load(open({str(tmp_path / 'moment')!r}, 'rb')).mask(['{ONE}', '{NEW}'], purpose='{FOR}'))"
    argv = [sys.executable, "-c", f"import pickle; {reads}"]
    assert subprocess.run(argv, check=True, capture_output=True, text=True).stdout.split() == ["[", "True", "False]"]


def test_a_size_that_is_not_pinned_is_refused(registry):
    with pytest.raises(Stale, match="size 7 is not pinned"):
        registry.pinned(7)


def test_rows_that_were_changed_are_refused(registry):
    pin = registry.pin()
    rows = Path(pin.kept.rows)
    held = bytearray(rows.read_bytes())
    held[len(held) // 2] ^= 1
    rows.write_bytes(held)
    with pytest.raises(BadProof, match="rows have changed"):
        registry.pinned(pin.size)


@pytest.mark.parametrize("late", [0, 1, 10**6])
def test_past_the_end_of_the_term_nothing_is_answered(registry, monkeypatch, late):
    pin = registry.pin()
    with pin.epoch() as epoch:
        assert said(epoch) == [True, True, False]
        monkeypatch.setattr("consentkit.terms.time.time", lambda: pin.kept.state.close.not_after + late)
        for ask in (said, lambda held: held.listed(FOR), lambda held: held.judge(FOR), Moment.renewed):
            with pytest.raises(LeaseEnded, match="save a checkpoint"):
                ask(epoch)
        assert (pin.ended, pin.remaining()) == (True, 0)
    with pytest.raises(LeaseEnded, match="save a checkpoint"):
        pin.moment()


def test_a_clock_set_back_prolongs_neither_pin_nor_epoch_nor_lease(registry, monkeypatch):
    pin = registry.pin()
    epoch, now, at = pin.moment(), time.monotonic(), pin.kept.state.close.issued_at
    sent = pickle.loads(pickle.dumps(epoch))  # noqa: S301 - our own
    leased = registry.moment()
    monkeypatch.setattr("consentkit.terms.time.time", lambda: at)
    monkeypatch.setattr("consentkit.terms.time.monotonic", lambda: now + 901)
    assert (pin.ended, epoch.ended, leased.ended) == (False, False, True)
    with pytest.raises(LeaseEnded):
        said(leased)
    monkeypatch.setattr("consentkit.terms.time.monotonic", lambda: now + 7 * 86_400 + 1)
    assert pin.ended
    for held in (epoch, sent):
        with pytest.raises(LeaseEnded):
            said(held)
    with pytest.raises(LeaseEnded):
        pin.moment()


def test_a_permission_that_ends_within_the_term_is_over_at_the_next_moment(sim, registry, monkeypatch):
    until = int(time.time()) + 600
    sim.grant(NEW, until=until)
    pin = registry.pin()
    assert said(pin.moment()) == [True, True, True]
    now, since = time.time(), time.monotonic()
    monkeypatch.setattr("consentkit.terms.time.monotonic", lambda: since + 601)
    monkeypatch.setattr("consentkit.terms.time.time", lambda: now + 601)
    assert said(pin.moment()) == [True, True, False]
    monkeypatch.setattr("consentkit.terms.time.time", lambda: now - 3600)
    with pytest.raises(Stale, match="moved back"):  # not permitted again
        said(pin.moment())


def test_a_registry_asks_again_when_its_lease_is_over(sim, registry, monkeypatch):
    assert said(registry) == [True, True, False]
    sim.withdraw(next(iter(sim._acts[0].images)))
    asked, since = len(sim.requests), time.monotonic()
    now = time.time()
    monkeypatch.setattr("consentkit.terms.time.monotonic", lambda: since + 890)
    monkeypatch.setattr("consentkit.terms.time.time", lambda: now + 890)
    assert said(registry) == [True, True, False]
    assert len(sim.requests) == asked
    monkeypatch.setattr("consentkit.terms.time.monotonic", lambda: since + 901)
    assert said(registry) == [False, True, False]  # also by a clock that stood still
    sim.answer(500)
    monkeypatch.setattr("consentkit.terms.time.monotonic", lambda: since + 2 * 901)
    with pytest.raises(Unreachable):
        registry.is_allowed(TWO, purpose=FOR)


def test_a_home_that_cannot_be_written_is_an_error_in_words(sim, tmp_path):
    (tmp_path / "states").write_text("")
    registry = Registry(sim.url, sim.key, log_key=sim.log_key, home=tmp_path)
    for ask in (registry.pin, registry.sync, lambda: registry.is_allowed(ONE, purpose=FOR)):
        with pytest.raises(ConsentkitError, match="CONSENTKIT_HOME"):
            ask()
    with pytest.raises(ConsentkitError):
        registry.offline()
