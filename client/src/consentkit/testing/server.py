"""The simulator's HTTP: addresses, the key, problems, and parts by range."""

import json
import re
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from consentkit import tiles
from consentkit.errors import Malformed
from consentkit.testing.refusals import Gone

if TYPE_CHECKING:
    from consentkit.testing.simulator import Simulator

_RANGE = re.compile(r"bytes=(\d+)-")
_OUTCOME = re.compile(r"/api/v1/notifications/([^/]+)/outcome")

_IMAGES = re.compile(r"/api/v1/notifications/([^/]+)/images")
_MANIFEST = re.compile(r"/api/v1/manifests/([^/]+)(/receipt|/affected)?")


def door(simulator: "Simulator") -> type[BaseHTTPRequestHandler]:
    """A handler class for this simulator."""

    class Door(_Door):
        sim = simulator

    return Door


class _Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sim: "Simulator"

    def do_GET(self) -> None:
        """Reads."""
        self._serve(b"")

    def do_POST(self) -> None:
        """Asks."""
        self._serve(self.rfile.read(int(self.headers.get("content-length", 0))))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Says nothing."""

    def _serve(self, body: bytes) -> None:
        self.sim.requests.append(f"{self.command} {self.path}")
        try:
            self.sim.checkpoint()  # refuses everything when told to
            self._route(urlsplit(self.path).path, body)
        except Gone as gone:
            problem = {"type": f"/problems/{gone.slug}", "status": gone.status, "detail": gone.detail}
            self._send(json.dumps(problem).encode(), status=gone.status, kind="application/problem+json")
        except (BrokenPipeError, ConnectionResetError):  # the client has gone
            self.close_connection = True

    def _route(self, path: str, body: bytes) -> None:
        if path.startswith("/log/"):
            self._send(self._log(path.removeprefix("/log/")), kind="text/plain")
            return
        if path == "/api/v1/checkpoints" and self.command == "POST":
            self._json(self.sim.compare(json.loads(body)["note"]))
            return
        self._require_key()
        query = parse_qs(urlsplit(self.path).query)
        if path == "/api/v1/snapshot":
            self._json(self.sim.snapshot())
        elif path.startswith("/api/v1/snapshot/parts/"):
            self._part(self.sim.part(path.rpartition("/")[2]))
        elif path == "/api/v1/deltas":
            self._json(self.sim.delta(query.get("from", [""])[0]))
        elif path == "/api/v1/checks" and self.command == "POST":
            self._json(self.sim.checks(json.loads(body)))
        elif path == "/api/v1/matches" and self.command == "POST":
            self._json(self.sim.matches(json.loads(body)))
        else:
            self._route_told(path, body, query)

    def _route_told(self, path: str, body: bytes, query: dict[str, list[str]]) -> None:
        """Manifests, and notifications of what was taken."""
        if path == "/api/v1/manifests" and self.command == "POST":
            self._json(self.sim.attest(body, stream="arrow" in self.headers.get("content-type", "")), status=201)
        elif attested := _MANIFEST.fullmatch(path):
            self._manifest(*attested.groups(), after=query.get("after", [""])[0])
        elif told := _IMAGES.fullmatch(path):
            self._json(self.sim.copies.images(told[1]))
        elif path == "/api/v1/notifications":
            self._json(self.sim.copies.page(int(query.get("after", ["0"])[0])))
        elif (answered := _OUTCOME.fullmatch(path)) and self.command == "POST":
            self._json(self.sim.copies.answer(answered[1], json.loads(body)["outcome"]))
        else:
            raise _missing()

    def _manifest(self, number: str, what: str | None, *, after: str) -> None:
        if what == "/affected":
            self._json(self.sim.affected(number, after=after))
        elif what is None:
            self._json(self.sim.manifest(number))
        elif (receipt := self.sim.receipt(number)) is None:
            self._json({"state": "recorded"}, status=202)
        else:
            self._send(receipt, kind="text/plain")

    def _log(self, path: str) -> bytes:
        try:
            if path == "checkpoint":
                return self.sim.checkpoint().encode()
            if path.startswith("tile/entries/"):
                return self.sim.bundle(*tiles.parse_entries_path(path.removeprefix("tile/entries/")))
            return self.sim.tile(*tiles.parse_path(path.removeprefix("tile/")))
        except Malformed:  # no path of a log
            raise _missing() from None

    def _require_key(self) -> None:
        if self.headers.get("authorization") != f"Bearer {self.sim.key}":
            raise Gone(401, "key-unknown", "Send the key of an enrolled pipeline.")

    def _json(self, value: Any, *, status: int = 200) -> None:
        self._send(json.dumps(value).encode(), status=status, kind="application/json")

    def _part(self, data: bytes) -> None:
        wanted = _RANGE.fullmatch(self.headers.get("range", ""))
        start = int(wanted[1]) if wanted else 0
        if self.sim.cuts:
            self._cut(data[start:], status=206 if wanted else 200)
        else:
            self._send(data[start:], status=206 if wanted else 200, kind="application/vnd.apache.parquet")

    def _cut(self, data: bytes, *, status: int) -> None:
        """Announces all, sends half, and hangs up."""
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        self.close_connection = True

    def _send(self, data: bytes, *, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        if self.sim.key_ends:
            self.send_header("key-expires-at", self.sim.key_ends)
        self.end_headers()
        self.wfile.write(data)


def _missing() -> Gone:
    return Gone(404, "not-found", "There is nothing here.")
