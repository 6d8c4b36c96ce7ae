"""A program for these tests: a home's servers and children until a signal.

supervise.py HOME [NAME=COMMAND ...]; the child called `web` is the vital one. Prints `ready` once all is up.
"""

import os
import sys
from pathlib import Path

from service.embedded.errors import StackError
from service.embedded.processes import Child, Supervisor, orderly
from service.embedded.stack import servers


def main(home: Path, *commands: str) -> None:
    named = [command.split("=", 1) for command in commands]
    children = [
        Child(name=name, argv=["/bin/sh", "-c", line], env=os.environ, vital=name == "web", grace=1.0)
        for name, line in named
    ]
    with (
        orderly(),
        servers(home, durable=False) as running,
        Supervisor(children, log=home / "log", servers=running) as supervisor,
    ):
        supervisor.wait_until(lambda: True, within=5)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        supervisor.watch()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), *sys.argv[2:])
    except StackError as error:  # as every command does: the message, and no traceback
        sys.exit(str(error))
