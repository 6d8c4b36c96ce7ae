"""Run a program that is signalled when its parent dies: leash.py SIGNAL PARENT PROGRAM [ARGUMENT...].

A program of its own, because what runs between fork and exec in a process with threads may deadlock.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h; kept across exec, cleared when the uid changes


def main(signal: str, parent: str, *program: str) -> None:
    """Become the program, tied to the parent. Exits 1 if the parent is already gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal), 0, 0, 0)
    if os.getppid() != int(parent):  # it died before the line above: no signal would ever come
        sys.exit(1)
    os.execvp(program[0], program)  # noqa: S606 - to run it is the purpose


if __name__ == "__main__":
    main(*sys.argv[1:])
