"""The environment, read once into one frozen record. What is missing or unsafe stops the start, with words.

| variable | what |
|---|---|
| `DATABASE_URL` | `postgres://user:password@host:port/name`, or a socket's folder as `?host=` |
| `REDIS_URL` | `redis://host:port/0`, or `redis+socket:///path` |
| `SECRET_KEY` | at least 32 characters, for sessions and cursors |
| `SECRET_KEY_FALLBACKS` | former ones that still count while one takes the place of another, `a,b,…`; default none |
| `LOG_SIGNING_KEY` | the log's private key, as `manage.py log_key NAME` prints it |
| `PUBLIC_URL` | how people reach the registry: `https://host`, without a path; http only on this machine |
| `TRUSTED_PROXIES` | how many proxies of ours stand one behind the other before the web server; default 0 |
| `REGISTRY_HOME` | the folder of images, snapshots and mail; default `var` |
| `DISK_RESERVE` | bytes: when fewer are free at REGISTRY_HOME no file is taken, at half of it no grant; default 1 GiB |
| `CHECKPOINT_DIR` | folders and addresses of the last checkpoint, with `:`; default in the user's state directory |
| `EMAIL_URL` | `smtp://user:password@host:587` (STARTTLS), `smtps://…`, or `file:///folder`; default `home/mail` |
| `EMAIL_FROM` | the sender of codes |
| `WEBHOOK_NETWORKS` | networks that webhooks may go to besides the public internet, `10.0.0.0/8,…`; default none |
| `WEBHOOK_PORTS` | ports that they may go to besides 443, `8443,…`; default none |
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from platformdirs import user_state_path

from consent.rules.endpoints import Network
from consentkit.errors import Malformed
from consentkit.notes import Signer
from registry.log import places
from service import reserve

SHORTEST_SECRET: Final = 32
RESERVE: Final = 2**30  # bytes
HIGHEST_PORT: Final = 65_535
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
MOST_PROXIES: Final = 10


class Unsafe(Exception):
    """The server refuses to start; the message says what to set."""


@dataclass(frozen=True)
class Env:
    """All that comes from outside, checked."""

    database: Mapping[str, Any]
    redis_url: str
    secret_key: str
    secret_key_fallbacks: tuple[str, ...]
    log_signing_key: str
    public_url: SplitResult
    trusted_proxies: int
    home: Path
    checkpoint_dir: str
    disk_reserve: int
    email: Mapping[str, Any]
    webhook_networks: tuple[Network, ...]
    webhook_ports: tuple[int, ...]

    @property
    def host(self) -> str:
        """As a browser sends it: an IPv6 address in brackets."""
        host = self.public_url.hostname or ""
        return f"[{host}]" if ":" in host else host

    @property
    def secure(self) -> bool:
        """Reached by https: cookies are then bound to it."""
        return self.public_url.scheme == "https"

    @classmethod
    def read(cls, given: Mapping[str, str]) -> "Env":
        """Raises Unsafe with every fault at once."""
        faults = [*_missing(given), *_weak(given), *_misplaced(given), *_unread(given)]
        if not faults:
            faults += places.faults(_checkpoint_dir(given), home=_home(given))
        if faults:
            raise Unsafe("The registry does not start:\n" + "\n".join(f"  - {fault}" for fault in faults))
        home = _home(given)
        return cls(
            database=_database(given["DATABASE_URL"]),
            redis_url=given["REDIS_URL"],
            secret_key=given["SECRET_KEY"],
            secret_key_fallbacks=tuple(_listed(given, "SECRET_KEY_FALLBACKS")),
            log_signing_key=given["LOG_SIGNING_KEY"],
            public_url=urlsplit(given["PUBLIC_URL"]),
            trusted_proxies=int(given.get("TRUSTED_PROXIES") or 0),
            home=home,
            checkpoint_dir=_checkpoint_dir(given),
            disk_reserve=int(given.get("DISK_RESERVE") or RESERVE),
            email=_email(given, home),
            webhook_networks=tuple(map(ip_network, _listed(given, "WEBHOOK_NETWORKS"))),
            webhook_ports=tuple(map(int, _listed(given, "WEBHOOK_PORTS"))),
        )


def _home(given: Mapping[str, str]) -> Path:
    return Path(given.get("REGISTRY_HOME") or "var").absolute()


def _checkpoint_dir(given: Mapping[str, str]) -> str:
    """By default outside every home, so that a copy of a home which is put back does not bring an old checkpoint along.

    Its name follows from the log's key: two logs never share a folder, and two copies of one log do.
    """
    if named := given.get("CHECKPOINT_DIR"):
        return named
    key = hashlib.sha256(str(Signer.parse(given["LOG_SIGNING_KEY"]).verifier).encode()).hexdigest()
    return str(user_state_path("consent-registry") / key[:32])


def _missing(given: Mapping[str, str]) -> list[str]:
    needed = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "LOG_SIGNING_KEY", "PUBLIC_URL")
    return [f"{name} is not set" for name in needed if not given.get(name)]


def _weak(given: Mapping[str, str]) -> list[str]:
    faults = []
    if len(given.get("SECRET_KEY", "x" * SHORTEST_SECRET)) < SHORTEST_SECRET:
        faults.append(f"SECRET_KEY has fewer than {SHORTEST_SECRET} characters")
    if any(len(former) < SHORTEST_SECRET for former in _listed(given, "SECRET_KEY_FALLBACKS")):
        faults.append(f"SECRET_KEY_FALLBACKS has one with fewer than {SHORTEST_SECRET} characters")
    if key := given.get("LOG_SIGNING_KEY"):
        try:
            Signer.parse(key)
        except Malformed as fault:
            faults.append(f"LOG_SIGNING_KEY is not a signer's key ({fault}): make one with `manage.py log_key NAME`")
    return faults


def _misplaced(given: Mapping[str, str]) -> list[str]:
    """What is wrong with where the registry is reached."""
    try:
        url = urlsplit(given.get("PUBLIC_URL") or "https://unset")
        host, port = url.hostname or "", url.port
    except ValueError as fault:  # brackets that hold no address, a port that is none
        return [f"PUBLIC_URL cannot be read: {fault}"]
    faults = []
    if not host or not host.isascii():
        faults.append("PUBLIC_URL has no host in ASCII: a name of other letters is written as `xn--…`")
    if url.scheme not in ("http", "https") or (url.scheme == "http" and host not in LOOPBACK):
        faults.append("PUBLIC_URL is not https, and not this machine")
    if url.path.strip("/") or url.query or url.fragment or "@" in url.netloc or port == 0:
        faults.append(
            "PUBLIC_URL is more than `https://host` or `https://host:port`: it has the root of a host to itself"
        )
    return faults


def _unread(given: Mapping[str, str]) -> list[str]:
    """Lists and numbers that cannot be read."""
    faults = []
    proxies = given.get("TRUSTED_PROXIES") or "0"
    if not (proxies.isascii() and proxies.isdigit() and int(proxies) <= MOST_PROXIES):
        faults.append(f"TRUSTED_PROXIES: {proxies[:20]!r} is not a number from 0 to {MOST_PROXIES}")
    for each in _listed(given, "WEBHOOK_NETWORKS"):
        try:
            ip_network(each)
        except ValueError as fault:
            faults.append(f"WEBHOOK_NETWORKS: {fault}")
    ports = _listed(given, "WEBHOOK_PORTS")
    wrong = [each for each in ports if not (each.isdecimal() and 0 < int(each) <= HIGHEST_PORT)]
    if not (reserve_bytes := given.get("DISK_RESERVE") or "0").isdecimal():
        faults.append(f"DISK_RESERVE: {reserve_bytes!r} is not a number of bytes")
    return faults + [f"WEBHOOK_PORTS: {each!r} is not a port" for each in wrong]


def _listed(given: Mapping[str, str], name: str) -> list[str]:
    return [each.strip() for each in given.get(name, "").split(",") if each.strip()]


def _database(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "service.database",
        "NAME": unquote(parts.path.lstrip("/")) or "postgres",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": query.pop("port", str(parts.port or "")),
        "OPTIONS": {
            **query,
            # A lost client must not keep a lock; a lock must not keep a request (faults F18, F19).
            "options": "-c lock_timeout=3s -c idle_in_transaction_session_timeout=10s",
            "pool": {
                "min_size": 1,
                "max_size": reserve.CONNECTIONS,
                "timeout": 5,
                "max_lifetime": 1800,
                "max_idle": 300,
            },
        },
        "CONN_HEALTH_CHECKS": True,
    }


def _email(given: Mapping[str, str], home: Path) -> dict[str, Any]:
    sender = given.get("EMAIL_FROM") or "registry@localhost"
    url = urlsplit(given.get("EMAIL_URL") or f"file://{home}/mail")
    if url.scheme == "file":
        return {
            "backend": "django.core.mail.backends.filebased.EmailBackend",
            "folder": url.path,
            "sender": sender,
        }
    return {
        "backend": "django.core.mail.backends.smtp.EmailBackend",
        "host": url.hostname or "",
        "port": url.port or (465 if url.scheme == "smtps" else 587),
        "user": unquote(url.username or ""),
        "password": unquote(url.password or ""),
        "ssl": url.scheme == "smtps",
        "sender": sender,
    }
