"""Webhooks beside a running server: where pipelines are told that a notification waits."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from consent.acts.enrol_webhook import enrol_webhook
from consent.acts.stop_webhook import resume_webhook, stop_webhook
from consent.reads.webhooks import Endpoint, webhooks
from registry.errors import Refusal
from service.hooks.egress import reach
from service.hooks.letter import public_key, secret
from service.nudge import nudger

STOPPED = {
    "operator": "stopped",
    "gone": "stopped: it answered 410, that it is gone",
    "silent": "stopped: it did not answer for three days",
}


class Command(BaseCommand):
    help = (
        "Tell pipelines by webhook (Standard Webhooks) that a notification waits. `add` prints the public key that "
        "verifies v1a, and last on stdout, once, the secret that verifies v1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        add = verbs.add_parser("add", help="enrol an endpoint and print its secret")
        add.add_argument("pipeline", metavar="PIPELINE", help="its name or number")
        add.add_argument("url", metavar="URL", help="https://…")
        verbs.add_parser("list", help="each endpoint, when it last heard, and what is wrong with it")
        for verb, does in (("disable", "send nothing more"), ("enable", "go on where it stopped, at once")):
            verbs.add_parser(verb, help=does).add_argument("webhook", metavar="WEBHOOK", type=UUID, help="its number")
        parser.add_argument("--home", help="folder of the registry's data (default: var)")

    def handle(self, *_args: Any, verb: str, **options: Any) -> None:
        try:
            match verb:
                case "add":
                    self._add(options["pipeline"], options["url"])
                case "disable":
                    stop_webhook(options["webhook"], at=timezone.now())
                case "enable":
                    resume_webhook(options["webhook"], at=timezone.now())
                case _:
                    self.stdout.write("\n".join(map(_line, webhooks())) or "There is no webhook.")
        except Refusal as refusal:  # its words say what to do
            raise CommandError(str(refusal)) from refusal
        nudger.deliver()

    def _add(self, pipeline: str, url: str) -> None:
        number, _ = enrol_webhook(pipeline, url=url, reach=reach(), at=timezone.now())
        self.stdout.write(f"Webhook {number}. Public key: {public_key(number)} Secret, shown once: {secret(number)}")


def _line(found: Endpoint) -> str:
    said = STOPPED.get(found.stopped) or (found.fault and f"attempt {found.attempts} failed: {found.fault}") or "in use"
    heard = found.heard_at.isoformat(timespec="seconds") if found.heard_at else "never"
    return f"{found.id}  {found.name}  {found.url}  heard: {heard}  waiting: {found.waiting}  {said}"
