"""A whole registry as processes, as an operator starts it; and its doors as a program uses them."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, LiteralString
from uuid import uuid4

import psycopg
from PIL import Image

from consentkit.fingerprints import perception

REPOSITORY: Final = Path(__file__).parents[2]
MANAGE: Final = [sys.executable, str(REPOSITORY / "manage.py")]
OURS: Final = ("DATABASE_URL", "REDIS_URL", "REGISTRY", "SECRET_KEY", "LOG_SIGNING_KEY", "PUBLIC_URL", "CHECKPOINT_DIR")


@dataclass(frozen=True)
class Answer:
    """What a door said, and how long it took (seconds)."""

    status: int
    body: bytes
    seconds: float

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Registry:
    """One that runs. `log_key` is its log's verifier key."""

    url: str
    log_key: str
    home: Path
    process: subprocess.Popen[str]

    def manage(self, *words: str) -> str:
        """A command beside the running server; its output."""
        done = command(*words, "--home", str(self.home))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def person(self, name: str) -> "Caller":
        """Somebody new, with a token of their own."""
        return Caller(self.url, self.manage("person", "add", f"{name}@example.org").split()[-1])

    def pipeline(self, name: str = "") -> "Caller":
        """Under a name of its own, unless one is given."""
        name = name or f"lab-{uuid4().hex[:8]}"
        return Caller(self.url, self.manage("pipeline", "add", name, "--purpose", "ai_training").split()[-1])

    def link(self) -> psycopg.Connection[Any]:
        """A connection to the database itself."""
        return psycopg.connect(json.loads((self.home / "run.json").read_text())["database_url"])

    def rows(self, statement: LiteralString, *said: object) -> list[tuple[Any, ...]]:
        with self.link() as link:
            return link.execute(statement, said).fetchall()

    def row(self, image: str) -> tuple[str, int, bool]:
        """State, attempts and whether it is claimed."""
        ((state, attempts, claimed),) = self.rows(
            "SELECT state, attempts, claimed_until > now() FROM registry_image WHERE id = %s", image
        )
        return state, attempts, bool(claimed)

    def postmaster(self) -> int:
        return int((self.home / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])

    def child(self, *words: str) -> int:
        """The process, started by this registry, in whose command line all these words stand."""
        (found,) = [pid for pid, line in children(self.process.pid).items() if all(word in line for word in words)]
        return found


@dataclass(frozen=True)
class Caller:
    """A program with one bearer secret."""

    url: str
    secret: str

    def get(self, path: str) -> Answer:
        return self._send(urllib.request.Request(self.url + path))

    def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        words = json.dumps(body).encode()
        return self._send(urllib.request.Request(self.url + path, words, {"Content-Type": "application/json"}))

    def bring(self, content: bytes) -> str:
        """Hand in a picture; its number."""
        said = self.send_file("/api/v1/me/images", content, depicts="self")
        assert said.status == 201, said.body
        return str(said.json()["image"])

    def send_file(self, path: str, content: bytes, **fields: str) -> Answer:
        mark = uuid4().hex
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        body = "".join([*parts, head]).encode() + content + f"\r\n--{mark}--\r\n".encode()
        kind = {"Content-Type": f"multipart/form-data; boundary={mark}"}
        return self._send(urllib.request.Request(self.url + path, body, kind))

    def grant(self) -> Answer:
        notice = self.get("/api/v1/notices/current").json()["notice"]
        return self.post("/api/v1/me/grants", {"images": "all", "purposes": ["ai_training"], "notice": notice})

    def withdraw(self) -> Answer:
        return self.post("/api/v1/me/withdrawals", {"images": "all", "purposes": "all"})

    def decisions(self, *images: str) -> list[str]:
        asked = {"purpose": "ai_training", "by": "image", "keys": images}
        said = self.post("/api/v1/checks", asked)
        assert said.status == 200, said.body
        return [decided["decision"] for decided in said.json()["decisions"]]

    def matches(self, *pictures: Image.Image) -> Any:
        """What `POST matches` says of these pictures; their keys are their numbers here."""
        seen = [perception.perceive(picture).fingerprints[-1].bits.hex() for picture in pictures]
        said = self.post(
            "/api/v1/matches",
            {
                "purpose": "ai_training",
                "version": 1,
                "pictures": [{"key": str(number), "views": views} for number, views in enumerate(seen)],
            },
        )
        assert said.status == 200, said.body
        return said.json()

    def _send(self, request: urllib.request.Request) -> Answer:
        request.add_header("Authorization", f"Bearer {self.secret}")
        begun = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=30) as said:
                return Answer(said.status, said.read(), time.monotonic() - begun)
        except urllib.error.HTTPError as error:  # an answer too
            return Answer(error.code, error.read(), time.monotonic() - begun)


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """One of the registry's commands, run to its end."""
    return subprocess.run(
        [*MANAGE, *words], env=environment(), capture_output=True, text=True, check=False, cwd=REPOSITORY
    )


def environment() -> dict[str, str]:
    """This process's, without the servers and secrets of the test run."""
    return {name: value for name, value in os.environ.items() if not name.startswith(OURS)}


def children(parent: int) -> dict[int, str]:
    """The direct children of a process, and their command lines."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
                found[int(entry.name)] = (entry / "cmdline").read_text().replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
    return found


def eventually(holds: Callable[[], bool], *, within: float, every: float = 0.1) -> float:
    """Wait until it holds; the seconds that it took. Fails after `within`."""
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < within, f"not within {within} s"
        time.sleep(every)
    return time.monotonic() - begun


@contextmanager
def serving(home: Path, *, port: int) -> Iterator[Registry]:
    """`manage.py serve --bare --json`, until the block ends; then it must leave in order."""
    argv = [*MANAGE, "serve", "--port", str(port), "--home", str(home), "--bare", "--json"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment(), cwd=REPOSITORY) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"it did not start; see {home}/log"
        said = json.loads(line)
        try:
            yield Registry(said["url"], said["log_key"], home, process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    assert process.returncode == 0
