"""Open an account: a way to sign in. It is nobody to the registry until its person is enrolled, so no entry."""

from django.db import transaction

from registry.models import Account


@transaction.atomic(durable=True)
def open_account(email: str) -> Account:
    """The account of this address, opened now where there is none. Two that race get the same one."""
    return Account.objects.opened(email)
