"""Registries to measure on, each in a folder that is removed afterwards. Durable: fsync is on.

Once a process: Django reads its settings once.
"""

import logging
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service import stack
from service.embedded.stack import Addresses, addresses_of, servers
from service.home import fill
from service.stack import Running


@contextmanager
def measured() -> Iterator[None]:
    """Servers, furnished and published, without a web server. Django is ready inside."""
    with _home() as home, servers(home) as own:
        fill(home, os.environ)
        _enter(own.addresses)
        from django.core.management import call_command

        call_command("bootstrap", verbosity=0)
        yield


@contextmanager
def running() -> Iterator[Running]:
    """The whole stack over HTTP, publisher included. Django is ready inside, on the same database."""
    with _home() as home:
        fill(home, os.environ)
        with stack.running(home, port=_free_port(), bare=True) as registry:
            found = addresses_of(registry.home)
            if found is None:
                raise RuntimeError("the servers just started are not there")
            _enter(found)
            yield registry


@contextmanager
def _home() -> Iterator[Path]:
    """An empty one, with the checkpoint's folder beside it: the person's own state is left alone."""
    with tempfile.TemporaryDirectory(prefix="registry-bench-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        os.environ["CHECKPOINT_DIR"] = str(Path(folder) / "checkpoint")
        yield home


def _enter(own: Addresses) -> None:
    os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = own.database_url, own.redis_url
    os.environ["DJANGO_SETTINGS_MODULE"] = "service.settings"
    import django

    django.setup()
    logging.disable(logging.INFO)  # each request of the client's, which would be in the way of the table


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port
