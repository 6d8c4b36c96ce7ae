"""Recompute everything and compare."""

import sys
from argparse import ArgumentParser
from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand

from consent.reads.replay import differences
from registry.reads.log import faults

SHOWN = 100


class Command(BaseCommand):
    help = (
        "Recompute the log's tree, tiles, checkpoints, commitments and openings, then the standings, totals and states "
        "that follow from them and the roots of disclosures, and compare each with what is stored. Reads only. Exits 1 "
        "when anything differs."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--home", help="folder of the registry's data (default: var)")

    def handle(self, *_args: Any, **_options: Any) -> None:
        found = [*islice(faults(), SHOWN), *islice(differences(), SHOWN)]
        for fault in found:
            self.stderr.write(fault)
        if found:
            self.stderr.write(self.style.ERROR(f"{len(found)} faults. Nothing was changed."))
            sys.exit(1)
        self.stdout.write("The log, the standings, the states and the disclosures are equal.")
