"""Bring a database to the point where the registry can open."""

import json
import os
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from consentkit.errors import ConsentkitError
from registry.log import publisher
from service.bootstrap import Controller, demonstrate, furnish


class Command(BaseCommand):
    help = (
        "Migrate the database, sign the empty log, and see that there is one collection with one notice. Safe to run "
        "again; what is there already is left as it is. With --demonstration also a contributor, a steward and a "
        "pipeline, whose secrets are kept in HOME/demonstration.json."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--demonstration", action="store_true")
        parser.add_argument("--collection", default=Controller.collection, help="the first collection's name")
        parser.add_argument("--controller", default=Controller.name, help="who answers for it")
        parser.add_argument("--contact", default=Controller.contact, help="the controller's address for questions")
        parser.add_argument("--home", help="folder of the registry's data (default: var)")

    def handle(self, *_args: Any, demonstration: bool, **options: Any) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        if publisher.latest() is None and publisher.hold_lock():
            self._sign_size_0()
        furnish(Controller(options["collection"], options["controller"], options["contact"]), at=timezone.now())
        if demonstration:
            self._demonstrate(Path(settings.IMAGE_DIR).parent / "demonstration.json")

    def _sign_size_0(self) -> None:
        """Law 9: before the server says that it is ready."""
        try:
            publisher.turn(timezone.now())
        except (ConsentkitError, OSError) as error:  # an old checkpoint lies beside an empty database; a place fails
            raise CommandError(f"Nothing is signed: {error}") from error

    def _demonstrate(self, kept: Path) -> None:
        if kept.exists():
            return
        shown = demonstrate(at=timezone.now())
        with os.fdopen(os.open(kept, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
            json.dump(asdict(shown), out, indent=1)
