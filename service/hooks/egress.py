"""The way out: one POST to a stranger's endpoint, and never to ourselves.

At each attempt anew: the address is checked, its host resolved, every answer judged, and the connection made to an
address that was judged, so that a name which changes its mind meanwhile leads nowhere. No redirect is followed, no
proxy asked, no body read, and after ten seconds it is over, however slowly the endpoint trickles.
"""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from functools import lru_cache
from http import HTTPStatus
from ipaddress import ip_address
from typing import Final

import httpx2
from django.conf import settings

from consent.acts.deliver import Answered
from consent.rules.endpoints import Address, Endpoint, Reach, Refused, endpoint, reachable
from service.hooks.letter import Letter

SECONDS: Final = 10.0
TRIED: Final = 4  # of a host's addresses


def reach() -> Reach:
    """What the operator has added to the public internet."""
    return Reach(settings.WEBHOOK_NETWORKS, settings.WEBHOOK_PORTS)


def post(url: str, letter: Letter) -> Answered:
    """What became of one attempt. Never raises for anything that the endpoint or its name server does."""
    try:
        to = endpoint(url, reach=reach())
        addresses = resolved(to)
    except Refused:
        return Answered(None, "the address is not allowed")
    except OSError:  # no such name, no name server
        return Answered(None, "the name was not found")
    if not addresses or not all(reachable(address, reach=reach()) for address in addresses):
        return Answered(None, "the name leads to an address that is not allowed")
    return asyncio.run(_within_time(to, addresses[:TRIED], letter))


def resolved(to: Endpoint) -> list[Address]:
    """A and AAAA, in the system's order. Raises OSError."""
    found = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(sockaddr[0]) for *_, sockaddr in found))


async def _within_time(to: Endpoint, addresses: Sequence[Address], letter: Letter) -> Answered:
    try:
        async with asyncio.timeout(SECONDS):
            return await _first_that_answers(to, addresses, letter)
    except TimeoutError:
        return Answered(None, "no answer within 10 seconds")


async def _first_that_answers(to: Endpoint, addresses: Sequence[Address], letter: Letter) -> Answered:
    timeout = httpx2.Timeout(SECONDS, connect=SECONDS / 2)
    async with httpx2.AsyncClient(verify=_trust(), trust_env=False, follow_redirects=False, timeout=timeout) as client:
        for address in addresses:
            try:
                return await _posted(client, to, address, letter)
            except httpx2.ConnectError as error:
                if isinstance(error.__cause__ and error.__cause__.__context__, ssl.SSLError):
                    return Answered(None, "its certificate is not valid")
            except httpx2.ConnectTimeout:
                continue
            except (httpx2.HTTPError, httpx2.InvalidURL):  # cut, or not HTTP
                return Answered(None, "the connection broke, or it is no HTTP")
    return Answered(None, "no connection")


async def _posted(client: httpx2.AsyncClient, to: Endpoint, address: Address, letter: Letter) -> Answered:
    """To this very address; certificate and Host are the name's."""
    url = httpx2.URL(to.url)
    pinned = url.copy_with(host=str(address))
    headers = {**letter.headers, "host": url.netloc.decode(), "user-agent": "consent-registry"}
    request = client.build_request(
        "POST", pinned, content=letter.body, headers=headers, extensions={"sni_hostname": to.host}
    )
    answer = await client.send(request, stream=True)
    try:
        return Answered(answer.status_code, _fault(answer.status_code))
    finally:
        await answer.aclose()


def _fault(status: int) -> str:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return ""
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return "it redirects, which is not followed"
    return f"it answered {status}"


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    """The system's authorities; SSL_CERT_FILE names others, as everywhere."""
    return ssl.create_default_context()
