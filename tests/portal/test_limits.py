"""What is counted, and that it is counted exactly."""

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test import RequestFactory
from pytest_django import Settings

from service.limits import Limit, forget, require_rate, use
from service.problems import Problem
from service.sources import NOWHERE, network_of, source_of
from tests import threads

AN_HOUR = timedelta(hours=1)
LIMIT = Limit("test", 17, AN_HOUR)


@pytest.mark.usefixtures("database")
def test_of_many_at_one_moment_exactly_the_allowed_pass() -> None:
    """Eight connections, two hundred tries."""

    def tries() -> int:
        return [use(LIMIT, ELSEWHERE) for _ in range(25)].count(None)

    assert sum(threads.together(*[tries] * 8)) == LIMIT.times
    wait = use(LIMIT, ELSEWHERE)
    assert wait is not None
    assert timedelta() < wait <= AN_HOUR / LIMIT.times
    assert use(LIMIT, "203.0.113.8") is None


ELSEWHERE = "203.0.113.7"


@pytest.mark.usefixtures("database")
def test_what_was_used_comes_back_little_by_little() -> None:
    short = Limit("short", 2, timedelta(seconds=0.4))
    assert [use(short, "a") is None for _ in range(3)] == [True, True, False]
    time.sleep(0.25)
    assert [use(short, "a") is None for _ in range(2)] == [True, False]


@pytest.mark.usefixtures("database")
def test_a_clock_set_back_keeps_nobody_waiting() -> None:
    """A counter from an hour that has not come yet counts for nothing."""
    for _ in range(LIMIT.times):
        use(LIMIT, ELSEWHERE)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE service_limit SET full_at = full_at + interval '1 day'")
    assert use(LIMIT, ELSEWHERE) is None


@pytest.mark.usefixtures("database")
def test_no_source_is_kept_and_what_ran_out_is_forgotten() -> None:
    use(Limit("short", 1, timedelta(milliseconds=1)), ELSEWHERE)
    use(LIMIT, ELSEWHERE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM service_limit")
        assert not any(b"203" in bytes(key) for (key,) in cursor.fetchall())
    time.sleep(0.01)
    assert (forget(), forget()) == (1, 0)


@pytest.mark.usefixtures("database")
def test_a_refusal_says_when_to_come_back(rf: RequestFactory) -> None:
    once = Limit("once", 1, AN_HOUR)
    require_rate(rf.post("/"), once)
    with pytest.raises(Problem) as refused:
        require_rate(rf.post("/"), once)
    assert 3590 < int(refused.value.headers["Retry-After"]) <= 3601


WRITTEN = {
    "203.0.113.7": "203.0.113.7",
    " 203.0.113.7 ": "203.0.113.7",
    "203.0.113.7:50123": "203.0.113.7",
    "[2001:db8:1:2::3]:50123": "2001:db8:1:2::/64",
    "[2001:db8:1:2::3]": "2001:db8:1:2::/64",
    '"[2001:DB8:1:2::4]:9"': "2001:db8:1:2::/64",
    "2001:db8:1:2:ffff:ffff:ffff:ffff": "2001:db8:1:2::/64",
    "2001:db8:1:3::1": "2001:db8:1:3::/64",
    "fe80::1%eth0": "fe80::/64",
    "::ffff:203.0.113.7": "203.0.113.7",
    "unknown": None,
    "": None,
    "_hidden": None,
    "203.0.113.7.8": None,
    "0x7f.1": None,
    "203.0.113.007": None,
    "[]:1": None,
    "example.org": None,
}


@pytest.mark.parametrize("text", WRITTEN)
def test_addresses_are_parsed_never_compared_as_typed(text: str) -> None:
    assert network_of(text) == WRITTEN[text]


HOPS = [
    (0, "198.51.100.1", ELSEWHERE, ELSEWHERE),
    (1, "198.51.100.1", "10.0.0.1", "198.51.100.1"),
    (1, f"198.51.100.1, {ELSEWHERE}:50123", "10.0.0.1", ELSEWHERE),
    (1, f"{ELSEWHERE}, unknown", "10.0.0.1", "10.0.0.1"),
    (1, "", "10.0.0.1", "10.0.0.1"),
    (2, f"forged, {ELSEWHERE}, 192.0.2.1", "10.0.0.1", ELSEWHERE),
    (2, ELSEWHERE, "10.0.0.1", ELSEWHERE),
    (1, "", "", NOWHERE),
]


@pytest.mark.parametrize(("proxies", "forwarded", "remote", "source"), HOPS)
def test_only_what_our_proxies_wrote_counts(
    rf: RequestFactory, settings: Settings, proxies: int, forwarded: str, remote: str, source: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    request = rf.get("/", REMOTE_ADDR=remote, **({"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}))
    assert source_of(request) == source
