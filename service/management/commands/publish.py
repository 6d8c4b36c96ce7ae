"""The publisher: a process of its own, looping under an advisory lock."""

import signal
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from django.utils import timezone

from consentkit.errors import ConsentkitError
from registry.log import publisher

PAUSE = 0.25  # seconds between two looks; a checkpoint follows an act within two seconds
STOPPED = 3


class Command(BaseCommand):
    help = (
        "Build tiles and sign a checkpoint whenever the log has grown, until stopped. Only one runs at a time; a "
        "second waits. Exits 3, and signs nothing, when the database does not extend the checkpoint kept outside it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once", action="store_true", help="one turn, then exit; refused beside a publisher that runs"
        )

    def handle(self, *_args: Any, once: bool, **_options: Any) -> None:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        while not publisher.hold_lock():
            if once:
                raise CommandError("Another publisher is running, and signs whatever there is. Nothing was done.")
            time.sleep(1)
        while True:
            try:
                published = publisher.turn(timezone.now())
            except ConsentkitError as error:  # law 7: it does not extend what was signed, or the file is not ours
                self.stderr.write(f"Nothing is signed: {error}")
                sys.exit(STOPPED)
            except OperationalError as error:  # the database went away; the supervisor starts us again
                self.stderr.write(f"The database does not answer: {error}")
                sys.exit(1)
            if published is not None:
                self.stdout.write(f"checkpoint {published.size}")
            if once:
                return
            time.sleep(PAUSE)
