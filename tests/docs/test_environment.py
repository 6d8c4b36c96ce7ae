"""Where the registry says that it is reached: it works there, or it does not start."""

from pathlib import Path

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from consentkit.notes import Signer
from service.env import Env, Unsafe
from service.home import fill

WHOLE = {
    "DATABASE_URL": "postgres://u:p@db/registry",
    "REDIS_URL": "redis://redis/0",
    "SECRET_KEY": "x" * 32,
    "LOG_SIGNING_KEY": Signer.generate("registry.example.org/log").encode(),
    "PUBLIC_URL": "https://registry.example.org",
}
HOSTS = {
    "https://registry.example.org": "registry.example.org",
    "https://Registry.Example.org:8443/": "registry.example.org",
    "https://[2001:db8::7]": "[2001:db8::7]",
    "https://[2001:db8::7]:8443": "[2001:db8::7]",
    "http://[::1]:30999": "[::1]",
    "http://127.0.0.1:8000": "127.0.0.1",
    "http://localhost": "localhost",
}
REFUSED = {
    "https://registry.example.org/faces": "the root of a host to itself",
    "https://registry.example.org/?a=b": "the root of a host to itself",
    "https://registry.example.org#x": "the root of a host to itself",
    "https://me:secret@registry.example.org": "the root of a host to itself",
    "http://registry.example.org": "not https",
    "ftp://127.0.0.1": "not https",
    "registry.example.org": "no host",
    "https://": "no host",
    "https://b\u00fccher.example": "xn--",
    "https://[2001:db8::7": "cannot be read",
    "https://registry.example.org:port": "cannot be read",
}


@pytest.mark.parametrize("url", HOSTS)
def test_a_public_url_is_answered(rf: RequestFactory, settings: Settings, url: str) -> None:
    env = Env.read({**WHOLE, "PUBLIC_URL": url})
    assert env.host == HOSTS[url]
    settings.ALLOWED_HOSTS = [env.host]
    port = f":{env.public_url.port}" if env.public_url.port else ""
    assert rf.get("/", headers={"Host": f"{env.host}{port}"}).get_host() == f"{env.host}{port}"


@pytest.mark.parametrize("url", REFUSED)
def test_a_public_url_that_cannot_work_does_not_start(url: str) -> None:
    with pytest.raises(Unsafe, match=REFUSED[url]):
        Env.read({**WHOLE, "PUBLIC_URL": url})


@pytest.mark.parametrize("number", ["-1", "one", "1.0", "11", "\u0661"])
def test_a_number_of_proxies_is_a_number(number: str) -> None:
    with pytest.raises(Unsafe, match="TRUSTED_PROXIES"):
        Env.read({**WHOLE, "TRUSTED_PROXIES": number})


def test_nobody_s_header_is_believed_unless_it_is_said() -> None:
    assert Env.read(WHOLE).trusted_proxies == 0
    assert Env.read({**WHOLE, "TRUSTED_PROXIES": "2"}).trusted_proxies == 2


def test_codes_in_the_folder_of_mail_are_the_owner_s_alone(tmp_path: Path) -> None:
    (tmp_path / "mail").mkdir(mode=0o755)
    fill(tmp_path, {})
    assert (tmp_path / "mail").stat().st_mode & 0o077 == 0
