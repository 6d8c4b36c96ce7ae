"""The project's settings as the type checker loads them: nothing is started, nothing is connected to."""

import os

from consentkit.notes import Signer

os.environ.setdefault("DATABASE_URL", "postgres://nowhere/none")
os.environ.setdefault("REDIS_URL", "redis://nowhere/0")
os.environ.setdefault("SECRET_KEY", "x" * 50)
os.environ.setdefault("LOG_SIGNING_KEY", Signer.generate("types.localhost/log").encode())
os.environ.setdefault("PUBLIC_URL", "http://127.0.0.1:8000")

from service.settings import *  # noqa: F403 - after the environment that they read
