"""Enrol stewards beside a running server."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from registry.acts.enrol_steward import enrol_steward
from service import tokens
from service.management.address import address


class Command(BaseCommand):
    help = (
        "Let the account of an address work cases at /desk/. They sign in with a code by mail, or at /desk/sign-in "
        "with the token, which is the last word on stdout, once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="give the account of an address a steward's rights")
        add.add_argument("email", metavar="EMAIL", type=address)
        parser.add_argument("--home", help="folder of the registry's data (default: var)")

    def handle(self, *_args: Any, email: str, **_options: Any) -> None:
        secret = tokens.fresh(tokens.STEWARD)
        enrol_steward(email, secret=secret, at=timezone.now())
        self.stdout.write(f"{email} can work cases at {settings.PUBLIC_URL}/desk/. Token, shown once: {secret}")
