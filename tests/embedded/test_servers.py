"""The embedded database and broker: started, found, kept, refused, replaced."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from service.embedded.addresses import addresses_of
from service.embedded.binaries import broker_program, postgres_folder
from service.embedded.errors import HomeInUse, ServerMissing, StackError, StartFailed
from service.embedded.stack import servers
from tests.embedded.homes import REPOSITORY, SUPERVISE, Start, eventually, inhabitants


def broker(url: str) -> redis.Redis:
    return redis.Redis.from_url(url.replace("redis+socket", "unix"))


def setting(url: str, name: str) -> str:
    with psycopg.connect(url) as session:
        row = session.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row is not None
    return str(row[0])


def test_both_keep_what_was_written_over_a_restart(home: Path) -> None:
    with servers(home) as running:
        with psycopg.connect(running.database_url) as session:
            session.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        with broker(running.redis_url) as queue:
            queue.set("kept", "42")
    assert not inhabitants(home)
    with servers(home) as running:
        with psycopg.connect(running.database_url) as session:
            assert session.execute("SELECT answer FROM kept").fetchone() == (42,)
        with broker(running.redis_url) as queue:
            assert queue.get("kept") == b"42"


@pytest.mark.parametrize(("durable", "fsync"), [(True, "on"), (False, "off")])
def test_a_home_is_durable_unless_it_is_for_tests(home: Path, durable: bool, fsync: str) -> None:
    with servers(home, durable=durable) as running:
        assert setting(running.database_url, "fsync") == fsync
        assert setting(running.database_url, "synchronous_commit") == fsync
        assert setting(running.database_url, "data_checksums") == "on"
        assert setting(running.database_url, "server_encoding") == "UTF8"
        with broker(running.redis_url) as queue:
            assert queue.config_get("appendonly") == {"appendonly": "yes" if durable else "no"}
            assert queue.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_sockets_are_the_only_way_in(home: Path) -> None:
    with servers(home, durable=False) as running:
        assert setting(running.database_url, "listen_addresses") == ""
        with broker(running.redis_url) as queue:
            assert queue.config_get("port") == {"port": "0"}
        sockets = Path(urlsplit(running.database_url).query.removeprefix("host="))
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert stat.S_IMODE((home / "run.json").stat().st_mode) == 0o600


def test_statements_stay_out_of_the_log(home: Path) -> None:
    with servers(home, durable=False) as running, psycopg.connect(running.database_url) as session:
        session.execute("CREATE TABLE contact (address text UNIQUE)")
        session.execute("INSERT INTO contact VALUES ('ines@example.org')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            session.execute("INSERT INTO contact VALUES ('ines@example.org')")
    log = (home / "log" / "postgres.log").read_text()
    assert "duplicate key" in log
    assert "ines@example.org" not in log


def test_a_command_beside_finds_the_addresses_while_they_hold(home: Path) -> None:
    assert addresses_of(home) is None
    with servers(home, durable=False) as running:
        assert addresses_of(home) == running.addresses
    assert addresses_of(home) is None


def test_a_home_has_one_supervisor(home: Path) -> None:
    refused = pytest.raises(HomeInUse, match=f"in use by process {os.getpid()}")
    with servers(home, durable=False), refused, servers(home, durable=False):
        pass


@pytest.mark.parametrize("name", ["long" * 40, "comma, space and 'quote' é"])
def test_a_home_with_any_path(home: Path, name: str) -> None:
    with servers(home / name, durable=False) as running:
        assert setting(running.database_url, "fsync") == "off"
        with broker(running.redis_url) as queue:
            assert queue.ping()
        sockets = Path(urlsplit(running.database_url).query.removeprefix("host="))
        assert not sockets.is_relative_to(home)
    assert not sockets.exists()


def test_no_folder_with_a_short_path_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    far = home / ("far" * 40)
    far.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(far))
    with pytest.raises(StackError, match="Set TMPDIR"), servers(far):
        pass


def test_given_servers_are_used_and_not_started(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://elsewhere/registry")
    with servers(home, durable=False) as running:
        assert running.database_url == "postgres://elsewhere/registry"
        assert not any("postgres" in words for words in inhabitants(home).values())
        with broker(running.redis_url) as queue:
            assert queue.ping()
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere/0")
    with servers(home, durable=False) as running:
        assert running.redis_url == "redis://elsewhere/0"
        assert not inhabitants(home)
        assert addresses_of(home) == running.addresses


def test_programs_from_elsewhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = home / "my-broker"
    link.symlink_to(broker_program())
    monkeypatch.setenv("POSTGRES_BIN", str(postgres_folder()))
    monkeypatch.setenv("REDIS_BIN", str(link))
    with servers(home, durable=False) as running:
        assert any(str(link) in words for words in inhabitants(home).values())
        assert setting(running.database_url, "fsync") == "off"


@pytest.mark.parametrize("variable", ["POSTGRES_BIN", "REDIS_BIN"])
def test_a_missing_program_says_what_to_set(home: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, str(home / "nothing"))
    with pytest.raises(ServerMissing, match=variable), servers(home, durable=False):
        pass
    assert not inhabitants(home)


def test_a_server_that_ends_at_once_is_quoted(home: Path) -> None:
    with servers(home, durable=False):
        pass
    (home / "postgres" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(StartFailed, match="incompatible"), servers(home, durable=False):
        pass


def test_the_pid_file_of_a_dead_server_whose_number_is_taken(home: Path) -> None:
    with servers(home, durable=False):
        pass
    stale = [str(os.getpid()), str(home / "postgres"), "1", "5432", str(home / "run"), "", "0 0", "ready   "]
    (home / "postgres" / "postmaster.pid").write_text("\n".join(stale) + "\n")
    with servers(home, durable=False) as running:
        assert setting(running.database_url, "fsync") == "off"


def test_half_a_database_is_made_again(home: Path) -> None:
    half = home / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with servers(home, durable=False) as running:
        assert setting(running.database_url, "fsync") == "off"
    assert not half.exists()


@pytest.mark.parametrize("program", ["postgres", "valkey-server"])
def test_a_server_that_is_killed_is_started_again(home: Path, program: str) -> None:
    with servers(home, durable=False) as running, psycopg.connect(running.database_url):
        killed = next(pid for pid, words in inhabitants(home).items() if f"/{program} " in words)
        os.kill(killed, signal.SIGKILL)
        assert eventually(lambda: not all(server.runs() for server in running._owned), within=5)
        running.tend()
        assert setting(running.database_url, "fsync") == "off"
        with broker(running.redis_url) as queue:
            assert queue.ping()


@pytest.mark.skipif(os.getuid() != 0, reason="only root has a uid to drop")
def test_root_without_user_namespaces_becomes_nobody(home: Path, supervise: Start) -> None:
    """As in a container that forbids `unshare`: its search path holds no such program."""
    tools = home / "tools"
    tools.mkdir()
    setpriv = shutil.which("setpriv")
    assert setpriv is not None, "install util-linux"
    (tools / "setpriv").symlink_to(setpriv)
    begun = supervise(PATH=str(tools))
    running = addresses_of(home)
    assert running is not None
    with psycopg.connect(running.database_url) as session:
        session.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert (home / "postgres").stat().st_uid == 65534
    begun.terminate()
    assert begun.wait(10) == 0
    with servers(home, durable=False) as again, psycopg.connect(again.database_url) as session:
        assert session.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert (home / "postgres").stat().st_uid == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root is refused by PostgreSQL")
def test_root_without_either_is_told_what_to_do(home: Path) -> None:
    told = subprocess.run(
        [sys.executable, str(SUPERVISE), str(home)],
        env={"PATH": str(home), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    assert "set DATABASE_URL" in told.stderr
    assert "Traceback" not in told.stderr
