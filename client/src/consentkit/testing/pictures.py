"""Pictures that nobody took."""

from hashlib import sha256


def picture(number: int) -> str:
    """The digest of one, 64 hex digits."""
    return sha256(str(number).encode()).hexdigest()
