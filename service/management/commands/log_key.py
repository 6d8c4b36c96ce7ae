"""Make a key for the log."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from consentkit.notes import Signer


class Command(BaseCommand):
    help = (
        "Make a fresh Ed25519 key for a log. NAME is the log's origin: the address of /log without its scheme, such as "
        "registry.example.org/log. Prints LOG_SIGNING_KEY (keep it secret) and the public key that clients verify with."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", metavar="NAME")

    def handle(self, *_args: Any, name: str, **_options: Any) -> None:
        signer = Signer.generate(name)
        self.stdout.write(f"LOG_SIGNING_KEY={signer.encode()}")
        self.stdout.write(f"CONSENTKIT_LOG_KEY={signer.verifier}")
