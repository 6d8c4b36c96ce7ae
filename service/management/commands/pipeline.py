"""Pipelines and their keys beside a running server."""

from argparse import ArgumentParser
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from consent.acts.disable_pipeline import disable_pipeline, enable_pipeline
from consent.acts.enrol_pipeline import Access, enrol_pipeline
from consent.acts.issue_key import issue_key
from consent.acts.revoke_key import revoke_key
from consent.reads.pipelines import Enrolled, keys_of, pipelines
from consentkit.scopes import AUDIENCES, PURPOSES
from registry.errors import Refusal
from service import tokens
from service.management.held import line, state


class Command(BaseCommand):
    help = (
        "Enrol pipelines and give them keys for /api/v1/. A new key is the last word on stdout, once. To replace a "
        "key: `key add`, then `key revoke` once the new one is in use. What a pipeline is told belongs to it, "
        "whichever key it sends."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="enrol a pipeline and issue its first key")
        add.add_argument("name", metavar="NAME")
        add.add_argument("--purpose", action="append", required=True, choices=PURPOSES, help="may be given again")
        add.add_argument("--audience", default="research", choices=AUDIENCES)
        add.add_argument("--collection", type=UUID, help="where there is more than one")
        verbs.add_parser("list", help="each pipeline, what it may ask, and when its last key ends")
        for verb, does in (("disable", "answer none of its keys"), ("enable", "answer its keys again")):
            verbs.add_parser(verb, help=does).add_argument("pipeline", metavar="PIPELINE", help="its name or number")
        key = verbs.add_parser("key", help="the keys of a pipeline").add_subparsers(dest="key_verb", required=True)
        for verb, does in (
            ("add", "issue another key; the others stay as they are"),
            ("list", "each key by its label, never by its value"),
            ("revoke", "end a key at once"),
        ):
            one = key.add_parser(verb, help=does)
            one.add_argument("pipeline", metavar="PIPELINE", help="its name or number")
            if verb == "add":
                one.add_argument("--label", default="", help="how it is called in lists; default key-2, key-3, …")
            if verb == "revoke":
                one.add_argument("label", metavar="LABEL")
        parser.add_argument("--home", help="folder of the registry's data (default: var)")

    def handle(self, *_args: Any, verb: str, **options: Any) -> None:
        at = timezone.now()
        try:
            match verb, options.get("key_verb"):
                case "add", _:
                    self._add(options, at)
                case "list", _:
                    self.stdout.write("\n".join(_line(each, at) for each in pipelines(at=at)) or "There is none.")
                case "disable", _:
                    done = disable_pipeline(options["pipeline"], at=at)
                    self.stdout.write("Disabled." if done else "It was disabled before.")
                case "enable", _:
                    done = enable_pipeline(options["pipeline"], at=at)
                    self.stdout.write("Enabled." if done else "It is not disabled.")
                case _, "add":
                    self._add_key(options["pipeline"], options["label"], at)
                case _, "list":
                    self.stdout.write("\n".join(line(each, at=at) for each in keys_of(options["pipeline"], at=at)))
                case _:
                    revoke_key(options["pipeline"], label=options["label"], at=at)
                    self.stdout.write("Revoked: it opens nothing any more.")
        except Refusal as refusal:  # its words say what to do
            raise CommandError(str(refusal)) from refusal

    def _add(self, options: dict[str, Any], at: datetime) -> None:
        secret = tokens.fresh(tokens.PIPELINE)
        access = Access(options["name"], tuple(options["purpose"]), options["audience"], options["collection"])
        pipeline, _ = enrol_pipeline(access, secret=secret, at=at)
        self.stdout.write(f"Pipeline {pipeline}. Key, shown once: {secret}")

    def _add_key(self, pipeline: str, label: str, at: datetime) -> None:
        secret = tokens.fresh(tokens.PIPELINE)
        made = issue_key(pipeline, secret=secret, at=at, label=label)
        self.stdout.write(
            f"Key {made.label} of pipeline {made.pipeline}, until {made.expires_at:%Y-%m-%d}. Shown once: {secret}"
        )


def _line(of: Enrolled, at: datetime) -> str:
    ended = "disabled" if of.disabled else "" if of.keys else "no key in force: `pipeline key add` issues one"
    return f"{of.id}  {of.name}  {','.join(of.purposes)}  {of.audience}  {state(of.ends_at, ended, at=at)}"
