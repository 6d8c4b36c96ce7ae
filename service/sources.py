"""Where a request comes from, as far as it can be known: what limits are counted by.

A proxy writes the address that it sees at the end of `X-Forwarded-For`. How many of ours stand before the web server,
only the operator knows (`TRUSTED_PROXIES`); every entry further left was written by the client, or by nobody we trust.
"""

import re
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from django.conf import settings
from django.http import HttpRequest

IPV6_PREFIX: Final = 64  # bits: what one customer is given at least (RFC 6177), so its other addresses are the same one
NOWHERE: Final = "nowhere"  # a socket without an address, or nobody that can be read
WITH_PORT: Final = re.compile(r"\[(?P<six>[^\]]+)\](?::\d+)?|(?P<four>[\d.]+):\d+")


def source_of(request: HttpRequest) -> str:
    """An IPv4 address or an IPv6 network of 64 bits, in one form; NOWHERE where neither is known.

    An entry that names no address (`unknown`, a name) stands for the proxy that received it.
    """
    forwarded = f"{request.META.get('HTTP_X_FORWARDED_FOR', '')}".split(",") if settings.TRUSTED_PROXIES else []
    hops = [*forwarded, f"{request.META.get('REMOTE_ADDR', '')}"]
    trusted = hops[-1 - settings.TRUSTED_PROXIES :]
    return next((found for found in map(network_of, trusted) if found), NOWHERE)


def network_of(text: str) -> str | None:
    """What limits call the address in this text, which may have a port, brackets, quotes or a zone; None for none."""
    bare = text.strip().strip('"')
    with_port = WITH_PORT.fullmatch(bare)
    if with_port is not None:
        bare = with_port["six"] or with_port["four"]
    try:
        found = ip_address(bare.partition("%")[0])
    except ValueError:  # no address
        return None
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is None:
            return f"{ip_network((int(found), IPV6_PREFIX), strict=False)}"
        found = found.ipv4_mapped
    return f"{found}"
