"""The supervisor: real processes, real signals."""

import os
import signal
import sys
import time
from pathlib import Path

import psycopg
import pytest

from service.embedded.addresses import addresses_of
from service.embedded.errors import StartFailed
from service.embedded.processes import Child, Supervisor
from service.embedded.stack import servers
from tests.embedded.homes import Start, eventually, inhabitants

SLEEP = "cd {home} && exec sleep 600"
DEAF = "cd {home} && trap '' TERM && while :; do sleep 0.1; done"


def child_of(home: Path, program: str) -> int | None:
    """The process id of the one that runs this program in the home, if it does."""
    runs = [pid for pid, words in inhabitants(home).items() if Path(words.split(" ", 1)[0]).name == program]
    return runs[0] if runs else None


def kill_and_see_another(home: Path, program: str) -> bool:
    assert eventually(lambda: child_of(home, program) is not None, within=5)
    first = child_of(home, program)
    assert first is not None
    os.kill(first, signal.SIGKILL)
    return eventually(lambda: child_of(home, program) not in {first, None}, within=5)


def test_nothing_outlives_a_supervisor_that_is_killed(home: Path, supervise: Start) -> None:
    begun = supervise(f"web={SLEEP.format(home=home)}", f"worker={DEAF.format(home=home)}")
    names = " ".join(inhabitants(home).values())
    assert all(word in names for word in ("postgres", "valkey-server", "sleep"))
    begun.send_signal(signal.SIGKILL)
    begun.wait()
    assert eventually(lambda: not inhabitants(home), within=5), inhabitants(home)
    assert addresses_of(home) is None


def test_the_next_supervisor_waits_for_what_a_killed_one_left(home: Path, supervise: Start) -> None:
    begun = supervise(f"web={SLEEP.format(home=home)}")
    running = addresses_of(home)
    assert running is not None
    with psycopg.connect(running.database_url) as session:
        session.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    begun.send_signal(signal.SIGKILL)
    begun.wait()
    with servers(home, durable=False) as again, psycopg.connect(again.database_url) as session:
        assert session.execute("SELECT answer FROM kept").fetchone() == (42,)


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_in_order(home: Path, supervise: Start, asked: signal.Signals) -> None:
    begun = supervise(f"web={SLEEP.format(home=home)}", f"worker={DEAF.format(home=home)}")
    begun.send_signal(asked)
    begun.send_signal(asked)  # an impatient second one changes nothing
    assert begun.wait(10) == 0
    assert not inhabitants(home)
    assert "database system is shut down" in (home / "log" / "postgres.log").read_text()


def test_a_web_server_that_dies_is_started_again(home: Path, supervise: Start) -> None:
    begun = supervise(f"web=cd {home}; exec tail -f /dev/null", f"worker={SLEEP.format(home=home)}")
    assert kill_and_see_another(home, "tail")
    begun.terminate()
    _, told = begun.communicate(timeout=10)
    assert "web ended with -9: again in 1 s" in told


def test_a_worker_that_dies_is_started_again(home: Path, supervise: Start) -> None:
    begun = supervise(f"web={SLEEP.format(home=home)}", f"worker=cd {home}; exec tail -f /dev/null")
    assert kill_and_see_another(home, "tail")
    begun.terminate()
    _, told = begun.communicate(timeout=10)
    assert "worker ended with -9: again in 1 s" in told


def test_what_a_dead_worker_started_goes_with_it(home: Path, supervise: Start) -> None:
    begun = supervise(f"web={SLEEP.format(home=home)}", f"worker=cd {home}; sleep 500 & exec tail -f /dev/null")
    assert kill_and_see_another(home, "tail")
    assert sum(words.startswith("sleep 500") for words in inhabitants(home).values()) == 1
    begun.terminate()
    assert begun.wait(10) == 0
    assert not inhabitants(home)


def test_a_broker_that_dies_is_started_again(home: Path, supervise: Start) -> None:
    begun = supervise(f"web={SLEEP.format(home=home)}")
    assert kill_and_see_another(home, "valkey-server")
    begun.terminate()
    _, told = begun.communicate(timeout=10)
    assert "The broker ended; starting it again." in told


def test_a_second_supervisor_is_refused(home: Path, supervise: Start) -> None:
    begun = supervise()
    with pytest.raises(AssertionError, match=rf"in use by process {begun.pid}\. Stop it first"):
        supervise()


def test_each_start_of_what_keeps_ending_waits_longer(home: Path) -> None:
    (home / "log").mkdir()
    record = home / "starts"
    child = Child(name="worker", argv=["/bin/sh", "-c", f"date +%s.%N >> {record}"], env=os.environ)
    with Supervisor([child], log=home / "log") as supervisor:
        supervisor.wait_until(lambda: record.exists() and record.read_text().count("\n") == 3, within=10)
    first, second, third = (float(line) for line in record.read_text().split())
    assert 0.9 < second - first < 2.0 < third - second


def test_one_that_never_gets_ready_names_its_log(home: Path) -> None:
    child = Child(name="web", argv=[sys.executable, "-c", "raise OSError('no port')"], env={}, vital=True)
    with (
        pytest.raises(StartFailed, match=r"(?s)web ended with 1.*no port"),
        Supervisor([child], log=home / "log") as supervisor,
    ):
        supervisor.wait_until(lambda: False, within=10)


def test_the_time_to_get_ready_is_bounded(home: Path) -> None:
    child = Child(name="web", argv=["/bin/sleep", "60"], env={}, vital=True)
    began = time.monotonic()
    with (
        pytest.raises(StartFailed, match=r"Not ready within 0 s"),
        Supervisor([child], log=home / "log") as supervisor,
    ):
        supervisor.wait_until(lambda: False, within=0.2)
    assert time.monotonic() - began < 5
