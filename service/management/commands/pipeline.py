"""Enrol pipelines beside a running server."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from consent.acts.enrol_pipeline import Access, enrol_pipeline
from consentkit.scopes import AUDIENCES, PURPOSES
from registry.errors import Refusal
from service import tokens


class Command(BaseCommand):
    help = "Enrol a pipeline and give it a key for /api/v1/. The key is the last word on stdout, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="enrol a pipeline and issue its key")
        add.add_argument("name", metavar="NAME")
        add.add_argument("--purpose", action="append", required=True, choices=PURPOSES, help="may be given again")
        add.add_argument("--audience", default="research", choices=AUDIENCES)
        add.add_argument("--collection", type=UUID, help="where there is more than one")
        parser.add_argument("--home", help="folder of the registry's data (default: var)")

    def handle(
        self,
        *_args: Any,
        name: str,
        purpose: list[str],
        audience: str,
        collection: UUID | None,
        **_options: Any,
    ) -> None:
        secret = tokens.fresh(tokens.PIPELINE)
        access = Access(name, tuple(purpose), audience, collection)
        try:
            pipeline, _ = enrol_pipeline(access, secret=secret, at=timezone.now())
        except Refusal as refusal:  # its words say what to do
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"Pipeline {pipeline}. Key, shown once: {secret}")
