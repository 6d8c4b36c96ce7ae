"""The server: `python -m service.quarantine LIMITS` with the caller's socket as standard input."""

import sys

from service.quarantine.limits import Limits
from service.quarantine.server import serve

serve(Limits.parse(sys.argv[1]))
