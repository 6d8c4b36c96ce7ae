"""What a pipeline sets: from the environment, read once at the edge.

The key is never an argument of a command, where other users of the machine could read it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import urlsplit

from consentkit.errors import ConsentkitError, Malformed, Unreachable

if TYPE_CHECKING:
    from consentkit.notes import Verifier

DEFAULT_MAX_AGE: Final = 86_400
LONGEST_MAX_AGE: Final = 604_800
"""Seconds. A close is never good for longer than a week."""

_KEY_FILE: Final = "key"
_OTHERS: Final = 0o077


class Misuse(ConsentkitError):
    """A setting or an argument is not one that can be used."""


@dataclass(frozen=True)
class Settings:
    """Where the registry is, who asks, whom we trust, and how old (seconds) an offline state may be."""

    url: str
    key: str = field(repr=False)
    log_key: str
    max_age: int
    home: Path

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> Self:
        """From `CONSENTKIT_URL`, `_KEY`, `_LOG_KEY`, `_MAX_AGE` and `_HOME`. Raises Misuse.

        What is missing stays empty, and is asked for by those who need it.
        """
        found = os.environ if environ is None else environ
        home = Path(found.get("CONSENTKIT_HOME") or default_home())
        return cls(
            url=found.get("CONSENTKIT_URL", "").strip().rstrip("/"),
            key=found.get("CONSENTKIT_KEY", "").strip() or _key_in(home),
            log_key=found.get("CONSENTKIT_LOG_KEY", "").strip(),
            max_age=_max_age(found.get("CONSENTKIT_MAX_AGE", "").strip()),
            home=home,
        )

    def require_url(self) -> str:
        """The registry's address. Raises Misuse."""
        if not self.url:
            raise Misuse("CONSENTKIT_URL is not set: set it to the registry's address, as in http://127.0.0.1:8000")
        return require_address(self.url, named="CONSENTKIT_URL")

    def require_key(self) -> str:
        """The pipeline's key. Raises Unreachable: nobody answers without it."""
        if not self.key:
            raise Unreachable(
                f"no key: set CONSENTKIT_KEY, or write the key to {self.home / _KEY_FILE} (mode 600); "
                "the registry's operator makes one with `manage.py pipeline add`"
            )
        # Anything else would end the header that carries it.
        if not self.key.isascii() or not self.key.isprintable() or " " in self.key:
            raise Unreachable("the key has characters that no key has: copy it again")
        return self.key

    def require_verifier(self) -> "Verifier":
        """The log's key. Raises Misuse."""
        return parse_log_key(self.log_key)


def require_address(url: str, *, named: str) -> str:
    """The address. Raises Misuse for what is none, or has a name and password in it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise Misuse(f"{named} is not an address: it looks like https://registry.example")
    return url


def parse_log_key(text: str) -> "Verifier":
    """The C2SP verifier key of `CONSENTKIT_LOG_KEY`. Raises Misuse."""
    if not text:
        raise Misuse(
            "CONSENTKIT_LOG_KEY is not set: ask the registry's operator for the log's verifier key "
            "(`manage.py serve --json` prints it as log_key), and do not take it from the registry itself"
        )
    from consentkit.notes import Verifier

    try:
        return Verifier.parse(text)
    except Malformed as error:  # cut, or another kind of key
        raise Misuse(f"CONSENTKIT_LOG_KEY is not a verifier key ({error}): copy all of it again") from error


def default_home() -> Path:
    """Where states are kept unless `CONSENTKIT_HOME` says otherwise."""
    from platformdirs import user_data_path

    return user_data_path("consentkit", appauthor=False)


def _max_age(text: str) -> int:
    if not text:
        return DEFAULT_MAX_AGE
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or not 0 < int(text) <= LONGEST_MAX_AGE:
        raise Misuse(f"CONSENTKIT_MAX_AGE is a number of seconds from 1 to {LONGEST_MAX_AGE}")
    return int(text)


def _key_in(home: Path) -> str:
    path = home / _KEY_FILE
    try:
        text = path.read_text("ascii").strip()
        mode = path.stat().st_mode
    except FileNotFoundError:  # the usual case: the key is in the environment, or not needed
        return ""
    except (OSError, UnicodeDecodeError) as error:  # another user's file, a folder, not a key
        raise Misuse(f"{path} cannot be read as a key: {error}") from error
    if os.name == "posix" and mode & _OTHERS:
        raise Misuse(f"{path} can be read by others: run chmod 600 on it")
    return text
