"""A whole home that is copied and put back, as a backup of folders or a snapshot of a machine does it."""

import shutil
import urllib.request
from pathlib import Path
from typing import Final

from tests.drawn import jpeg
from tests.processes.conftest import free_port
from tests.processes.registry import Caller, command, serving

# Acts on the home's own database, without a web server: each start of one takes as long as all of this.
GROW: Final = """
from django.core.management import call_command
from consent.acts.enrol_pipeline import Access, enrol_pipeline
from registry.acts.issue_token import issue_token
from service import tokens
from tests.world import World
call_command("migrate", verbosity=0)
world = World.begun()
ines = world.person("ines")
image = world.image(ines)
world.grant(ines)
secrets = tokens.fresh(tokens.PERSON), tokens.fresh(tokens.PIPELINE)
issue_token(ines, secret=secrets[0], at=world.at)
enrol_pipeline(Access("lab", ("ai_training",), "research", world.collection), secret=secrets[1], at=world.at)
world.publish()
print(world.decision(world.pipeline("other"), image).decision, ines, image, *secrets)
"""
WITHDRAW: Final = """
from datetime import UTC, datetime
from uuid import UUID
from tests.world import World
world = World(datetime.now(UTC), UUID(int=0), UUID(int=0))
world.withdraw(UUID("{person}"))
print(world.publish().size)
"""


def told(home: Path, script: str) -> list[str]:
    """What a script says, run with Django on this home."""
    done = command("shell", "--home", str(home), "--verbosity=0", "--command", script)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def checkpoint(url: str) -> bytes:
    with urllib.request.urlopen(f"{url}/log/checkpoint", timeout=30) as said:
        content: bytes = said.read()
        return content


def test_a_home_that_is_put_back_forgets_nothing(tmp_path: Path) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy"
    decision, person, image, token, key = told(home, GROW)
    assert decision == "permitted"
    shutil.copytree(home, copy, symlinks=True)
    assert int(told(home, WITHDRAW.format(person=person))[0]) > 0
    shutil.rmtree(home)
    copy.rename(home)
    with serving(home, port=free_port()) as registry:
        ines, lab = Caller(registry.url, token), Caller(registry.url, key)
        old, before = checkpoint(registry.url), registry.rows("SELECT size FROM registry_loghead")
        assert ines.get("/readyz").status == 503
        assert lab.decisions(image) == ["unknown"]
        assert ines.grant().status == 503
        assert ines.send_file("/api/v1/me/images", jpeg(seed=2), depicts="self").status == 503
        assert ines.withdraw().status == 201
        assert lab.decisions(image) == ["excluded"]
        checked = command("restore_check", "--home", str(home))
        assert (checked.returncode, "FAULT" in checked.stdout) == (3, True)
        assert ines.get("/readyz").status == 503
        assert checkpoint(registry.url) == old
        assert registry.rows("SELECT size FROM registry_loghead") == [(before[0][0] + 1,)]
