"""Who used my pictures, in a running registry: a question that was answered is on the page within a minute."""

import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.browser.conftest import ROOT, Live, Visit
from tests.browser.test_accessible import faults
from tests.browser.test_story import no_word_of_ours
from tests.browser.visitor import Visitor

MINUTE = 60.0


def enrolled(live: Live, name: str) -> str:
    """A new pipeline's key."""
    argv = [sys.executable, str(ROOT / "manage.py"), "pipeline", "add", name, "--purpose", "ai_training"]
    argv += ["--purpose", "evaluation", "--home", str(live.home)]
    given = {
        "DATABASE_URL",
        "REDIS_URL",
        "SECRET_KEY",
        "LOG_SIGNING_KEY",
        "PUBLIC_URL",
        "REGISTRY_HOME",
        "CHECKPOINT_DIR",
    }
    env = {name: value for name, value in os.environ.items() if name not in given}
    return subprocess.run(argv, capture_output=True, text=True, check=True, cwd=ROOT, env=env).stdout.split()[-1]


def asked(live: Live, key: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{live.url}/api/v1/{path}", data, headers)) as answer:
        return json.loads(answer.read())


def wait_for(visitor: Visitor, words: str) -> None:
    until = time.monotonic() + MINUTE
    while words not in visitor.page.get_by_role("main").inner_text() and time.monotonic() < until:
        visitor.page.wait_for_timeout(1_000)
        visitor.page.reload()
    visitor.sees(words)


def test_who_asked_is_told_within_a_minute(visit: Visit, live: Live) -> None:
    ines = visit()
    ines.sign_in("asked@example.com")
    pictures: list[Path] = ines.draw(2)
    ines.add(pictures)
    ines.page.goto("/used")
    ines.sees("No organisation has asked about a picture of yours")
    key = enrolled(live, "Example Lab")
    digests = [hashlib.sha256(picture.read_bytes()).hexdigest() for picture in pictures]
    asked(live, key, "checks", {"purpose": "evaluation", "by": "sha256", "keys": digests})
    asked(live, key, "snapshot")
    ines.page.reload()
    wait_for(ines, "It asked about 2 of your pictures (testing), first on")
    ines.sees("May ask about: recognition and analysis, testing (research).")
    ines.sees("It takes the list of what may be used, and of what may not: last on")
    no_word_of_ours(ines)
    assert faults(ines) == []
    ines.page.goto("/pictures")
    ines.page.locator(".gallery a").first.click()
    ines.sees("It asked about this picture (testing), first on")
    no_word_of_ours(ines)
    assert faults(ines) == []
