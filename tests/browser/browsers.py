"""A browser to drive: one that is there, else one that is installed now, else one line that says what to install."""

import os
import shutil
import subprocess
import sys
from typing import Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--no-default-browser-check",
    "--no-first-run",
)


def found() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def executable() -> str | None:
    """The path of a browser; None stands for the driver's own, which is then there. Raises RuntimeError."""
    if path := found():
        return path
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _quietly("apt-get", "update")
        _quietly("apt-get", "install", "--yes", "--no-install-recommends", "chromium")
        if path := found():
            return path
    if _quietly(sys.executable, "-m", "playwright", "install", "chromium"):
        return None
    raise RuntimeError(
        "The browser tests need a browser: install Debian's chromium, or run `playwright install chromium`."
    )


def _quietly(*argv: str) -> bool:
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(argv, check=False, capture_output=True, env=environ).returncode == 0


def flags() -> list[str]:
    """Chromium's sandbox cannot start as root."""
    return [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
