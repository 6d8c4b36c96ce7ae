"""The home: a folder with everything that one embedded registry keeps.

    images/ snapshots/ mail/     what people brought, what pipelines fetch, codes that were sent
    secrets/                     the session secret and the log's key, made once, readable by the owner only
    postgres/ broker/ log/       the embedded servers and everybody's output

The last signed checkpoint is not in it: `service/env.py` says where.

No Django here: this runs before the settings are read.
"""

import os
import secrets
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from consentkit.notes import Signer
from service.embedded.errors import StackError
from service.embedded.stack import addresses_of, servers

DEFAULT: Final = "var"
STARTS_ITS_OWN: Final = frozenset({"serve"})
NEEDS_NO_SERVER: Final = frozenset({"help", "check", "log_key", "collectstatic"})
NOWHERE: Final = {"DATABASE_URL": "postgres://nowhere/none", "REDIS_URL": "redis://nowhere/0"}


@contextmanager
def prepared(argv: Sequence[str]) -> Iterator[list[str]]:
    """Take `--home` out of the arguments, fill the environment from the home, and find its servers."""
    home, rest = split(argv)
    command = rest[1] if len(rest) > 1 else "help"
    fill(home, os.environ)
    asks_for_help = {"-h", "--help"} & set(rest)
    if command in NEEDS_NO_SERVER | STARTS_ITS_OWN or asks_for_help:
        for variable, value in NOWHERE.items():
            os.environ.setdefault(variable, value)
        yield rest
        return
    try:
        with running(home):
            yield rest
    except StackError as error:  # its message says what to do
        sys.exit(str(error))


def split(argv: Sequence[str]) -> tuple[Path, list[str]]:
    """The home, and the arguments without it; `--home DIR` and `--home=DIR` alike."""
    home, rest, words = os.environ.get("REGISTRY_HOME") or DEFAULT, list[str](), iter(argv)
    for word in words:
        if word == "--home":
            home = next(words, DEFAULT)
        elif word.startswith("--home="):
            home = word.removeprefix("--home=")
        else:
            rest.append(word)
    return Path(home).absolute(), rest


def fill(home: Path, environ: MutableMapping[str, str]) -> None:
    """Whatever is not given comes from the home. Given values always win."""
    environ["REGISTRY_HOME"] = str(home)
    if not environ.get("EMAIL_URL"):  # codes are written here: whoever reads them signs in as anybody
        (home / "mail").mkdir(parents=True, exist_ok=True)
        (home / "mail").chmod(0o700)
    environ.setdefault("PUBLIC_URL", "http://127.0.0.1:8000")
    if not environ.get("SECRET_KEY"):
        environ["SECRET_KEY"] = _kept(home, "secret_key", secrets.token_urlsafe(48))
    if not environ.get("LOG_SIGNING_KEY"):
        name = f"registry-{secrets.token_hex(4)}.localhost/log"
        environ["LOG_SIGNING_KEY"] = _kept(home, "log_signing_key", Signer.generate(name).encode())


def _kept(home: Path, name: str, fresh: str) -> str:
    """The secret of this name, made the first time. Two that race keep the first one's."""
    path = home / "secrets" / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        made = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:  # made before
        return path.read_text()
    with os.fdopen(made, "w") as out:
        out.write(fresh)
    return fresh


@contextmanager
def running(home: Path) -> Iterator[None]:
    """The addresses of a registry that runs on this home, else servers of our own for the duration."""
    if os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        yield
    elif found := addresses_of(home):
        os.environ.setdefault("DATABASE_URL", found.database_url)
        os.environ.setdefault("REDIS_URL", found.redis_url)
        yield
    else:
        with servers(home) as own:
            os.environ["DATABASE_URL"] = own.database_url
            os.environ["REDIS_URL"] = own.redis_url
            yield
