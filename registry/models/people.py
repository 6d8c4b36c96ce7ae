"""People: how someone signs in (Account) and who someone is to the registry (Person) are kept apart."""

from typing import ClassVar
from uuid import UUID, uuid4

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q

from registry.errors import NotFound
from registry.models.secrets import Secret, SecretQuerySet
from registry.rules import addresses


class AccountManager(BaseUserManager["Account"]):
    """Accounts are found by their address's one form, however it is written."""

    def opened(self, email: str) -> "Account":
        """The account of this address, locked; opened now where there is none. Two that race meet at its row.

        Raises AddressInvalid.
        """
        address = addresses.canonical(email)
        fresh = Account(email=address)
        fresh.set_unusable_password()
        self.bulk_create([fresh], ignore_conflicts=True)
        return self.select_for_update().get(email=address)

    def steward(self, email: str) -> "Account":
        """The steward of this address, locked. Raises NotFound."""
        found = self.select_for_update().filter(email=addresses.canonical(email), is_steward=True).first()
        if found is None:
            raise NotFound("No steward has this address. `manage.py steward list` shows them.")
        return found

    def locked(self, *emails: str) -> dict[str, "Account"]:
        """Those that there are of these addresses (in their one form), by address; locked by id."""
        found = self.filter(email__in=emails).order_by("id").select_for_update()
        return {account.email: account for account in found}

    def get_by_natural_key(self, username: str | None) -> "Account":
        return self.get(email=addresses.canonical(username or ""))


class Account(AbstractBaseUser):
    """A way to sign in: an address that receives codes, in its one form. It says nothing about whom an image shows."""

    email = models.EmailField(max_length=254, unique=True)
    is_active = models.BooleanField(default=True)
    is_steward = models.BooleanField(default=False)
    opened_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = AccountManager()

    class Meta:
        # Beside `unique`: nothing can be written here that only looks like another account's address.
        constraints = [
            models.CheckConstraint(condition=models.Q(email__regex="^[!-@[-~]+$"), name="account_address_is_canonical")
        ]


class PersonQuerySet(models.QuerySet["Person"]):
    """The lock order of the house: persons first, each by id."""

    def locked(self, person: UUID) -> "Person":
        """Raises Person.DoesNotExist."""
        return self.select_for_update(no_key=True).get(id=person)


class Person(models.Model):
    """Someone to the registry, under a pseudonym: subject, contributor or photographer, never merged.

    A person may have no account (somebody depicted who never signed in), and an account several persons: those of
    accounts that were joined. Pseudonyms are never merged, for the log names them.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    account = models.ForeignKey(Account, null=True, on_delete=models.SET_NULL, related_name="persons")
    enrolled_at = models.DateTimeField()

    objects = PersonQuerySet.as_manager()


class PersonToken(Secret):
    """A bearer token scoped to one person, for their own apps and consent managers."""

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="tokens")

    objects = SecretQuerySet["PersonToken"].as_manager()

    person_id: UUID

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person", "label"], condition=Q(revoked_at=None), name="token_label_is_one"
            ),
        ]


class StewardToken(Secret):
    """A token that signs a steward in at the desk."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="steward_tokens")

    objects = SecretQuerySet["StewardToken"].as_manager()

    account_id: int

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "label"], condition=Q(revoked_at=None), name="desk_token_label_is_one"
            ),
        ]
