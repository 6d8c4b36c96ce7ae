"""Nudging workers without waiting for them: the request has committed, and its answer depends on nobody.

A message to a hung broker takes seconds to fail (faults, M1d), so a thread of its own sends it. Whatever is lost on
the way, the sweep finds within seconds: the state of what waits is the queue.
"""

import logging
import queue
import threading
from typing import Final
from uuid import UUID

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from service.celery import app

WAITING: Final = 1_000
log = logging.getLogger(__name__)

Message = tuple[str, tuple[str, ...]]  # a task of service.tasks, and what it is told


class Nudger:
    """One thread a process, started by the first nudge, so that it survives a server that forks its workers.

    Each method says "look now" and returns at once, always.
    """

    def __init__(self) -> None:
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def nudge(self, image: UUID) -> None:
        """About one image that was brought: fingerprint it."""
        self._put("fingerprint", str(image))

    def protect(self) -> None:
        """About every image that has become protected: make its views, and tell whoever attested that they used it."""
        self._put("protect")
        self.look_over()

    def look_over(self) -> None:
        """About every manifest that was not compared with the newest acts."""
        self._put("look_over")

    def look_back(self) -> None:
        """About every image whose views were made: look for copies that came before."""
        self._put("look_back")

    def deliver(self) -> None:
        """About every notification that some webhook has not heard of."""
        self._put("deliver")

    def search(self, case: UUID) -> None:
        """About one request that came with a picture: look for copies of that."""
        self._put("search_request", str(case))

    def _put(self, task: str, *told: str) -> None:
        if self._messages.qsize() >= WAITING:
            return
        self._messages.put((task, told))
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._send, name="nudge", daemon=True)
                self._thread.start()

    def _send(self) -> None:
        while True:
            task, told = self._messages.get()
            try:
                app.send_task(f"service.tasks.{task}", told)
            except (OperationalError, RedisError, OSError) as error:  # no broker; the sweep finds what waits
                log.warning("no worker was told to %s %s: %s", task, " ".join(told), error)


nudger: Final = Nudger()
