"""docs/deploy.md, docker-compose.yml and the settings are about the same registry."""

import ast
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from django.test import RequestFactory
from pytest_django import Settings

from service.sources import source_of

ROOT: Final = Path(__file__).resolve().parents[2]
DEPLOY: Final = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
COMPOSE: Final[dict[str, Any]] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
OURS: Final = {"bootstrap", "web", "worker", "sender", "beat", "publisher", "mirror"}
VARIABLE: Final = re.compile(r"[A-Z]+(?:_[A-Z]+)+")
SECRET: Final = re.compile(r"SECRET|PASSWORD|KEY|DATABASE_URL|EMAIL_URL")


def variables() -> set[str]:
    """Every name that `service/env.py` reads: the strings of its code that look like one."""
    tree = ast.parse((ROOT / "service" / "env.py").read_text(encoding="utf-8"))
    strings = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return {found for found in strings if VARIABLE.fullmatch(found)} - {"CONN_HEALTH_CHECKS"}  # Django's word


def test_every_variable_is_documented() -> None:
    assert {"DATABASE_URL", "EMAIL_FROM"} <= variables()
    assert [name for name in sorted(variables()) if f"| `{name}` |" not in DEPLOY] == []


def test_every_variable_reaches_the_containers() -> None:
    image = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    given = set(SERVICES["web"]["environment"]) | {name for name in variables() if f"{name}=" in image}
    assert variables() <= given


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_secret_has_a_default(name: str) -> None:
    given = SERVICES[name].get("environment", {})
    kept = {key: value for key, value in given.items() if SECRET.search(key)}
    assert [key for key, value in kept.items() if not re.search(r"\$\{[A-Z_]+:(?:\?[^}]+|-)\}", value)] == []


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"bootstrap"}))
def test_every_part_has_a_health_check_and_comes_back(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_ours_wait_until_bootstrap_has_ended_well() -> None:
    for name in OURS - {"bootstrap"}:
        assert SERVICES[name]["depends_on"]["bootstrap"] == {"condition": "service_completed_successfully"}


def test_only_the_web_port_is_published_and_only_to_this_machine() -> None:
    published = {name: part["ports"] for name, part in SERVICES.items() if "ports" in part}
    assert published.pop("caddy") == ["80:80", "443:443"]
    assert SERVICES["caddy"]["profiles"] == ["caddy"]
    assert published == {"web": ["127.0.0.1:8000:8000"]}


def test_the_checkpoint_is_kept_apart_from_the_database() -> None:
    assert "checkpoint:/var/lib/checkpoint" in SERVICES["publisher"]["volumes"]
    assert "checkpoint:/var/lib/checkpoint:ro" in SERVICES["web"]["volumes"]
    assert {"database", "images", "checkpoint"} <= set(COMPOSE["volumes"])
    assert SERVICES["postgres"]["volumes"] == ["database:/var/lib/postgresql"]


def test_what_decodes_strangers_pictures_has_no_way_out() -> None:
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICES["worker"]["networks"] == ["inside"]
    assert SERVICES["worker"]["environment"]["CHECKPOINT_DIR"] == "/var/lib/checkpoint"  # and no address
    for name in ("bootstrap", "publisher", "web", "mirror"):
        assert "outside" in SERVICES[name]["networks"]


def test_what_posts_to_strangers_sees_no_picture() -> None:
    assert "outside" in SERVICES["sender"]["networks"]
    assert "volumes" not in SERVICES["sender"]
    assert "--queues=deliveries" in SERVICES["sender"]["command"]
    assert not any("--queues" in word for word in SERVICES["worker"]["command"])


def test_a_proxy_after_our_words_leaves_the_client_no_say(rf: RequestFactory, settings: Settings) -> None:
    """What the snippet for nginx and the Caddyfile send on, where a client sends headers of its own."""
    directives = dict(re.findall(r"^ +proxy_set_header (\S+) (\S+);$", DEPLOY, re.M))
    seen = {"$host": "registry.example.org", "$remote_addr": "203.0.113.7"}
    nginx = {name: seen.get(value, value) for name, value in directives.items()}
    assert set(nginx) == {"Host", "X-Forwarded-Proto", "X-Forwarded-For"}
    settings.TRUSTED_PROXIES = int(re.sub(r"\D", "", SERVICES["web"]["environment"]["TRUSTED_PROXIES"]))
    forged = {"X-Forwarded-For": "198.51.100.1", "X-Forwarded-Proto": "http"}
    request = rf.get("/", REMOTE_ADDR="172.18.0.1", headers={**forged, **nginx})
    assert source_of(request) == "203.0.113.7"
    assert request.headers["X-Forwarded-Proto"] == "https"
    caddy = (ROOT / "deploy" / "Caddyfile").read_text(encoding="utf-8")  # it sets both itself, unless told otherwise
    assert re.findall(r"^\s*(?:trusted_proxies|header_up)", caddy, re.M) == []
