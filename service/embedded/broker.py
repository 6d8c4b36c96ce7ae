"""The broker (Valkey or Redis) on a home: `home/broker`, reached by a socket and by nothing else."""

import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from service.embedded import processes
from service.embedded.binaries import broker_program

READY_SECONDS: Final = 30.0

SETTINGS: Final = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "save": "",
    "maxmemory": "256mb",
    "maxmemory-policy": "noeviction",  # eviction would take whole queues
}
DURABLE: Final = {"appendonly": "yes", "appendfsync": "everysec"}


class Broker:
    """One server. `keep` are the descriptors that it holds while it lives."""

    name = "The broker"

    def __init__(self, home: Path, *, sockets: Path, durable: bool, keep: Sequence[int]) -> None:
        self._socket = sockets / "broker.sock"
        self.url = f"redis+socket://{quote(str(self._socket))}"
        self._folder = home / "broker"
        self._log = home / "log" / "broker.log"
        self._durable = durable
        self._keep = keep
        self._program = broker_program()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it answers. Raises StartFailed."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        settings = SETTINGS | {"unixsocket": str(self._socket), "dir": str(self._folder)}
        settings |= DURABLE if self._durable else {}
        options = [word for key, value in settings.items() for word in (f"--{key}", value)]
        self._process = processes.start(
            [str(self._program), *options], log=self._log, orphaned=signal.SIGTERM, keep=self._keep
        )
        processes.wait_until(self._answers, process=self._process, name=self.name, log=self._log, within=READY_SECONDS)

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        if self._process is not None:
            processes.end(self._process, asking=[(signal.SIGTERM, 10.0)])

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(1.0)
            try:
                link.connect(str(self._socket))
                link.sendall(b"PING\r\n")
                return link.recv(16).startswith(b"+PONG")  # it says -LOADING while it reads its file
            except (FileNotFoundError, ConnectionError, TimeoutError):  # not listening yet
                return False
