"""Signing in: one page asks for an address, one for the code that was sent to it. There are no passwords.

An address that we do not know yet gets an account and a code like any other, so nobody learns from these pages who is
known here. Every sign-in proves the address, so there is no verification apart from it.
"""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import ConfirmLoginCodeForm, RequestLoginCodeForm
from django import forms
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.messages import ERROR
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from registry.acts.open_account import open_account


class Adapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth has no types
    """Where allauth asks the project."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "incorrect_code": _("That is not the code. Look at it again."),
        "too_many_login_attempts": _("That was too often. Wait a minute and ask for a new code."),
    }

    def add_message(self, request: HttpRequest, level: int, *args: Any, **kwargs: Any) -> None:
        """Only what went wrong is worth a banner; "you have signed in" the page itself says."""
        if level >= ERROR:
            super().add_message(request, level, *args, **kwargs)


class AddressForm(RequestLoginCodeForm):  # type: ignore[misc] # allauth has no types
    """Where to send the code."""

    _user: AbstractBaseUser | None
    email = forms.EmailField(
        label=_("Your e-mail address"),
        max_length=254,
        error_messages={
            "required": _("Enter your e-mail address."),
            "invalid": _("Enter an e-mail address like name@example.com."),
        },
        widget=forms.EmailInput(attrs={"autocomplete": "email", "spellcheck": "false"}),
    )

    def clean_email(self) -> str:
        """allauth's own check holds the rate limit; only after it an account is opened."""
        email: str = super().clean_email().lower()
        if self._user is None:
            self._user = open_account(email)
        return email


class CodeForm(ConfirmLoginCodeForm):  # type: ignore[misc] # allauth has no types
    """The code that was sent."""

    code = forms.CharField(
        label=_("The code"),
        max_length=32,
        error_messages={"required": _("Enter the code from our e-mail.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )

    @property
    def mail_folder(self) -> str:
        """Where mail is kept when none is sent; empty when it is sent."""
        return str(settings.EMAIL_FILE_PATH) if "filebased" in settings.EMAIL_BACKEND else ""
