"""Collections beside a running server: which there are, and whose list everybody may read."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from registry.acts.make_public import make_public
from registry.errors import Refusal
from registry.reads.collections import collections


class Command(BaseCommand):
    help = (
        "List the collections, or make one public: then `publish --static` may write its list for everybody to read. "
        "Only before its first image, because people agree to what they were told; and there is no way back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="each collection, and whether it is public")
        public = verbs.add_parser("public", help="let everybody read its list")
        public.add_argument("--collection", type=UUID, help="where there is more than one")
        parser.add_argument("--home", help="folder of the registry's data (default: var)")

    def handle(self, *_args: Any, verb: str, **options: Any) -> None:
        if verb == "list":
            for each in collections():
                self.stdout.write(f"{each.id}  {'public' if each.public else 'by key'}  {each.name}")
            return
        try:
            done = make_public(options["collection"], at=timezone.now())
        except Refusal as refusal:  # its words say what to do
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"Public, by entry {done.index}." if done else "It is public already.")
