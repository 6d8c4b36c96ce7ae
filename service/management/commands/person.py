"""Enrol people beside a running server."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from registry.acts.enrol_person import enrol_person
from registry.acts.issue_token import issue_token
from service import tokens
from service.management.address import address


class Command(BaseCommand):
    help = "Enrol a person, and give them a token for /api/v1/me/. The token is the last word on stdout, once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="enrol the person of an address, or find them, and issue a token")
        add.add_argument("email", metavar="EMAIL", type=address)
        parser.add_argument("--home", help="folder of the registry's data (default: var)")

    def handle(self, *_args: Any, email: str, **_options: Any) -> None:
        at = timezone.now()
        enrolled = enrol_person(email, at=at)
        secret = tokens.fresh(tokens.PERSON)
        ends = issue_token(enrolled.person, secret=secret, at=at)
        self.stdout.write(f"Person {enrolled.person}. Token until {ends:%Y-%m-%d}, shown once: {secret}")
