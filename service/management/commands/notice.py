"""Publish notices beside a running server."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from consent.acts.publish_notice import Text, publish_notice
from consentkit.scopes import AUDIENCES, PURPOSES
from registry.errors import Refusal
from registry.reads.collections import only_collection


class Command(BaseCommand):
    help = (
        "Publish a text as the collection's current notice. Grants given under earlier versions stand; new ones are "
        "given under this one. A published notice is never changed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        publish = verbs.add_parser("publish", help="publish the text of a file")
        publish.add_argument("file", type=Path, help="UTF-8 text")
        publish.add_argument("--language", default="en", help="BCP 47 (default: en)")
        publish.add_argument("--purpose", action="append", choices=PURPOSES, help="offered; default: all")
        publish.add_argument("--audience", action="append", choices=AUDIENCES, help="offered; default: all")
        publish.add_argument("--term-days", type=int, default=730, help="longest grant (default: 730)")
        publish.add_argument("--collection", type=UUID, help="where there is more than one")
        parser.add_argument("--home", help="folder of the registry's data (default: var)")

    def handle(self, *_args: Any, file: Path, collection: UUID | None, **options: Any) -> None:
        text = Text(
            language=options["language"],
            text=_read(file),
            purposes=tuple(options["purpose"] or PURPOSES),
            audiences=tuple(options["audience"] or AUDIENCES),
            term_days=options["term_days"],
        )
        try:
            notice, _ = publish_notice(only_collection(collection), text=text, at=timezone.now())
        except Refusal as refusal:  # its words say what to do
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"Notice {notice.id}, version {notice.version}, is current.")


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:  # not there, or not text
        raise CommandError(f"{file}: {error}") from error
