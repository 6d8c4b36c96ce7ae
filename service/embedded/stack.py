"""Both servers of a home, for the duration of a `with`.

    with servers(home) as running:
        connect(running.database_url)

A server whose address is given (DATABASE_URL, REDIS_URL) is used and not started.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from service.embedded import folder, lock, processes
from service.embedded.addresses import Addresses, addresses_of, published
from service.embedded.broker import Broker
from service.embedded.postgres import Postgres

__all__ = ["Addresses", "Servers", "addresses_of", "servers"]


class Server(Protocol):
    """What the stack asks of a server that it owns."""

    name: str
    url: str

    def start(self) -> None: ...
    def runs(self) -> bool: ...
    def stop(self) -> None: ...


class Servers:
    """The addresses of both servers, and care for those that are ours."""

    def __init__(self, addresses: Addresses, *, owned: Sequence[Server]) -> None:
        self.addresses = addresses
        self.database_url = addresses.database_url
        self.redis_url = addresses.redis_url
        self._owned = owned

    def tend(self) -> None:
        """Start again, at the same address, what has ended. Raises StartFailed."""
        for server in self._owned:
            if not server.runs():
                processes.say(f"{server.name} ended; starting it again.")
                server.start()


@contextmanager
def servers(home: Path, *, durable: bool = True) -> Iterator[Servers]:
    """Own a home and run its servers; on leaving, stop them. Main thread only.

    `durable=False` is for tests: what was written survives an orderly stop, not a power cut.
    Raises StackError with a message that says what to do.
    """
    home = home.absolute()
    with ExitStack() as stack:
        keep = [stack.enter_context(lock.held(home))]
        sockets = stack.enter_context(folder.sockets(home))
        owned: list[Server] = []

        def address(variable: str, kind: type[Postgres | Broker]) -> str:
            given = os.environ.get(variable)
            if given:
                return given
            server = kind(home, sockets=sockets, durable=durable, keep=keep)
            stack.callback(server.stop)  # first, so that one that fails to answer is stopped too
            server.start()
            owned.append(server)
            return server.url

        addresses = Addresses(database_url=address("DATABASE_URL", Postgres), redis_url=address("REDIS_URL", Broker))
        stack.enter_context(published(home, addresses))
        yield Servers(addresses, owned=owned)
