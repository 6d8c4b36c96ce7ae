"""Fingerprints and views made again, beside a running server."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from consent.acts.forget_version import forget_version
from consentkit.fingerprints import views
from registry.acts.forget_fingerprints import forget_fingerprints
from registry.errors import Refusal
from registry.reads.images import count_registered
from service.quarantine import Quarantine
from service.refingerprinting import examine_all, protect_all


class Command(BaseCommand):
    help = (
        "Bring the registry to the fingerprints and views that this version makes: every protected image gets its "
        "views, every registered image without a fingerprint or small picture is examined again from its original. "
        "Both versions are searched until --forget removes the old one. Stopped, it goes on where it was. Exits 1 "
        "when an original is damaged or lost; all others are done."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--forget", type=int, metavar="VERSION", help="instead, remove the views of this version")
        parser.add_argument("--home", help="folder of the registry's data (default: var)")

    def handle(self, *_args: Any, forget: int | None, **_options: Any) -> None:
        if forget is not None:
            self._forget(forget)
            return
        with Quarantine() as quarantine:
            protected = self._followed("protected images", protect_all(quarantine), of=None)
            faulty = self._followed("registered images", examine_all(quarantine), of=count_registered())
        if protected or faulty:
            self.stderr.write(self.style.ERROR("Put these originals back from a backup, then run this again."))
            sys.exit(1)

    def _forget(self, version: int) -> None:
        try:
            removed = forget_version(version)
        except Refusal as refusal:  # its words say why
            raise CommandError(str(refusal)) from refusal
        forget_fingerprints(views.ALGORITHM, version=version)
        self.stdout.write(f"The views of version {version} of {removed} protected images were removed.")

    def _followed(self, what: str, done: Iterable[str | None], *, of: int | None) -> int:
        """The number of faults, each of them told; a bar on a terminal's stderr meanwhile."""
        count = faults = 0
        with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
            for fault in bar.track(done, description=what.capitalize(), total=of):
                count += 1
                if fault:
                    faults += 1
                    self.stderr.write(fault)
        self.stdout.write(f"{count - faults} of {count} {what} are up to date.")
        return faults
