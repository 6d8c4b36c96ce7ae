"""Plain files beside a whole registry: written by a process that may be killed, read by a command without a key."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from consentkit.closes import open_close
from consentkit.feedfile import FeedFile
from consentkit.notes import Verifier
from tests.drawn import jpeg
from tests.mirror.conftest import served
from tests.processes.conftest import free_port
from tests.processes.registry import MANAGE, REPOSITORY, Registry, environment, eventually, serving

SOON = 30  # seconds


@pytest.fixture(scope="module")
def public() -> Iterator[Registry]:
    """A registry whose only collection was made public before the first image."""
    home = Path(tempfile.mkdtemp(prefix="registry-public-"))
    with serving(home, port=free_port()) as registry:
        assert "Public, by entry" in registry.manage("collection", "public")
        yield registry
    shutil.rmtree(home)


@contextmanager
def mirroring(registry: Registry, folder: Path) -> Iterator[Path]:
    """`manage.py publish --static`, as an operator runs it beside the server, and what it says; killed at the end."""
    argv = [*MANAGE, "publish", "--static", str(folder), "--home", str(registry.home)]
    out = folder.with_name("said.txt")
    with (
        out.open("w") as said,
        subprocess.Popen(argv, stdout=said, text=True, env=environment(), cwd=REPOSITORY) as process,
    ):
        try:
            yield out
        finally:
            time.sleep(0.5)  # what it says of the files that are there
            process.send_signal(signal.SIGKILL)
            process.wait(10)


def size_of(folder: Path, registry: Registry) -> int:
    """Of the log, at which the folder's files are true; 0 before there are any."""
    try:
        file = FeedFile.decode((folder / "feed.json").read_bytes())
    except FileNotFoundError:  # not yet
        return 0
    return open_close(file.close, Verifier.parse(registry.log_key)).size


def filtered(registry: Registry, url: str, source: Path) -> tuple[int, dict[str, int] | None]:
    """`consentkit filter --feed`: its exit code and summary."""
    env = {
        "PATH": os.environ["PATH"],
        "CONSENTKIT_LOG_KEY": registry.log_key,
        "CONSENTKIT_HOME": str(source.parent / "home"),
    }
    words = ["filter", str(source), "-o", str(source.parent / "out.parquet"), "--purpose", "ai_training"]
    done = subprocess.run(
        [sys.executable, "-c", "from consentkit.cli import main; main()", *words, "--feed", url, "--json"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout) if done.stdout else None


def test_a_withdrawal_reaches_the_files_and_who_filters_by_them(public: Registry, tmp_path: Path) -> None:
    person = public.person("ines")
    image = person.bring(jpeg(41))
    eventually(lambda: public.row(image)[0] == "registered", within=SOON)
    assert person.grant().status == 201
    ((digest,),) = public.rows("SELECT encode(sha256, 'hex') FROM registry_image WHERE id = %s", image)
    source, folder = tmp_path / "in.parquet", tmp_path / "public"
    pq.write_table(pa.table({"sha256": [digest, "00" * 32]}), source)
    with served(folder) as url:
        assert filtered(public, url, source) == (5, None)  # nothing there yet
        with mirroring(public, folder) as out:
            eventually(lambda: size_of(folder, public) > 0, within=SOON)
        assert out.read_text().startswith("written at size")  # said at once: it was killed
        code, summary = filtered(public, url, source)
        assert (code, summary and summary["kept"]) == (0, 1)
        withdrawn = person.withdraw()
        assert withdrawn.status == 201
        # The one before was killed; this one finds its folder, and lock, free.
        with mirroring(public, folder):
            eventually(lambda: size_of(folder, public) > withdrawn.json()["index"], within=SOON)
        code, summary = filtered(public, url, source)
        assert (code, summary and summary["kept"]) == (0, 0)
        assert summary
        assert summary["size"] > withdrawn.json()["index"]
