"""Webhooks beside a running server: where pipelines are told that a notification waits."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from consent.acts.enrol_webhook import enrol_webhook
from consent.acts.issue_webhook_secret import issue_webhook_secret
from consent.acts.revoke_webhook_secret import revoke_webhook_secret
from consent.acts.stop_webhook import resume_webhook, stop_webhook
from consent.reads.webhooks import Endpoint, secrets_of, webhooks
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
        secret = verbs.add_parser("secret", help="what deliveries are signed with").add_subparsers(
            dest="what", required=True
        )
        for verb, does in (
            ("add", "make another secret and print it; until the overlap is over, the former ones sign too"),
            ("list", "each secret by its label, never by its value"),
            ("revoke", "sign with a secret no longer, at once"),
        ):
            one = secret.add_parser(verb, help=does)
            one.add_argument("webhook", metavar="WEBHOOK", type=UUID, help="its number")
            if verb == "add":
                one.add_argument("--label", default="", help="how it is called in lists; default secret-2, …")
                one.add_argument("--overlap", type=int, default=7, choices=range(31), metavar="DAYS", help="default 7")
            if verb == "revoke":
                one.add_argument("label", metavar="LABEL")
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
                case "secret":
                    self._secret(options["what"], options)
                case _:
                    self.stdout.write("\n".join(map(_line, webhooks())) or "There is no webhook.")
        except Refusal as refusal:  # its words say what to do
            raise CommandError(str(refusal)) from refusal
        nudger.deliver()

    def _add(self, pipeline: str, url: str) -> None:
        made, _ = enrol_webhook(pipeline, url=url, reach=reach(), at=timezone.now())
        self.stdout.write(f"Webhook {made.webhook}. {_shown(made.secret)}")

    def _secret(self, verb: str, options: dict[str, Any]) -> None:
        webhook, at = options["webhook"], timezone.now()
        match verb:
            case "add":
                overlap = timedelta(days=options["overlap"])
                made = issue_webhook_secret(webhook, at=at, label=options["label"], overlap=overlap)
                until = f"The former ones sign until {made.others_end_at:%Y-%m-%d %H:%M}."
                self.stdout.write(f"Secret {made.label}. {until} {_shown(made.secret)}")
            case "list":
                said = [
                    f"{each.label}  issued {each.issued_at:%Y-%m-%d}  "
                    + (each.ended or (f"signs until {each.ends_at:%Y-%m-%d %H:%M}" if each.ends_at else "signs"))
                    for each in secrets_of(webhook, at=at)
                ]
                self.stdout.write("\n".join(said) or "There is no such webhook.")
            case _:
                revoke_webhook_secret(webhook, label=options["label"], at=at)
                self.stdout.write("Revoked: nothing is signed with it any more.")


def _shown(number: UUID) -> str:
    return f"Public key: {public_key(number)} Secret, shown once: {secret(number)}"


def _line(found: Endpoint) -> str:
    said = STOPPED.get(found.stopped) or (found.fault and f"attempt {found.attempts} failed: {found.fault}") or "in use"
    heard = found.heard_at.isoformat(timespec="seconds") if found.heard_at else "never"
    return f"{found.id}  {found.name}  {found.url}  heard: {heard}  waiting: {found.waiting}  {said}"
