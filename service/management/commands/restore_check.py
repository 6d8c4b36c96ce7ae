"""After a restore, and before the registry is started: does this database forget anything that was signed?"""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from registry.log.recovery import evidence

FORGETS = 3


class Command(BaseCommand):
    help = (
        "Hold this database against every place that CHECKPOINT_DIR names and against its own log. Reads only. Exits 0 "
        "when it holds all that was signed, and 3 when it does not or a place cannot be asked; then it says what to do."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--home", help="folder of the registry's data (default: var)")

    def handle(self, *_args: Any, **_options: Any) -> None:
        remedies = dict[str, None]()
        for piece in evidence(timezone.now()):
            if piece.remedy is None:
                self.stdout.write(f"ok     {piece.seen}")
            else:
                self.stdout.write(f"FAULT  {piece.seen}")
                remedies[piece.remedy] = None
        if remedies:
            self.stderr.write("\n".join(remedies))
            sys.exit(FORGETS)
        self.stdout.write(
            "All that was signed is here: start the registry. What was done in the last seconds before the loss, and "
            "was not signed yet, nobody can see here; a pipeline that knows more shows it with its next sync, and then "
            "the registry doubts itself."
        )
