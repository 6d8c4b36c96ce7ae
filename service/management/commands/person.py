"""People, their tokens and sessions beside a running server."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from registry.acts.end_sessions import end_sessions
from registry.acts.enrol_person import enrol_person
from registry.acts.issue_token import issue_token
from registry.acts.revoke_tokens import revoke_tokens
from registry.errors import NotFound, Refusal
from registry.reads.people import person_of_address
from registry.reads.secrets import sessions_of, tokens_of
from service import tokens
from service.management.address import address
from service.management.held import line


class Command(BaseCommand):
    help = (
        "Enrol people, and give them tokens for /api/v1/me/. A new token is the last word on stdout, once. People end "
        "tokens and sessions themselves at /access; here an operator does it for them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="enrol the person of an address, or find them, and issue a token")
        add.add_argument("email", metavar="EMAIL", type=address)
        token = verbs.add_parser("token", help="a person's tokens").add_subparsers(dest="what", required=True)
        for verb, does in (
            ("add", "issue another token; the others stay as they are"),
            ("list", "each token by its label, never by its value"),
            ("revoke", "end a token at once, or all of them"),
        ):
            one = token.add_parser(verb, help=does)
            one.add_argument("email", metavar="EMAIL", type=address)
            if verb == "add":
                one.add_argument("--label", default="", help="how it is called in lists; default token-1, token-2, …")
            if verb == "revoke":
                which = one.add_mutually_exclusive_group(required=True)
                which.add_argument("label", metavar="LABEL", nargs="?")
                which.add_argument("--all", action="store_true", dest="every")
        session = verbs.add_parser("session", help="where a person is signed in").add_subparsers(
            dest="what", required=True
        )
        for verb, does in (("list", "each session: browser and times"), ("end", "sign them out everywhere")):
            session.add_parser(verb, help=does).add_argument("email", metavar="EMAIL", type=address)
        parser.add_argument("--home", help="folder of the registry's data (default: var)")

    def handle(self, *_args: Any, verb: str, email: str, **options: Any) -> None:
        at = timezone.now()
        try:
            match verb, options.get("what"):
                case "add", _:
                    self._add(enrol_person(email, at=at).person, "", at)
                case "token", "add":
                    self._add(person_of_address(email), options["label"], at)
                case "token", "list":
                    said = [line(each, at=at) for each in tokens_of(person_of_address(email), at=at)]
                    self.stdout.write("\n".join(said) or "There is no token.")
                case "token", _:
                    self._revoke(person_of_address(email), options["label"], at)
                case _, "list":
                    said = [
                        f"{each.browser or 'unknown browser'}  since {each.begun_at:%Y-%m-%d %H:%M}  "
                        f"used {each.used_at:%Y-%m-%d %H:%M}"
                        for each in sessions_of(person_of_address(email), at=at)
                    ]
                    self.stdout.write("\n".join(said) or "Signed in nowhere.")
                case _:
                    done = end_sessions(person_of_address(email), sessions="all", at=at)
                    self.stdout.write("Signed out everywhere." if done else "Signed in nowhere.")
        except Refusal as refusal:  # its words say what to do
            raise CommandError(str(refusal)) from refusal

    def _add(self, person: UUID, label: str, at: datetime) -> None:
        secret = tokens.fresh(tokens.PERSON)
        made = issue_token(person, secret=secret, at=at, label=label)
        self.stdout.write(f"Person {person}. Token {made.label} until {made.expires_at:%Y-%m-%d}, shown once: {secret}")

    def _revoke(self, person: UUID, label: str | None, at: datetime) -> None:
        """`label` None: all of them."""
        theirs = [each.id for each in tokens_of(person, at=at) if each.label == label and each.ended != "revoked"]
        if label is not None and not theirs:
            raise NotFound(f"There is no token {label[:80]!r}. `manage.py person token list` shows them.")
        done = revoke_tokens(person, tokens="all" if label is None else theirs, at=at)
        self.stdout.write("Revoked: it opens nothing any more." if done else "There was none to revoke.")
