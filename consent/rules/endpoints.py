"""Where webhooks may go: to names and addresses of the public internet, by https. What else, an operator lists."""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PORT: Final = 443
LONGEST: Final = 2_000  # characters of an address
LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
PRINTED: Final = re.compile(r"[!-\[\]-~]+")  # ASCII without spaces, control characters and backslash

# What `is_global` lets through or leaves open, and yet leads inside: translators, tunnels, old site-local, segments.
DENIED: Final[tuple[Network, ...]] = tuple(
    ip_network(each)
    for each in (
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "2001::/32",
        "fec0::/10",
        "5f00::/16",
        "ff00::/8",
        "224.0.0.0/4",
        "192.0.0.0/24",
        "100.64.0.0/10",
    )
)


class Refused(ValueError):
    """Not an endpoint that anything is sent to; the message says why and what would do."""


@dataclass(frozen=True)
class Reach:
    """What an operator adds to the public internet and port 443: networks of the own organisation."""

    networks: Collection[Network] = field(default=())
    ports: Collection[int] = field(default=())


@dataclass(frozen=True)
class Endpoint:
    """An address that was checked by itself; where its host leads is checked at each attempt."""

    url: str
    host: str
    port: int


def endpoint(url: str, *, reach: Reach) -> Endpoint:
    """Raises Refused."""
    if len(url) > LONGEST:
        raise Refused(f"A webhook's address has at most {LONGEST} characters.")
    if not PRINTED.fullmatch(url):
        raise Refused(
            "A webhook's address is ASCII, without spaces: write other names as `xn--…`, other paths as `%…`."
        )
    parts, port = _parts(url)
    if parts.scheme != "https":
        raise Refused("A webhook's address begins with https://.")
    if "@" in parts.netloc:
        raise Refused("A webhook's address has no user and no password: deliveries are signed.")
    if "#" in url:
        raise Refused("A webhook's address has no fragment (#…): it would never be sent.")
    if port != PORT and port not in reach.ports:
        raise Refused(f"Webhooks go to port {PORT}; for another, an operator sets WEBHOOK_PORTS.")
    host = parts.hostname or ""
    address = _literal(host)
    if address is None and not _is_name(host):
        raise Refused("A webhook's host is a DNS name, or an IP address in its one usual form.")
    if address is not None and not reachable(address, reach=reach):
        raise Refused(f"{address} is not an address of the public internet.")
    return Endpoint(url, host, port)


def reachable(address: Address, *, reach: Reach) -> bool:
    """An IPv4 address inside an IPv6 one is judged as what it is."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in reach.networks):
        return True
    return address.is_global and not any(address in network for network in DENIED)


def _parts(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        return parts, PORT if parts.port is None else parts.port
    except ValueError as error:  # brackets that do not close, a port that is none
        raise Refused("This is not an address: give something like https://example.org/hook.") from error


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:  # a name, or a number that only some resolvers read as an address
        return None


def _is_name(host: str) -> bool:
    """Names end with a label that no resolver takes for a number: `2130706433`, `0x7f.1` and `0177.0.0.1` are none."""
    labels = host.split(".")
    return len(host) <= 253 and all(map(LABEL.fullmatch, labels)) and labels[-1][0].isalpha()
