"""E-mail addresses on the command line."""

from argparse import ArgumentTypeError

from registry.errors import AddressInvalid
from registry.rules import addresses


def address(text: str) -> str:
    """For argparse: the address in its one form, or its one line of refusal."""
    try:
        return addresses.canonical(text)
    except AddressInvalid as fault:
        raise ArgumentTypeError(f"{text[:80]!r} is not an e-mail address. {fault.detail}") from fault
