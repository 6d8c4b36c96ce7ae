"""Child processes that never outlive their parent, and a supervisor for a few of them.

Invariants
  * A child is tied to its parent by the kernel (Linux): SIGKILL on the parent ends it.
  * The tie is to the thread that started it: start children from the main thread only.
  * A child is in a session of its own, so Ctrl-C in a terminal reaches the supervisor alone.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Final, NoReturn, Protocol, Self

from service.embedded import leash
from service.embedded.errors import StartFailed

TURN_SECONDS: Final = 0.1
LONGEST_PAUSE: Final = 30.0  # between two starts of a child that keeps ending, seconds
STEADY_SECONDS: Final = 60.0  # after which an end counts as the first again


@dataclass(frozen=True, kw_only=True)
class Child:
    """A process to supervise. It is started again when it ends; a vital one that ends before the stack is ready stops
    the start."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    vital: bool = False
    grace: float = 10.0  # seconds between SIGTERM and SIGKILL
    longest_pause: float = LONGEST_PAUSE


class Tended(Protocol):
    """What the supervisor also looks after: each turn it starts again what ended."""

    def tend(self) -> None: ...


def start(
    argv: Sequence[str],
    *,
    log: Path,
    orphaned: signal.Signals,
    env: Mapping[str, str] | None = None,
    keep: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a program, output appended to its log. `orphaned` is what it gets when this process dies;
    `keep` are the descriptors that it inherits."""
    tied = [sys.executable, "-I", "-S", leash.__file__, str(int(orphaned)), str(os.getpid())]
    log.parent.mkdir(mode=0o700, exist_ok=True)
    with log.open("ab") as out:
        return subprocess.Popen(
            [*tied, *argv],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=env,
            pass_fds=keep,
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes], *, asking: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send each signal in turn, with the seconds to wait for it; what is left then gets SIGKILL."""
    for asked, seconds in asking:
        process.send_signal(asked)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:  # it did not obey: ask more firmly
            continue
        break
    with suppress(ProcessLookupError):  # nobody is left in its group
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(
    ready: Callable[[], bool], *, process: subprocess.Popen[bytes], name: str, log: Path, within: float
) -> None:
    """Wait for a server to answer, at most `within` seconds. Raises StartFailed with the end of its log."""
    deadline = time.monotonic() + within
    while not ready():
        if process.poll() is not None:
            raise StartFailed(f"{name} ended with {process.returncode}. {last_lines(log)}")
        if time.monotonic() > deadline:
            raise StartFailed(f"{name} did not answer within {within:.0f} s. {last_lines(log)}")
        time.sleep(0.005)


def last_lines(log: Path) -> str:
    """The log's path and its last five lines, for a message."""
    lines = log.read_text(errors="replace").splitlines()[-5:]
    return "\n  ".join([f"From {log}:", *lines])


def say(message: str) -> None:
    """One line for the person at the terminal: stderr, because stdout is for answers."""
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


@contextmanager
def orderly() -> Iterator[None]:
    """Turn SIGTERM and SIGINT into SystemExit(0), so that every `with` inside stops what it started.

    A second signal changes nothing: each stop has its own time limit. Main thread only.
    """

    def leave(_number: int, _frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        sys.exit(0)

    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    for each in before:
        signal.signal(each, leave)
    try:
        yield
    finally:
        for each, earlier in before.items():
            signal.signal(each, earlier)


class Supervisor:
    """Starts children in order, with the first look at them, and stops them in reverse. Main thread only.

    with Supervisor(children, log=home / "log", servers=servers) as supervisor:
        supervisor.wait_until(answers, within=30)
        supervisor.watch()
    """

    def __init__(self, children: Sequence[Child], *, log: Path, servers: Tended | None = None) -> None:
        self._log = log
        self._lives = [_Life(child, log=log / f"{child.name}.log") for child in children]
        self._servers = servers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait_until(self, ready: Callable[[], bool], *, within: float) -> None:
        """Look after the children until `ready()`. StartFailed when a vital one ends or time is up."""
        deadline = time.monotonic() + within
        while True:
            self._turn()
            ended = next((life for life in self._lives if life.child.vital and life.failed), None)
            if ended is not None:
                raise StartFailed(f"{ended.child.name} ended with {ended.code}. {last_lines(ended.log)}")
            if ready():
                return
            if time.monotonic() > deadline:
                raise StartFailed(f"Not ready within {within:.0f} s. See {self._log}.")
            time.sleep(TURN_SECONDS)

    def watch(self) -> NoReturn:
        """Look after the children. A signal leaves by `orderly`'s exception."""
        while True:
            self._turn()
            time.sleep(TURN_SECONDS)

    def stop(self) -> None:
        """Stop the children in reverse order, each within its grace."""
        for life in reversed(self._lives):
            life.finish()

    def _turn(self) -> None:
        """Start again what is due."""
        if self._servers is not None:
            self._servers.tend()
        for life in self._lives:
            life.revive()


class _Life:
    """One child over its restarts."""

    def __init__(self, child: Child, *, log: Path) -> None:
        self.child = child
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._pause = 1.0
        self.code: int | None = None  # with which it ended last
        self._due: float | None = 0.0  # when to start it: at once, the first time

    @property
    def failed(self) -> bool:
        """Has it ever ended by itself?"""
        return self.code is not None

    def ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def revive(self) -> None:
        """Start it when that is due; plan the next start when it has ended."""
        now = time.monotonic()
        if self._due is not None:
            if now >= self._due:
                self._began, self._due = now, None
                child = self.child
                self._process = start(child.argv, log=self.log, orphaned=signal.SIGKILL, env=child.env)
        elif self._process is not None and self.ended():
            self.code = self._process.returncode
            end(self._process, asking=[])  # the rest of its group, while the number is still its own
            self._pause = 1.0 if now - self._began > STEADY_SECONDS else self._pause
            say(f"{self.child.name} ended with {self.code}: again in {self._pause:.0f} s. See {self.log}")
            self._process, self._due = None, now + self._pause
            self._pause = min(self._pause * 2, self.child.longest_pause)

    def finish(self) -> None:
        if self._process is not None:
            end(self._process, asking=[(signal.SIGTERM, self.child.grace)])
