"""Untrusted picture bytes are decoded here and nowhere else, each file in a process of its own.

`Quarantine` (the caller's side) starts `python -m service.quarantine`, a server that has everything imported
and no network. For each file the server forks one child that has limits, no rights, no files and no
environment, and that ends with its answer. Linux only.
"""

from consentkit.formats import Rejection
from service.quarantine.caller import Crashed, Quarantine
from service.quarantine.findings import Examined
from service.quarantine.limits import Limits

__all__ = ["Crashed", "Examined", "Limits", "Quarantine", "Rejection"]
