"""Looks at many picture files, in processes of their own: every core works, and a picture that brings its reader down
is one picture that could not be read. This side of the pipe does not even load NumPy.
"""

import json
import os
import queue
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Final, Self, TypeVar, cast

from consentkit.errors import ConsentkitError
from consentkit.looking import READY
from consentkit.pictures import Picture

AHEAD: Final = 512
"""Pictures looked at before the first of them is taken."""

P = TypeVar("P", bound=Picture)

# NumPy's own threads would fight over the cores that the lookers share.
_ONE_THREAD: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Look:
    """What a file shows: `views`, packed for asking. Without them `problem` says why; it is empty for no picture."""

    views: bytes | None
    problem: str = ""


class Lookers:
    """As many processes as there are cores, or `most`, each started when it is needed. Use it in a `with`."""

    def __init__(self, most: int | None = None) -> None:
        self._threads = ThreadPoolExecutor(most or _cores())  # each waits for one process at a time
        self._idle: queue.SimpleQueue[_Looker] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(cancel_futures=True)
        while not self._idle.empty():
            self._idle.get().end()

    def look(self, pictures: Iterable[P]) -> Iterator[tuple[P, Look]]:
        """In the order given, `AHEAD` of them in memory at most. Raises ConsentkitError."""
        ahead: deque[tuple[P, Future[Look]]] = deque()
        for picture in pictures:
            ahead.append((picture, self._threads.submit(self._look, picture)))
            if len(ahead) == AHEAD:
                first, looked = ahead.popleft()
                yield first, looked.result()
        for each, looked in ahead:
            yield each, looked.result()

    def _look(self, picture: Picture) -> Look:
        if picture.problem:
            return Look(None, picture.problem)
        try:
            looker = self._idle.get_nowait()
        except queue.Empty:  # all are busy, or this is the first
            looker = _Looker()
        look = looker.look(picture)
        if look is None:
            looker.end()
            return Look(None, "the process that read it broke down")
        self._idle.put(looker)
        return look


class _Looker:
    """One process, asked by one thread at a time."""

    def __init__(self) -> None:
        """Raises ConsentkitError: it cannot work here."""
        # Its modules come from where ours did, and never from the folder that somebody happens to stand in.
        environment = {**os.environ, **_ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "consentkit.looking"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        said = self._answer()
        if said != READY:
            self.end()
            raise ConsentkitError(said or "the process that looks at pictures did not start")

    def look(self, picture: Picture) -> Look | None:
        """None: it ended without an answer."""
        try:
            asked = cast("IO[bytes]", self._process.stdin)
            asked.write(json.dumps([str(picture.path), picture.extent]).encode() + b"\n")
            asked.flush()
        except BrokenPipeError:  # it ended after its last answer
            return None
        answer = self._answer()
        if answer is None:
            return None
        views, problem = answer["views"], answer["problem"]
        if views is None and not problem and picture.named:
            problem = "it is no picture that is read here"
        return Look(None if views is None else bytes.fromhex(views), problem)

    def end(self) -> None:
        """It ends once nothing more can come."""
        self._process.communicate()

    def _answer(self) -> Any:
        """None where it ended in the middle."""
        line = cast("IO[bytes]", self._process.stdout).readline()
        return json.loads(line) if line.endswith(b"\n") else None


def _cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
