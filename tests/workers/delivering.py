"""A sender that is killed at one point of a delivery, in a process of its own (SIGKILL: nothing is tidied up)."""

import os
from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402 - needs the line above

from consent.rules.endpoints import Network  # noqa: E402
from service import tasks  # noqa: E402
from service.hooks import egress  # noqa: E402
from tests.core.dying import deadly  # noqa: E402


def die(database: str, networks: list[Network], port: int, certificate: Path, place: str, when: str) -> None:
    """A turn of the task that dies before or after `take`, `post` or `settle`."""
    os.environ["SSL_CERT_FILE"] = str(certificate)  # the fork server may be older than the certificate
    settings.DATABASES["default"]["NAME"] = database
    settings.WEBHOOK_NETWORKS, settings.WEBHOOK_PORTS = networks, [port]
    owner = egress if place == "post" else tasks.delivering
    setattr(owner, place, deadly(getattr(owner, place), when))
    tasks.deliver()
