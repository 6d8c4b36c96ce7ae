"""A registry on this machine, and the command line as its users run it."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from consentkit.cli import main
from consentkit.testing import Simulator

SETTINGS = [f"CONSENTKIT_{name}" for name in ("URL", "KEY", "LOG_KEY", "MAX_AGE", "HOME")]
RUN = "from consentkit.cli import main; main()"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


@dataclass
class Shell:
    """Runs `consentkit` with these settings: here, or as a process of its own."""

    env: dict[str, str]
    home: Path

    def __call__(self, *args: object) -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        argv = ["consentkit", *map(str, args)]
        settings = {name: self.env.get(name, "") for name in SETTINGS}
        with (
            patch.dict(os.environ, settings),
            patch.object(sys, "argv", argv),
            redirect_stdout(out),
            redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            main()
        return Outcome(ended.value.code or 0, out.getvalue(), err.getvalue())

    def process(self, *args: object, before: str = "") -> Outcome:
        """As its users run it; `before`: Python to run first."""
        source = str(Path(__file__).parents[1] / "src")
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": source, **self.env}
        done = subprocess.run(
            [sys.executable, "-c", before + RUN, *map(str, args)],
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(purposes=("ai_training", "evaluation")) as simulator:
        yield simulator


@pytest.fixture
def shell(sim: Simulator, tmp_path: Path) -> Shell:
    home = tmp_path / "home"
    env = {
        "CONSENTKIT_URL": sim.url,
        "CONSENTKIT_KEY": sim.key,
        "CONSENTKIT_LOG_KEY": sim.log_key,
        "CONSENTKIT_HOME": str(home),
    }
    return Shell(env, home)


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[..., Path]:
    """Writes a Parquet file with a column `sha256`, and any others."""

    def write(keys: object, name: str = "in.parquet", **columns: object) -> Path:
        path = tmp_path / name
        pq.write_table(pa.table({"sha256": keys, **columns}), path)
        return path

    return write
