"""The fork server: one request, one child, one verdict, in turn, until the caller hangs up.

It never reads the picture nor the child's answer: both go through descriptors that the caller opened.
Request: one byte with two descriptors, the file and the pipe for the answer. Reply: a `Verdict`.
"""

import gc
import os
import select
import signal
import socket
import sys
import traceback
from typing import Final, NoReturn

from consentkit.fingerprints import golden
from service.quarantine import cell
from service.quarantine.examination import prepare_pillow
from service.quarantine.limits import Limits
from service.quarantine.verdicts import Verdict

READY: Final = b"r"


def serve(limits: Limits) -> None:
    """Standard input is the socket."""
    os.environ.clear()
    cell.leave_the_network()
    prepare_pillow()
    golden.check()  # Drifted ends the server: no fingerprints are made. Also imports all that decoding needs.
    gc.freeze()
    with socket.socket(fileno=0) as caller:
        try:
            caller.sendall(READY)
            _answer(caller, limits)
        except (BrokenPipeError, ConnectionResetError):  # the caller is gone: so are we
            return


def _answer(caller: socket.socket, limits: Limits) -> None:
    while True:
        said, descriptors, _, _ = socket.recv_fds(caller, 1, 2)
        if not said:
            return
        caller.sendall(_examine_apart(descriptors, caller, limits).format())


def _examine_apart(descriptors: list[int], caller: socket.socket, limits: Limits) -> Verdict:
    server = os.getpid()
    child = os.fork()
    if child == 0:
        _be_the_child(*descriptors, limits=limits, server=server)
    for descriptor in descriptors:
        os.close(descriptor)  # the caller sees the end of the answer when the child's copy goes
    stalled = not _ends_in_time(child, caller, limits.wall)
    if stalled:
        os.kill(child, signal.SIGKILL)
    _, ended = os.waitpid(child, 0)
    return Verdict(os.waitstatus_to_exitcode(ended), stalled)


def _ends_in_time(child: int, caller: socket.socket, seconds: float) -> bool:
    """False after `seconds`, or at once when the caller hangs up."""
    handle = os.pidfd_open(child)
    waiting = select.poll()
    waiting.register(handle, select.POLLIN)
    waiting.register(caller, 0)  # hanging up is always reported
    events = waiting.poll(seconds * 1000)
    os.close(handle)
    return any(descriptor == handle for descriptor, _ in events)


def _be_the_child(file: int, answer: int, *, limits: Limits, server: int) -> NoReturn:
    """Never returns: what goes wrong is written to the answer's pipe, and the exit code tells."""
    code = 1
    try:
        os.dup2(file, 0)
        os.dup2(answer, 1)
        os.dup2(answer, 2)
        cell.confine(limits, server=server)
        cell.read_and_answer()
        code = 0
    finally:
        if code:
            traceback.print_exc(file=sys.stderr)
            sys.stderr.flush()
        os._exit(code)
