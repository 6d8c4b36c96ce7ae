"""`make demo`: the main story, told on a registry that is started for it, and stopped after it.

Every answer is printed as it came, and checked; the first wrong one ends the demonstration with a non-zero exit.
"""

import argparse
import os
import socket
import sys
import tempfile
import time
from pathlib import Path

from service.demo.narrator import Wrong
from service.demo.portraits import draw
from service.demo.story import tell
from service.embedded.errors import StackError
from service.home import fill
from service.stack import running

DRAWN = 4
KINDS = {".jpg", ".jpeg", ".png", ".webp"}


def main() -> int:
    """Exit code 0 when every answer was right."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--images", type=Path, help="a folder of portraits (default: a few drawn ones)")
    images = parser.parse_args().images
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="registry-demo-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        os.environ["CHECKPOINT_DIR"] = str(Path(folder) / "checkpoint")  # it goes with the demonstration
        fill(home, os.environ)
        try:
            pictures = _given(images) if images else _drawn(home)
            with running(home, port=_free_port(), bare=True) as registry:
                tell(registry, pictures)
        except StackError as error:  # its message says what to do
            sys.stderr.write(f"{error}\n")
            return 1
        except Wrong as wrong:  # an answer was not what the contract promises
            sys.stderr.write(f"\nWRONG: {wrong}\n")
            return 1
    sys.stdout.write(f"\nEvery answer was right. {time.monotonic() - began:.0f} seconds.\n")
    return 0


def _drawn(home: Path) -> list[Path]:
    folder = home / "drawn"
    folder.mkdir()
    paths = [folder / f"portrait-{seed}.jpg" for seed in range(1, DRAWN + 1)]
    for seed, path in enumerate(paths, start=1):
        path.write_bytes(draw(seed))
    return paths


def _given(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in KINDS) if folder.is_dir() else []
    if len(found) < 2:  # one is withdrawn, one is kept
        raise StackError(f"{folder} holds fewer than two pictures (JPEG, PNG or WebP).")
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


if __name__ == "__main__":
    sys.exit(main())
