"""The whole registry in the foreground."""

import json
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from service.embedded.errors import StackError
from service.stack import Running, demonstration, running


class Command(BaseCommand):
    help = (
        "Run the whole registry until Ctrl-C: PostgreSQL and the broker (or those named by DATABASE_URL and "
        "REDIS_URL), the web server, a worker, its clock and the publisher. All data is kept under --home."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="on 127.0.0.1 (default: 8000)")
        parser.add_argument("--home", help="folder of the registry's data (default: var)")
        parser.add_argument("--bare", action="store_true", help="one collection and one notice, no demonstration")
        parser.add_argument("--json", action="store_true", help='one line when ready: {"url", "log_key"}')

    def handle(self, *_args: Any, port: int, bare: bool, **options: Any) -> None:
        home = Path(os.environ["REGISTRY_HOME"])
        for variable in ("DATABASE_URL", "REDIS_URL"):
            if "//nowhere/" in os.environ[variable]:  # what home.py put there, so that settings could load
                del os.environ[variable]
        try:
            with running(home, port=port, bare=bare) as registry:
                self._say(registry, bare=bare, as_json=options["json"])
                registry.supervisor.watch()
        except StackError as error:  # its message says what to do
            sys.exit(str(error))

    def _say(self, registry: Running, *, bare: bool, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"url": registry.url, "log_key": registry.log_key}))
        else:
            self.stdout.write(welcome(registry, bare=bare))
        self.stdout.flush()


def welcome(registry: Running, *, bare: bool) -> str:
    """What a person at the terminal needs to begin."""
    lines = [
        f"The registry is ready at {registry.url}",
        f"  for contributors   {registry.url}/",
        f"  for stewards       {registry.url}/desk/",
        f"  for engineers      {registry.url}/api/v1/docs",
        f"  the log's key      {registry.log_key}",
        f"  mail is written to {registry.home / 'mail'}",
    ]
    if not bare:
        shown = demonstration(registry.home)
        lines += [
            "Demonstration accounts (they sign in with a code, which the mail folder receives)",
            f"  contributor        {shown['contributor']}, token {shown['contributor_token']}",
            f"  steward            {shown['steward']}, token {shown['steward_token']}",
            f"  API key            {shown['pipeline_key']}",
        ]
    return "\n".join([*lines, "Ctrl-C stops it."])
