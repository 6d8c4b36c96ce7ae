"""The publisher: a process of its own, looping under an advisory lock. And its sibling, which writes plain files."""

import signal
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from django.utils import timezone

from consent.reads.feed import Feed
from consentkit.errors import ConsentkitError
from consentkit.scopes import AUDIENCES, PURPOSES
from registry.errors import Refusal
from registry.log import publisher
from registry.log.readiness import LogInDoubt
from registry.reads.collections import public_collection
from service.mirror.feed import Mirror
from service.mirror.folder import Folder, NotOurFolder

PAUSE = 0.25  # seconds between two looks; a checkpoint follows an act within two seconds
MIRRORING = 5.0  # seconds between two looks of --static
STOPPED = 3


class Command(BaseCommand):
    help = (
        "Build tiles and sign a checkpoint whenever the log has grown, until stopped. Only one runs at a time; a "
        "second waits. Exits 3, and signs nothing, when the database does not extend each checkpoint kept outside "
        "it, when one of these places fails, or when the clock went back. "
        "With --static DIR, beside a publisher that runs: keep DIR in step with a public collection, as files for any "
        "host that serves a folder; `consentkit filter --feed URL` reads them without a key."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once", action="store_true", help="one turn, then exit; refused beside a publisher that runs"
        )
        parser.add_argument("--static", metavar="DIR", type=Path, help="write log, snapshot and changes to DIR instead")
        parser.add_argument("--collection", type=UUID, help="with --static, where there is more than one")
        parser.add_argument("--audience", choices=AUDIENCES, help="with --static: whose feed it is (default: research)")
        parser.add_argument("--home", help="folder of the registry's data (default: var)")

    def handle(self, *_args: Any, once: bool, static: Path | None, **options: Any) -> None:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        if static is not None:
            self._mirror(static, options["collection"], options["audience"] or AUDIENCES[0], once=once)
        elif options["collection"] or options["audience"]:
            raise CommandError("--collection and --audience are for --static DIR: checkpoints are signed for all.")
        else:
            self._publish(once=once)

    def _publish(self, *, once: bool) -> None:
        while not publisher.hold_lock():
            if once:
                raise CommandError("Another publisher is running, and signs whatever there is. Nothing was done.")
            time.sleep(1)
        while True:
            try:
                published = publisher.turn(timezone.now())
            except (ConsentkitError, OSError) as error:  # law 7: not what was signed, or a place outside fails
                self.stderr.write(f"Nothing is signed: {error}")
                sys.exit(STOPPED)
            except OperationalError as error:  # the database went away; the supervisor starts us again
                self.stderr.write(f"The database does not answer: {error}")
                sys.exit(1)
            if published is not None:
                self._say(f"checkpoint {published.size}")
            if once:
                return
            time.sleep(PAUSE)

    def _mirror(self, path: Path, named: UUID | None, audience: str, *, once: bool) -> None:
        folder = Folder(path)
        try:
            feed = Feed(public_collection(named), PURPOSES, audience)
            with folder.locked():
                mirror = Mirror(folder, feed, clock=timezone.now)
                while True:
                    self._turn(mirror, once=once)
                    if once:
                        return
                    time.sleep(MIRRORING)
        except (Refusal, NotOurFolder) as refused:  # its words say what to do
            raise CommandError(str(refused)) from refused
        except OperationalError as error:  # the database went away; whoever started us starts us again
            raise CommandError(f"The database does not answer: {error}") from error
        except OSError as error:  # a full disk, a folder that cannot be written
            raise CommandError(f"{path} cannot be written: {error}") from error

    def _turn(self, mirror: Mirror, *, once: bool) -> None:
        try:
            size = mirror.turn()
        except LogInDoubt as doubt:  # law 11: what was written ends with its lease, and the next turn may do
            if once:
                raise
            self.stderr.write(f"Nothing is written: {doubt}")
            return
        if size is not None:
            self._say(f"written at size {size}")

    def _say(self, words: str) -> None:
        """At once, also into a pipe: this process may run for months."""
        self.stdout.write(words)
        self.stdout.flush()
