"""Keys and tokens at the doors: what has ended opens none of them, from the next request on, in a running server."""

import secrets
import uuid
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.test import Client
from django.urls import URLPattern
from django.utils import timezone
from pytest_django import Settings

from consent.acts.disable_pipeline import disable_pipeline
from consent.acts.issue_key import issue_key
from consent.acts.revoke_key import revoke_key
from registry.acts.revoke_tokens import revoke_tokens
from registry.reads.people import bearer
from registry.reads.secrets import tokens_of
from service import tokens
from service.api import urls
from service.api.doors import PersonDoor, PipelineDoor
from tests.api.conftest import Doors, slug
from tests.drawn import jpeg
from tests.world import World

VALUES: Final = {"uuid": str(uuid.UUID(int=7)), "int": "0", "sha256": "0" * 64}


def doors_of(kind: type[PipelineDoor] | type[PersonDoor]) -> list[tuple[str, str]]:
    """Every (method, path) that opens to such a secret, out of the table of addresses: none can be forgotten."""
    found = []
    for each in urls.urlpatterns:
        assert isinstance(each, URLPattern)
        view = getattr(each.callback, "cls", None)
        if view is not None and issubclass(view, kind):
            named = dict.fromkeys(each.pattern.converters, VALUES["uuid"]) | {
                name: VALUES["int"] for name, of in each.pattern.converters.items() if "Int" in type(of).__name__
            }
            route = str(each.pattern)
            for name, of in each.pattern.converters.items():
                route = route.replace(f"<{'int' if 'Int' in type(of).__name__ else 'uuid'}:{name}>", named[name])
            route = route.replace("^snapshot/parts/(?P<sha256>[0-9a-f]{64})$", f"snapshot/parts/{VALUES['sha256']}")
            found += [(method, route) for method in ("get", "post", "patch", "delete") if hasattr(view, method)]
    return found


PIPELINES: Final = doors_of(PipelineDoor)
PEOPLE: Final = doors_of(PersonDoor)


def ask(doors: Doors, method: str, path: str, secret: str) -> Any:
    headers = {"Authorization": f"Bearer {secret}"}
    return doors.client.generic(method.upper(), f"/api/v1/{path}", b"{}", "application/json", headers=headers)


def test_the_table_has_all_doors() -> None:
    assert len(PIPELINES) >= 13
    assert len(PEOPLE) >= 8
    assert ("post", "me/withdrawals") in PEOPLE
    assert ("get", f"snapshot/parts/{'0' * 64}") in PIPELINES


@pytest.fixture
def aged(database: str, settings: Settings, tmp_path: Path) -> Doors:
    """A registry that began more than a year ago: what was issued then has ended by itself."""
    settings.STATIC_ROOT = tmp_path
    return Doors(World.begun(ago=timedelta(days=366)), Client(raise_request_exception=False))


def test_every_door_of_a_pipeline_refuses_a_key_that_has_ended(aged: Doors) -> None:
    doors, expired = aged, aged.key()
    doors.world.at = timezone.now()
    revoked, disabled = doors.key(), doors.key()
    revoke_key("lab 2", label="key-1", at=timezone.now())
    disable_pipeline("lab 3", at=timezone.now())
    for method, path in PIPELINES:
        for secret in (expired, revoked, disabled):
            answer = ask(doors, method, path, secret)
            assert (answer.status_code, slug(answer)) == (401, "credentials-invalid"), (method, path)
            assert "Key-Expires-At" not in answer.headers


def test_every_door_of_a_person_refuses_a_token_that_has_ended(aged: Doors) -> None:
    doors, ines = aged, aged.world.person("ines")
    expired = doors.token(ines)
    doors.world.at = timezone.now()
    revoked = doors.token(ines)
    revoke_tokens(ines, tokens="all", at=timezone.now())
    for method, path in PEOPLE:
        for secret in (expired, revoked):
            answer = ask(doors, method, path, secret)
            assert (answer.status_code, slug(answer)) == (401, "credentials-invalid"), (method, path)


def test_a_token_opens_no_door_of_another_kind(world: World, doors: Doors) -> None:
    key, token = doors.key(), doors.token(world.person("ines"))
    for method, path in PIPELINES:
        assert ask(doors, method, path, token).status_code == 403, (method, path)
    for method, path in PEOPLE:
        assert ask(doors, method, path, key).status_code == 403, (method, path)


def test_a_leaked_token_that_is_ended_neither_grants_nor_reads(world: World, doors: Doors) -> None:
    """The owner ends it with another one: the thief's next request, over the connection that was open, is refused."""
    ines = world.person("ines")
    image, leaked, own = world.image(ines), doors.token(ines), doors.token(ines)
    thief = Client(raise_request_exception=False)
    grant = {"images": "all", "purposes": ["ai_training"], "notice": str(world.notice)}
    assert doors.get("me/images", leaked).status_code == 200
    listed = doors.get("me/tokens", own).json()["tokens"]
    (number,) = [each["token"] for each in listed if not each["this"]]
    assert own not in str(listed)
    assert leaked not in str(listed)
    assert ask(doors, "delete", f"me/tokens/{number}", own).status_code == 204
    assert ask(doors, "delete", f"me/tokens/{number}", own).status_code == 204
    for path in ("me/images", f"me/images/{image}", "me/tokens"):
        assert thief.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {leaked}"}).status_code == 401
    assert doors.post("me/grants", leaked, grant).status_code == 401
    assert doors.decisions(doors.key(), image) == [("excluded", "not_covered")]
    ends = {each["token"]: each["ended"] for each in doors.get("me/tokens", own).json()["tokens"]}
    assert ends[number] == "revoked"


def test_nobody_ends_another_persons_token(world: World, doors: Doors) -> None:
    ines, tom = world.person("ines"), world.person("tom")
    hers, his = doors.token(ines), doors.token(tom)
    (number,) = [each.id for each in tokens_of(ines, at=world.at)]
    refused = ask(doors, "delete", f"me/tokens/{number}", his)
    unknown = ask(doors, "delete", f"me/tokens/{uuid.uuid4()}", his)
    assert (refused.status_code, refused.content) == (unknown.status_code, unknown.content) == (404, refused.content)
    assert bearer(hers, at=timezone.now()) is not None
    assert [each["this"] for each in doors.get("me/tokens", his).json()["tokens"]] == [True]


class Slow(BytesIO):
    """A body whose last byte comes after something else has happened."""

    def __init__(self, body: bytes, meanwhile: Any) -> None:
        super().__init__(body)
        self.meanwhile = meanwhile

    def read(self, size: int | None = -1) -> bytes:
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return super().read(size)


SLOW: Final = [
    ("me/grants", b'{"images": "all", "purposes": ["ai_training"], "notice": "NOTICE"}', "application/json"),
    ("me/withdrawals", b'{"images": "all", "purposes": "all"}', "application/json"),
]


@pytest.mark.parametrize(("path", "body", "kind"), SLOW)
def test_a_token_that_is_revoked_while_the_body_comes_does_nothing(
    world: World, doors: Doors, path: str, body: bytes, kind: str
) -> None:
    ines = world.person("ines")
    image, token, key = world.image(ines), doors.token(ines), doors.key()
    before = doors.decisions(key, image)
    body = body.replace(b"NOTICE", str(world.notice).encode())
    answer = slowly(path, body, kind, token, meanwhile=lambda: revoke_tokens(ines, tokens="all", at=timezone.now()))
    assert answer.status_code == 401
    assert doors.decisions(key, image) == before


def test_an_upload_whose_token_is_revoked_on_the_way_is_nobodys(world: World, doors: Doors) -> None:
    ines = world.person("ines")
    token, other = doors.token(ines), doors.token(ines)
    (leaked,) = [each.id for each in tokens_of(ines, at=world.at) if each.label == "token-1"]
    boundary = b"--b\r\nContent-Disposition: form-data; name="
    body = boundary + b'"depicts"\r\n\r\nself\r\n' + boundary + b'"file"; filename="a.jpg"\r\n\r\n'
    body += jpeg(3) + b"\r\n--b--\r\n"
    answer = slowly(
        "me/images",
        body,
        "multipart/form-data; boundary=b",
        token,
        meanwhile=lambda: revoke_tokens(ines, tokens=[leaked], at=timezone.now()),
    )
    assert answer.status_code == 401
    assert doors.get("me/images", other).json()["images"] == []


def test_a_key_that_is_revoked_while_the_body_comes_reads_nothing(world: World, doors: Doors) -> None:
    key = doors.key()
    body = b'{"purpose": "ai_training", "by": "sha256", "keys": ["' + b"0" * 64 + b'"]}'
    answer = slowly(
        "checks",
        body,
        "application/json",
        key,
        meanwhile=lambda: revoke_key("lab", label="key-1", at=timezone.now()),
    )
    assert answer.status_code == 401


def slowly(path: str, body: bytes, kind: str, secret: str, *, meanwhile: Any) -> Any:
    """POST with a body during which something happens."""
    from django.core.handlers.wsgi import WSGIHandler

    environ = Client()._base_environ(
        REQUEST_METHOD="POST",
        PATH_INFO=f"/api/v1/{path}",
        CONTENT_TYPE=kind,
        CONTENT_LENGTH=str(len(body)),
        HTTP_AUTHORIZATION=f"Bearer {secret}",
    )
    environ["wsgi.input"] = Slow(body, meanwhile)
    handler = WSGIHandler()
    return handler.get_response(WSGIRequest(environ))


def test_each_answer_says_when_the_key_ends(world: World, doors: Doors) -> None:
    key, fresh = doors.key(), tokens.fresh(tokens.PIPELINE)
    issue_key("lab", secret=fresh, at=world.at + timedelta(days=100))
    ends = [datetime.fromisoformat(doors.get("notifications", each).headers["Key-Expires-At"]) for each in (key, fresh)]
    assert [round((end - world.at) / timedelta(days=1)) for end in ends] == [365, 465]
    refused = doors.post("checks", key, {"purpose": "evaluation", "by": "image", "keys": [str(uuid.uuid4())]})
    assert refused.status_code == 403
    assert "Key-Expires-At" in refused.headers
    assert "Key-Expires-At" not in doors.get("notifications", f"crk_{secrets.token_urlsafe(32)}").headers


def test_the_last_use_is_noted_and_nothing_depends_on_it(world: World, doors: Doors) -> None:
    ines = world.person("ines")
    token = doors.token(ines)
    assert doors.get("me/tokens", token).status_code == 200
    (held,) = tokens_of(ines, at=timezone.now())
    assert held.used_at is not None
    doors.get("me/tokens", token)
    assert tokens_of(ines, at=timezone.now())[0].used_at == held.used_at
