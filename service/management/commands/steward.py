"""Stewards and their tokens beside a running server."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from registry.acts.enrol_steward import enrol_steward
from registry.acts.remove_steward import remove_steward
from registry.acts.revoke_steward_token import revoke_steward_token
from registry.errors import Refusal
from registry.reads.secrets import steward_tokens_of, stewards
from service import tokens
from service.management.address import address
from service.management.held import line


class Command(BaseCommand):
    help = (
        "Let the account of an address work cases at /desk/, or no longer. Stewards sign in with a code by mail, or at "
        "/desk/sign-in with a token, which is the last word on stdout, once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="give the account of an address a steward's rights, and a token")
        add.add_argument("email", metavar="EMAIL", type=address)
        verbs.add_parser("list", help="each steward")
        remove = verbs.add_parser("remove", help="take the rights, the tokens and the sessions, at once")
        remove.add_argument("email", metavar="EMAIL", type=address)
        token = verbs.add_parser("token", help="a steward's tokens").add_subparsers(dest="what", required=True)
        for verb, does in (
            ("add", "issue another token; the others stay as they are"),
            ("list", "each token by its label, never by its value"),
            ("revoke", "end a token and the steward's sessions at once"),
        ):
            one = token.add_parser(verb, help=does)
            one.add_argument("email", metavar="EMAIL", type=address)
            if verb == "add":
                one.add_argument("--label", default="", help="how it is called in lists; default token-1, token-2, …")
            if verb == "revoke":
                one.add_argument("label", metavar="LABEL")
        parser.add_argument("--home", help="folder of the registry's data (default: var)")

    def handle(self, *_args: Any, verb: str, **options: Any) -> None:
        at, email = timezone.now(), options.get("email", "")
        try:
            match verb, options.get("what"):
                case ("add", _) | ("token", "add"):
                    self._add(email, options.get("label", ""))
                case "list", _:
                    said = [f"{each.email}  tokens in force: {each.tokens}" for each in stewards(at=at)]
                    self.stdout.write("\n".join(said) or "There is no steward.")
                case "remove", _:
                    remove_steward(email, at=at)
                    self.stdout.write("Removed: there is no desk for this account any more.")
                case _, "list":
                    said = [line(each, at=at) for each in steward_tokens_of(email, at=at)]
                    self.stdout.write("\n".join(said) or "There is no token.")
                case _:
                    revoke_steward_token(email, label=options["label"], at=at)
                    self.stdout.write("Revoked, and signed out everywhere.")
        except Refusal as refusal:  # its words say what to do
            raise CommandError(str(refusal)) from refusal

    def _add(self, email: str, label: str) -> None:
        secret = tokens.fresh(tokens.STEWARD)
        enrol_steward(email, secret=secret, at=timezone.now(), label=label)
        self.stdout.write(f"{email} can work cases at {settings.PUBLIC_URL}/desk/. Token, shown once: {secret}")
