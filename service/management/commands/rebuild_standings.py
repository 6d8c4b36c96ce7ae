"""Standings made anew from the log."""

from typing import Any

from django.core.management.base import BaseCommand

from consent.exclusions.rebuild import rebuild


class Command(BaseCommand):
    help = "Replace every standing and total by the fold of the log. Acts wait meanwhile; asking goes on."

    def handle(self, *_args: Any, **_options: Any) -> None:
        self.stdout.write(f"{rebuild()} standings were rebuilt.")
