"""E-mail addresses on the command line."""

from argparse import ArgumentTypeError

from service.requests import is_address


def address(text: str) -> str:
    """For argparse: the address as it is, or its one line of refusal."""
    if not is_address(text):
        raise ArgumentTypeError(f"{text[:80]!r} is not an e-mail address")
    return text
