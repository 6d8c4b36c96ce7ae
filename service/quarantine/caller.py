"""The caller's side of the quarantine: hand a file in, get a finding back."""

import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from consentkit.formats import Rejection
from service.quarantine.findings import LINE_BYTES, Examined, Malformed, parse_line
from service.quarantine.limits import Limits
from service.quarantine.verdicts import VERDICT_BYTES, Verdict

_GRACE: Final = 5.0  # seconds beyond a file's own limit, after which the server itself is given up
_START: Final = 60.0  # seconds to import everything on a busy machine


class Crashed(RuntimeError):
    """A child or the server ended without an answer, and nothing is known of the file: count an attempt."""


class Quarantine:
    """One server and its children. Threads take turns; a process forked from this one starts its own server.

    A server that has died is replaced before the next file. Leaving the context stops it.
    """

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self._limits = limits
        self._turn = threading.Lock()
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        with self._turn:
            self._running_server()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._turn:
            self._stop()

    @property
    def server_id(self) -> int | None:
        """The server's process id, None while there is none."""
        return self._server.process.pid if self._server else None

    def examine(self, path: Path) -> Examined | Rejection:
        """Every check of a picture file. Takes at most the limits' wall clock and a little.

        Raises `Crashed`, and `OSError` when the file cannot be opened by the caller.
        """
        source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with self._turn:
                answer, verdict = self._ask(source)
        finally:
            os.close(source)
        return _finding(answer, verdict)

    def _ask(self, source: int) -> tuple[bytes, Verdict]:
        deadline = time.monotonic() + self._limits.wall + _GRACE
        reading, writing = os.pipe()
        try:
            server = self._request(source, writing)
            answer = _read(reading, deadline=deadline)
            os.close(reading)  # a child that still writes is ended by it
            reading = -1
            return answer, self._verdict(server, deadline=deadline)
        finally:
            if reading >= 0:
                os.close(reading)

    def _request(self, source: int, writing: int) -> "_Server":
        """Send both descriptors and close our copy of `writing`: the child's end is the answer's end."""
        try:
            try:
                return self._running_server().send(source, writing)
            except (
                BrokenPipeError,
                ConnectionResetError,
            ):  # the server died since the last file: once more with a new one
                self._stop()
                return self._running_server().send(source, writing)
        finally:
            os.close(writing)

    def _verdict(self, server: "_Server", *, deadline: float) -> Verdict:
        """Stops a server that does not answer: its next reply could be to this request."""
        try:
            return server.verdict(deadline)
        except Crashed:
            self._stop()
            raise

    def _running_server(self) -> "_Server":
        if self._server and self._server.owner != os.getpid():  # we were forked: the server is our parent's
            self._server.channel.close()
            self._server = None
        if self._server and self._server.process.poll() is not None:
            self._stop()
        if self._server is None:
            self._server = _Server(self._limits)
        return self._server

    def _stop(self) -> None:
        if self._server and self._server.owner == os.getpid():
            self._server.stop()
        self._server = None


class _Server:
    def __init__(self, limits: Limits) -> None:
        self.owner = os.getpid()
        self.channel, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-sP", "-m", "service.quarantine", limits.format()],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=_environment(),
            )
        self.channel.settimeout(_START)
        try:
            ready = self.channel.recv(1)
        except TimeoutError:  # it hangs, or the machine does
            ready = b""
        if not ready:
            self.stop()
            raise Crashed(f"The quarantine's server did not start (exit {self.process.returncode}); see stderr.")

    def send(self, source: int, writing: int) -> Self:
        socket.send_fds(self.channel, [b"?"], [source, writing])
        return self

    def verdict(self, deadline: float) -> Verdict:
        self.channel.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            said = self.channel.recv(VERDICT_BYTES, socket.MSG_WAITALL)
        except (TimeoutError, ConnectionResetError):  # it hangs, or died while we asked
            said = b""
        if len(said) != VERDICT_BYTES:
            raise Crashed("The quarantine's server ended while it examined a file.")
        return Verdict.parse(said)

    def stop(self) -> None:
        self.channel.close()
        self.process.kill()  # its child dies with it
        self.process.wait()


def _environment() -> dict[str, str]:
    """Where to import from, and one thread, since a process with several cannot fork safely."""
    return {
        "PYTHONPATH": os.pathsep.join(str(Path(path).absolute()) for path in sys.path),
        "OPENBLAS_NUM_THREADS": "1",
    }


def _read(pipe: int, *, deadline: float) -> bytes:
    """All that is written until the other end closes, the deadline passes or no answer is so long."""
    answer = b""
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    while len(answer) <= LINE_BYTES:
        left = deadline - time.monotonic()
        if left <= 0 or not waiting.poll(left * 1000):
            break
        piece = os.read(pipe, 2**16)
        if not piece:
            break
        answer += piece
    return answer


def _finding(answer: bytes, verdict: Verdict) -> Examined | Rejection:
    if verdict.stalled or verdict.code == -signal.SIGXCPU:
        return Rejection("image-too-complex")
    line = answer[:LINE_BYTES].rpartition(b"\n")[2]
    if verdict.code == 0:
        try:
            return parse_line(line)
        except Malformed as error:  # the child no longer does what we wrote
            raise Crashed(f"A child gave no sound answer: {error}") from error
    words = answer[-200:].decode("ascii", "backslashreplace").strip().rpartition("\n")[2]
    raise Crashed(f"A child ended with {verdict.code}: {words!r}")
