"""A publisher that is killed at one point of its turn, in a process of its own (SIGKILL: nothing is tidied up).

Run by a fork server, which has imported Django once and has neither threads nor connections.
"""

import os
import signal
from collections.abc import Callable
from datetime import datetime
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402 - needs the line above

from registry.log import outside, publisher  # noqa: E402
from registry.log.places import Folder  # noqa: E402

BEFORE, AFTER = "before", "after"


def turn(database: str, checkpoints: str, at: datetime, place: str, when: str) -> None:
    """One turn on this database that dies before or after the function at `place`: `outside.replace`, say."""
    settings.DATABASES["default"]["NAME"] = database
    settings.CHECKPOINT_DIR = checkpoints
    owner, name = place.rsplit(".", 1)
    module = {"publisher": publisher, "outside": outside, "os": os, "Folder": Folder}[owner]
    setattr(module, name, deadly(getattr(module, name), when))
    publisher.turn(at)


def deadly(step: Callable[..., Any], when: str) -> Callable[..., Any]:
    def die(*given: Any, **named: Any) -> Any:
        if when == AFTER:
            step(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    return die
