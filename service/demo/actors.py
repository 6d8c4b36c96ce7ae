"""The story's people and programs: each speaks to the registry as it would from outside."""

import html
import os
import re
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
PURPOSE = "ai_training"
CSRF = "csrfmiddlewaretoken"


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


class Lab(Caller):
    """A pipeline's program, which asks before it uses a picture."""

    def check(self, digests: list[str]) -> list[tuple[str, str | None]]:
        """Decision and reason of each, in their order."""
        body = self.post("checks", {"purpose": PURPOSE, "by": "sha256", "keys": digests}, wanted=200)
        self._narrator.expect("the keys", [each["key"] for each in body["decisions"]], digests)
        return [(each["decision"], each["reason"]) for each in body["decisions"]]

    def until_decided_as(self, digest: str, *wanted: str) -> None:
        """Ask quietly until a worker has done its part, and this is the answer; then aloud."""
        asked = {"purpose": PURPOSE, "by": "sha256", "keys": [digest]}
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            [answer] = self._http.post("checks", json=asked).json()["decisions"]
            if (answer["decision"], answer["reason"]) == wanted:
                break
            time.sleep(0.2)
        self._narrator.expect("the decision", self.check([digest]), [wanted])


class Steward:
    """Somebody at the desk, whose browser runs no scripts."""

    def __init__(self, registry: Running, narrator: Narrator, *, token: str) -> None:
        self._narrator = narrator
        self._http = httpx2.Client(base_url=registry.url, timeout=30, follow_redirects=True)
        form = {"token": [token], "csrfmiddlewaretoken": _values(self._http.get("/desk/sign-in").text, CSRF)}
        answer = self._http.post("/desk/sign-in", data=form)
        narrator.expect("where the token leads", answer.url.path, "/desk/")

    def find(self, words: str) -> str:
        """The address of the open case whose row says this."""
        for row in self._http.get("/desk/").text.split("<tr>"):
            if words in _text(row) and (link := re.search(r'href="(/desk/cases/[^"]+)"', row)):
                return link.group(1)
        raise Wrong(f"no open case says {words!r}")

    def reads(self, address: str) -> str:
        """What a page says, from its main heading on; the steward sees all of it."""
        page = self._http.get(address)
        said = _text(page.text.partition("<main")[2].partition("</main>")[0]).partition(">")[2].strip()
        self._narrator.answer(f"GET {address} → {page.status_code}", said[said.find("Pictures ") :])
        self._narrator.expect(f"GET {address}, status", page.status_code, 200)
        return said

    def kind_of(self, address: str) -> tuple[int, str]:
        """Status and media type."""
        answer = self._http.get(address)
        return answer.status_code, answer.headers["content-type"].partition(";")[0]

    def decides(self, address: str, *, move: str, ground: str) -> None:
        """As the page has it ticked; through the page that shows what will happen."""
        page = self._http.get(address).text
        form = {name: _values(page, name) for name in (CSRF, "seen", "same")}
        form |= {"move": [move], "ground": [ground]}
        self._post(f"{address}/check", form)
        self._post(f"{address}/decide", form)

    def _post(self, address: str, form: Mapping[str, list[str]]) -> None:
        answer = self._http.post(address, data=dict(form))
        shown = {name: values for name, values in form.items() if name in ("move", "ground", "same")}
        self._narrator.answer(f"POST {address} → {answer.status_code}", shown)
        self._narrator.expect(f"POST {address}, status", answer.status_code, 200)


def _values(page: str, name: str) -> list[str]:
    """What a form's fields of this name would send."""
    found = [field for field in re.findall(r"<input[^>]+>", page) if f'name="{name}"' in field]
    sent = [field for field in found if 'type="checkbox"' not in field or " checked" in field]
    values = [match.group(1) for field in sent if (match := re.search(r'value="([^"]*)"', field))]
    return list(dict.fromkeys(values))[:1] if name == CSRF else values


def _text(page: str) -> str:
    """What is read at a glance: without what is folded away."""
    open_ = re.sub(r"<details>.*?</details>", "", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", open_)).split())


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
