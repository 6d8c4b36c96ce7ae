"""Somebody's endpoint, in a process of its own: https, and it answers as its path says. Prints its port, then one JSON
line for each request. Run as `receiver.py CERTIFICATE`."""

import json
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATIENCE = 60  # seconds for which it trickles


class Endpoint(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        said = {
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": body.decode(),
        }
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        match self.path.strip("/").split("/"):
            case ["drip-head"]:
                self._trickle(b"HTTP/1.1 200 OK\r\nx-long: ")
            case ["drip-body"]:
                self._trickle(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
            case ["garbage"]:
                self.wfile.write(b"\x00\x01 no HTTP\r\n\r\n")
                self.close_connection = True
            case ["redirect"]:
                self._answer(307, {"location": "/200"})
            case [status]:
                self._answer(int(status), {})

    def _answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": "0"}.items():
            self.send_header(name, value)
        self.end_headers()

    def _trickle(self, first: bytes) -> None:
        until = time.monotonic() + PATIENCE
        self.wfile.write(first)
        while time.monotonic() < until:
            self.wfile.write(b"a")
            time.sleep(0.2)

    def log_message(self, *_said: object) -> None:
        """Stdout is for requests."""


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.daemon_threads = True
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(sys.argv[1])
    server.socket = trust.wrap_socket(server.socket, server_side=True)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
