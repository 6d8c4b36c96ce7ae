"""A client that speaks the API, over a world built by acts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from consent.acts.enrol_pipeline import Access, enrol_pipeline
from registry.acts.issue_token import issue_token
from service import tokens
from tests.world import World

API: Final = "/api/v1/"


@dataclass
class Doors:
    """Requests as a program sends them; `raise_request_exception` is off, so a fault of ours shows as a 500."""

    world: World
    client: Client

    def key(self, *purposes: str, audience: str = "research", collection: UUID | None = None) -> str:
        secret = tokens.fresh(tokens.PIPELINE)
        name = self.world.unused("lab")
        access = Access(name, purposes or ("ai_training",), audience, collection or self.world.collection)
        enrol_pipeline(access, secret=secret, at=self.world.at)
        return secret

    def token(self, person: UUID) -> str:
        secret = tokens.fresh(tokens.PERSON)
        issue_token(person, secret=secret, at=self.world.at)
        return secret

    def get(self, path: str, key: str | None = None, **headers: str) -> Any:
        return self.client.get(_full(path), headers=_headers(key, headers))

    def post(self, path: str, key: str | None = None, body: Any = None, **headers: str) -> Any:
        return self.raw(path, key, json.dumps(body).encode(), **headers)

    def raw(self, path: str, key: str | None, body: bytes, *, kind: str = "application/json", **headers: str) -> Any:
        return self.client.generic("POST", _full(path), body, content_type=kind, headers=_headers(key, headers))

    def upload(self, key: str, *files: bytes, name: str = "picture.jpg", **fields: str | list[str]) -> Any:
        form: dict[str, Any] = {"depicts": "self", **fields}
        if files:
            form["file"] = [SimpleUploadedFile(name, content) for content in files]
        return self.client.post(_full("me/images"), form, headers=_headers(key, {}))

    def patch(self, path: str, key: str, body: Any) -> Any:
        content, headers = json.dumps(body).encode(), _headers(key, {})
        return self.client.generic("PATCH", _full(path), content, content_type="application/json", headers=headers)

    def notice(self) -> str:
        """The current notice's number."""
        return str(self.get("notices/current").json()["notice"])

    def check(self, key: str, keys: Sequence[str], *, purpose: str = "ai_training", by: str = "image") -> Any:
        answer = self.post("checks", key, {"purpose": purpose, "by": by, "keys": list(keys)})
        assert answer.status_code == 200, answer.content
        return answer.json()

    def decisions(self, key: str, *keys: str | UUID, purpose: str = "ai_training", by: str = "image") -> list[Any]:
        found = self.check(key, [str(each) for each in keys], purpose=purpose, by=by)["decisions"]
        return [(each["decision"], each["reason"]) for each in found]


def slug(answer: Any) -> str:
    """Which problem this is; the body must be RFC 9457."""
    assert answer.headers["Content-Type"] == "application/problem+json", answer.content
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"]
    assert body["detail"]
    return str(body["type"]).removeprefix("/problems/")


def _full(path: str) -> str:
    return path if path.startswith("/") else API + path


def _headers(key: str | None, more: Mapping[str, str]) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return {**named, "Authorization": f"Bearer {key}"} if key else named


@pytest.fixture
def doors(world: World, settings: Settings, tmp_path: Path) -> Doors:
    (tmp_path / "static").mkdir()
    settings.STATIC_ROOT = tmp_path / "static"  # there, so that nobody warns of its absence
    return Doors(world, Client(raise_request_exception=False))
