"""The story's people and programs: each speaks to the registry as it would from outside."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

from service.demo.narrator import Narrator, Wrong
from service.stack import MANAGE, ROOT, Running

PATIENCE = 60.0  # seconds


def manage(registry: Running, *words: str) -> str:
    """A management command beside the running server; its stdout."""
    done = subprocess.run(
        [sys.executable, MANAGE, *words, "--home", str(registry.home)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PUBLIC_URL": registry.url},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Wrong(f"manage.py {' '.join(words)} ended with {done.returncode}\n{done.stderr}")
    return done.stdout.strip()


class Caller:
    """Somebody with a bearer token, or without one."""

    def __init__(self, registry: Running, narrator: Narrator, *, token: str | None = None) -> None:
        self._narrator = narrator
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx2.Client(base_url=registry.url + "/api/v1/", headers=headers, timeout=30)

    def get(self, path: str, *, wanted: int = 200) -> Any:
        return self._told(f"GET {path}", self._http.get(path), wanted)

    def post(self, path: str, body: Mapping[str, Any], *, wanted: int) -> Any:
        return self._told(f"POST {path}", self._http.post(path, json=body), wanted)

    def send(self, path: str, *, wanted: int, fields: Mapping[str, str], file: Path | None = None) -> Any:
        """A multipart form."""
        parts: dict[str, Any] = {name: (None, value) for name, value in fields.items()}
        if file is not None:
            parts["file"] = (file.name, file.read_bytes())
        return self._told(f"POST {path} ({', '.join(parts)})", self._http.post(path, files=parts), wanted)

    def receipt(self, path: str) -> bytes:
        """Ask until a checkpoint covers it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            answer = self._http.get(path)
            if answer.status_code == 200:
                return bytes(answer.content)
            time.sleep(0.2)
        raise Wrong(f"no receipt at {path} within {PATIENCE:.0f} s")

    def until_decided(self, images: list[str]) -> dict[str, Any]:
        """Ask until a worker has decided on each; by image."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = {image: self._http.get(f"me/images/{image}").json() for image in images}
            if all(picture["state"] != "submitted" for picture in found.values()):
                return found
            time.sleep(0.2)
        raise Wrong(f"the worker did not decide within {PATIENCE:.0f} s")

    def _told(self, asked: str, answer: httpx2.Response, wanted: int) -> Any:
        body = answer.json()
        self._narrator.answer(f"{asked} → {answer.status_code}", body)
        self._narrator.expect(f"{asked}, status", answer.status_code, wanted)
        return body


class Engineer:
    """A pipeline's machine: the consentkit command with its settings, and a folder."""

    def __init__(self, registry: Running, narrator: Narrator, *, key: str) -> None:
        self._narrator = narrator
        self.folder = registry.home / "pipeline"
        self.folder.mkdir()
        self._online = {
            "CONSENTKIT_URL": registry.url,
            "CONSENTKIT_KEY": key,
            "CONSENTKIT_LOG_KEY": registry.log_key,
            "CONSENTKIT_HOME": str(self.folder / "state"),
        }
        self._offline = {"CONSENTKIT_LOG_KEY": registry.log_key, "CONSENTKIT_HOME": str(self.folder / "empty")}

    def consentkit(self, *words: str, wanted: int = 0, offline: bool = False) -> str:
        """Run the command; its stdout. Offline it knows the log's public key and nothing else."""
        settings = self._offline if offline else self._online
        done = subprocess.run(
            [str(Path(sys.executable).with_name("consentkit")), *words],
            env={"PATH": os.environ.get("PATH", ""), "HOME": str(self.folder), "NO_COLOR": "1", **settings},
            capture_output=True,
            text=True,
            check=False,
        )
        shown = " ".join(Path(word).name if "/" in word else word for word in words)
        self._narrator.answer(f"$ consentkit {shown} → exit {done.returncode}", (done.stdout or done.stderr).strip())
        self._narrator.expect(f"consentkit {shown}, exit code", done.returncode, wanted)
        return done.stdout
