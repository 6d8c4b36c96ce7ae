"""Codes that prove an address: typed by hand, so that spaces, dashes and small letters do not matter."""

import hashlib
from uuid import UUID


def digest(request: UUID, code: str) -> bytes:
    """What is kept of a code: nobody reads it out of the database, and no two requests share one."""
    plain = "".join(sign for sign in code.upper() if sign.isalnum())
    return hashlib.sha256(request.bytes + plain.encode()).digest()
