"""A place elsewhere: a web server that keeps what is PUT below it, until it is told to be silent."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Remote:
    """What it holds by path, and every request that it has answered. `silent`: it answers 500 to everything."""

    url: str = ""
    held: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    silent: bool = False


@contextmanager
def remote() -> Iterator[Remote]:
    kept = Remote()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = kept.held.get(self.path)
            self._say(500 if kept.silent else 404 if found is None else 200, found or b"")

        def do_PUT(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if not kept.silent:
                kept.held[self.path] = content
            self._say(500 if kept.silent else 204, b"")

        def _say(self, status: int, body: bytes) -> None:
            kept.asked.append(f"{self.command} {self.path}")
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        kept.url = f"http://127.0.0.1:{server.server_port}/log"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield kept
        finally:
            server.shutdown()
