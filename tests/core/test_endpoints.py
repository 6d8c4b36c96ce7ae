"""Where webhooks may go, and what each other address is refused with."""

from ipaddress import ip_address, ip_network

import pytest

from consent.acts.enrol_webhook import enrol_webhook
from consent.errors import EndpointRefused
from consent.models import Webhook
from consent.rules.endpoints import Reach, Refused, endpoint, reachable
from consent.rules.retries import GAPS, gap
from registry.errors import NotFound
from registry.log.recorder import head_size
from tests.world import World

PUBLIC = Reach()
REFUSED = [
    ("http://example.org/hook", "begins with https://"),
    ("//example.org/hook", "begins with https://"),
    ("", "is ASCII"),
    ("ftp://example.org", "begins with https://"),
    ("https://", "a DNS name"),
    ("https://ex ample.org", "without spaces"),
    ("https://example.org/\n", "without spaces"),
    ("https://example.org\\@internal/", "without spaces"),
    ("https://bücher.example/", "is ASCII"),
    ("https://user@example.org/", "no user and no password"),
    ("https://example.org:443@127.0.0.1/", "no user and no password"),
    ("https://example.org/#a", "no fragment"),
    ("https://example.org:8443/", "WEBHOOK_PORTS"),
    ("https://example.org:0/", "WEBHOOK_PORTS"),
    ("https://example.org:x/", "not an address"),
    ("https://[::1/", "not an address"),
    ("https://2130706433/", "a DNS name"),
    ("https://0177.0.0.1/", "a DNS name"),
    ("https://0x7f.1/", "a DNS name"),
    ("https://0x7f000001/", "a DNS name"),
    ("https://127.1/", "a DNS name"),
    ("https://example.org./", "a DNS name"),
    ("https://-a.example/", "a DNS name"),
    (f"https://{'a' * 64}.example/", "a DNS name"),
    ("https://127.0.0.1/", "127.0.0.1 is not an address of the public"),
    ("https://[::1]/", "::1 is not an address of the public"),
    ("https://[::ffff:169.254.169.254]/", "is not an address of the public"),
    (f"https://example.org/{'a' * 2_000}", "at most 2000 characters"),
]
INSIDE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.8",
    "192.0.0.9",
    "0.0.0.0",  # noqa: S104 - refused
    "224.0.0.1",
    "255.255.255.255",
    "240.0.0.1",
    "198.18.0.1",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fd00::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "5f00::1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "2001::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "2001:db8::1",
]


@pytest.mark.parametrize(("url", "words"), REFUSED)
def test_what_is_refused_says_why(url: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        endpoint(url, reach=PUBLIC)


@pytest.mark.parametrize(
    "url", ["https://example.org", "https://EXAMPLE.org:443/a?b=c", "https://8.8.8.8/", "https://a-b.xn--p1ai"]
)
def test_the_public_internet_is_allowed(url: str) -> None:
    assert endpoint(url, reach=PUBLIC).port == 443


@pytest.mark.parametrize("address", INSIDE)
def test_no_address_inside_is_reached(address: str) -> None:
    assert not reachable(ip_address(address), reach=PUBLIC)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_outside_are_reached(address: str) -> None:
    assert reachable(ip_address(address), reach=PUBLIC)


def test_an_operator_adds_networks_and_ports_and_no_more() -> None:
    own = Reach([ip_network("10.0.0.0/8")], [8443])
    assert endpoint("https://10.1.2.3:8443/", reach=own).port == 8443
    assert reachable(ip_address("::ffff:10.1.2.3"), reach=own)
    for url in ("https://11.0.0.1.example:8444/", "https://192.168.0.1:8443/", "http://10.1.2.3/"):
        with pytest.raises(Refused):
            endpoint(url, reach=own)


def test_an_outage_of_three_days_loses_nothing() -> None:
    pauses = [gap(failed, chance=0) for failed in range(1, 15)]
    assert pauses == [*GAPS, None]
    assert sum(pause.total_seconds() for pause in GAPS) / 3600 == pytest.approx(76.88, abs=0.01)
    for failed, pause in enumerate(GAPS, start=1):
        longest = gap(failed, chance=1)
        assert longest is not None
        assert longest == pause * 1.2


def test_a_refused_endpoint_leaves_nothing(world: World) -> None:
    lab, size = world.pipeline(), head_size()
    with pytest.raises(EndpointRefused, match="begins with https"):
        enrol_webhook(str(lab.id), url="http://example.org", reach=PUBLIC, at=world.at)
    with pytest.raises(NotFound, match="no pipeline 'lob'"):
        enrol_webhook("lob", url="https://example.org", reach=PUBLIC, at=world.at)
    assert (head_size(), Webhook.objects.count()) == (size, 0)
