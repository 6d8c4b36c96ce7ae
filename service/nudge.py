"""Nudging workers without waiting for them: the request has committed, and its answer depends on nobody.

A message to a hung broker takes seconds to fail (faults, M1d), so a thread of its own sends it. Whatever is lost on
the way, the sweep finds within seconds: the state of an image is the queue.
"""

import logging
import queue
import threading
from typing import Final
from uuid import UUID

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from service.tasks import fingerprint

WAITING: Final = 1_000
log = logging.getLogger(__name__)


class Nudger:
    """One thread a process, started by the first nudge, so that it survives a server that forks its workers."""

    def __init__(self) -> None:
        self._images: queue.SimpleQueue[UUID] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def nudge(self, image: UUID) -> None:
        """Say "look now" about one image; returns at once, always."""
        if self._images.qsize() >= WAITING:
            return
        self._images.put(image)
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._send, name="nudge", daemon=True)
                self._thread.start()

    def _send(self) -> None:
        while True:
            image = self._images.get()
            try:
                fingerprint.delay(str(image))
            except (OperationalError, RedisError, OSError) as error:  # no broker; the sweep finds the image
                log.warning("no worker was told of image %s: %s", image, error)


nudger: Final = Nudger()
