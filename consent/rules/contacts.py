"""Addresses by which claimants are counted."""


def canonical(contact: str) -> str:
    """The one form of an address: what reaches the same mailbox is one claimant."""
    return contact.lower()
