"""A replica answers nothing with *permitted*: what was withdrawn on its primary may not have arrived."""

import os
import subprocess
import sys
from pathlib import Path

from tests.embedded.homes import REPOSITORY

LOOK = """
import os, sys
from pathlib import Path

import django
from service.embedded.stack import servers
from service.home import fill

home = Path(sys.argv[1])
with servers(home, durable=False) as own:
    fill(home, os.environ)
    os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = own.database_url, own.redis_url
    os.environ["DJANGO_SETTINGS_MODULE"] = "service.settings"
    django.setup()
    from django.core.management import call_command
    from django.utils import timezone
    from registry.log.readiness import doubt

    if sys.argv[2] == "primary":
        call_command("bootstrap", verbosity=0)
    print(doubt(timezone.now()))
"""


def looked(home: Path, which: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", LOOK, str(home), which],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_replica_is_a_doubt(home: Path) -> None:
    assert looked(home, "primary") == "None"
    (home / "postgres" / "standby.signal").touch()
    assert "this database is a replica, and may lag: set DATABASE_URL to the primary" in looked(home, "replica")
