"""Bearer secrets: 32 random bytes behind a prefix that says whose they are; shown once, kept as SHA-256."""

import secrets
from typing import Final

PIPELINE: Final = "crk_"
PERSON: Final = "crp_"
STEWARD: Final = "crs_"


def fresh(prefix: str) -> str:
    """Only `[A-Za-z0-9_-]`."""
    return prefix + secrets.token_urlsafe(32)
