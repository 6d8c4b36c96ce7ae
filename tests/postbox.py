"""A mail server that takes letters, or refuses them as it is told: what a test signs in with."""

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy

from pytest_django import Settings


@dataclass
class Postbox:
    """`replies`: by verb, what it answers instead of yes. `letters`: (recipient, text) of what it took."""

    port: int
    replies: dict[str, str] = field(default_factory=dict)
    letters: list[tuple[str, str]] = field(default_factory=list)

    def code(self, address: str) -> str:
        """The code of the newest letter to this address."""
        newest = next(text for recipient, text in reversed(self.letters) if recipient == address)
        found = re.search(r"^Your code: (\S+)$", newest, re.M)
        assert found
        return found[1]


@contextmanager
def postbox(settings: Settings) -> Iterator[Postbox]:
    """One on a port of its own, in clear, which Django's mail goes to."""
    box = Postbox(0)

    class Handler(_Session):
        postbox = box

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        box.port = server.server_address[1]
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield box
        server.shutdown()


class _Session(socketserver.StreamRequestHandler):
    postbox: Postbox

    def handle(self) -> None:
        self._say("220 postbox")
        recipient = ""
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "RCPT":
                recipient = line.partition("<")[2].partition(">")[0]
            refusal = self.postbox.replies.get(verb)
            if refusal:
                self._say(refusal.format(recipient=recipient))
            elif verb == "DATA":
                self._say("354 go on")
                self._take(recipient)
            else:
                self._say("221 bye" if verb == "QUIT" else "250 yes")

    def _take(self, recipient: str) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        letter = message_from_bytes(b"".join(lines), policy=policy.default)
        self.postbox.letters.append((recipient, letter.get_content().replace("\r\n", "\n")))
        self._say("250 taken")

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())
