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
from registry.acts.join_accounts import join_accounts
from registry.acts.move_account import move_account
from registry.acts.revoke_tokens import revoke_tokens
from registry.errors import NotFound, Refusal
from registry.reads.people import persons_of_address
from registry.reads.secrets import sessions_of, tokens_of
from service import tokens
from service.management.address import address
from service.management.held import line


class Command(BaseCommand):
    help = (
        "Enrol people, give them tokens for /api/v1/me/ (a new one is the last word on stdout, once), move an account "
        "to another address, or join two accounts of one person. People end tokens and sessions themselves at /access; "
        "here an operator does it for them. Make sure first that it is the same person."
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
        move = verbs.add_parser("move", help="let the person of an address sign in with another one from now on")
        move.add_argument("email", metavar="OLD", type=address)
        move.add_argument("new", metavar="NEW", type=address)
        join = verbs.add_parser("join", help="make one account of two: pictures of both at the first address")
        join.add_argument("email", metavar="KEPT", type=address)
        join.add_argument("other", metavar="OTHER", type=address)
        parser.add_argument("--home", help="folder of the registry's data (default: var)")

    def handle(self, *_args: Any, verb: str, email: str, **options: Any) -> None:
        at = timezone.now()
        try:
            match verb, options.get("what"):
                case "add", _:
                    self._add(enrol_person(email, at=at).person, "", at)
                case "move", _:
                    move_account(email, options["new"], at=at)
                    self.stdout.write("Moved. Codes go to the new address; sessions have ended, tokens have not.")
                case "join", _:
                    join_accounts(email, options["other"], at=at)
                    self.stdout.write("Joined. Who signs in with the first address has the pictures of both.")
                case "token", verb_:
                    self._token(verb_, persons_of_address(email), options.get("label"), at)
                case _, verb_:
                    self._session(verb_, persons_of_address(email), at)
        except Refusal as refusal:  # its words say what to do
            raise CommandError(str(refusal)) from refusal

    def _token(self, verb: str | None, persons: list[UUID], label: str | None, at: datetime) -> None:
        if verb == "add":
            self._add(persons[0], label or "", at)
        elif verb == "list":
            lines = [line(each, at=at) for person in persons for each in tokens_of(person, at=at)]
            self.stdout.write("\n".join(lines) or "There is no token.")
        else:
            self._revoke(persons, label, at)

    def _session(self, verb: str | None, persons: list[UUID], at: datetime) -> None:
        """Sessions are an account's, so its first person stands for all."""
        if verb == "end":
            done = end_sessions(persons[0], sessions="all", at=at)
            self.stdout.write("Signed out everywhere." if done else "Signed in nowhere.")
            return
        lines = [
            f"{each.browser or 'unknown browser'}  since {each.begun_at:%Y-%m-%d %H:%M}  "
            f"used {each.used_at:%Y-%m-%d %H:%M}"
            for each in sessions_of(persons[0], at=at)
        ]
        self.stdout.write("\n".join(lines) or "Signed in nowhere.")

    def _add(self, person: UUID, label: str, at: datetime) -> None:
        secret = tokens.fresh(tokens.PERSON)
        made = issue_token(person, secret=secret, at=at, label=label)
        self.stdout.write(f"Person {person}. Token {made.label} until {made.expires_at:%Y-%m-%d}, shown once: {secret}")

    def _revoke(self, persons: list[UUID], label: str | None, at: datetime) -> None:
        """`label` None: all of them."""
        held = {
            person: [
                each.id for each in tokens_of(person, at=at) if label in (None, each.label) and each.ended != "revoked"
            ]
            for person in persons
        }
        if label is not None and not any(held.values()):
            raise NotFound(f"There is no token {label[:80]!r}. `manage.py person token list` shows them.")
        done = [revoke_tokens(person, tokens=theirs, at=at) for person, theirs in held.items() if theirs]
        self.stdout.write("Revoked: it opens nothing any more." if any(done) else "There was none to revoke.")
