"""Signing in: one page asks for an address, one for the code that was sent to it. There are no passwords.

Every address gets a code, and an account only once the code was entered: so nobody learns from these pages who is
known here, and what somebody types opens nothing. Every sign-in proves the address; no other verification is needed.

A code belongs to the browser that asked for it. Neither asking nor guessing elsewhere changes it (law 14).
"""

import unicodedata
from collections.abc import Sequence
from secrets import compare_digest
from typing import Any, Final

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import ConfirmLoginCodeForm, RequestLoginCodeForm
from allauth.account.internal.flows.login_by_code import LoginCodeVerificationProcess
from allauth.account.internal.stagekit import unstash_login
from allauth.account.models import Login
from allauth.account.stages import LoginByCodeStage, LoginStageController
from django import forms
from django.conf import settings
from django.contrib.messages import ERROR
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from registry.errors import AddressInvalid
from registry.rules import addresses
from service import mail

EARLIER: Final = "earlier_codes"  # in the session: what codes of this browser were replaced by a newer one, hashed
MOST_EARLIER: Final = 5
LONGEST_TYPED: Final = 1_000  # characters; a whole mail may be pasted


class Adapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth has no types
    """Where allauth asks the project."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "incorrect_code": _("That is not the code. Look at it again."),
        "too_many_login_attempts": _("That was not the code, too many times. Ask for a new one."),
    }

    def add_message(self, request: HttpRequest, level: int, *args: Any, **kwargs: Any) -> None:
        """Only what went wrong is worth a banner; "you have signed in" the page itself says."""
        if level >= ERROR:
            super().add_message(request, level, *args, **kwargs)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Raises Problem, as `service.mail.send` does."""
        mail.send(self.render_mail(template_prefix, email, context))


class AddressForm(RequestLoginCodeForm):  # type: ignore[misc] # allauth has no types
    """Where to send the code. `email` becomes the address in its one form."""

    email = forms.CharField(
        label=_("Your e-mail address"),
        max_length=LONGEST_TYPED,
        error_messages={"required": _("Enter your e-mail address.")},
        widget=forms.EmailInput(attrs={"autocomplete": "email", "spellcheck": "false"}),
    )

    def clean_email(self) -> str:
        """allauth's own would look for an account; there need not be one."""
        try:
            return addresses.canonical(self.cleaned_data["email"])
        except AddressInvalid as fault:
            words = _("Enter an e-mail address like name@example.com.")
            raise forms.ValidationError(f"{words} {fault.detail}") from fault


class CodeForm(ConfirmLoginCodeForm):  # type: ignore[misc] # allauth has no types
    """The code that was sent, however it is written down. `earlier`: hashes of codes that a newer one has replaced."""

    code = forms.CharField(
        label=_("The code"),
        max_length=LONGEST_TYPED,
        error_messages={"required": _("Enter the code from our e-mail.")},
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"}
        ),
    )

    def __init__(self, *args: Any, earlier: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._earlier = earlier

    def clean_code(self) -> str:
        """The code may stand at either end of what was typed, as in our letter's lines; nowhere else, so that a long
        text is not many guesses.
        """
        typed, expected = bare(self.cleaned_data["code"]), bare(self.expected_code)
        ends = (typed[-len(expected) :], typed[: len(expected)])
        if any(compare_digest(end, expected) for end in ends):
            return expected
        if any(hashed(end) in self._earlier for end in ends):
            raise forms.ValidationError(_("We have sent you a newer code since. Enter the one that came last."))
        raise forms.ValidationError(Adapter.error_messages["incorrect_code"])

    @property
    def mail_folder(self) -> str:
        """Where mail is kept when none is sent; empty when it is sent."""
        return str(settings.EMAIL_FILE_PATH) if "filebased" in settings.EMAIL_BACKEND else ""


class CodeProcess(LoginCodeVerificationProcess):  # type: ignore[misc] # allauth has no types
    """allauth's, but an address needs no account to get a code."""

    def send_by_email(self, email: str, skip_enumeration_mails: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        Adapter(self.request).send_mail("account/email/login_code", email, {"code": self.generate_code()})


def send_code(request: HttpRequest, address: str) -> None:
    """Send a code to this address and expect it from this browser.

    Raises Problem where it cannot be sent; the code before it then stays good.
    """
    login = Login(email=address)
    login.state["stages"] = {"current": LoginByCodeStage.key}
    stage = LoginByCodeStage(LoginStageController(request, login), request, login)
    stage.state.update(CodeProcess.initial_state(user=None, email=address), initiated_by_user=True)
    process = CodeProcess(stage=stage)
    process.send()
    if replaced := _expected_code(request):
        request.session[EARLIER] = [*request.session.get(EARLIER, ()), hashed(bare(replaced))][-MOST_EARLIER:]
    process.persist()


def _expected_code(request: HttpRequest) -> str:
    """The code that this browser was to enter until now; empty where there is none."""
    login = unstash_login(request, peek=True)
    stages = login.state.get("stages", {}) if login else {}
    return str(stages.get(LoginByCodeStage.key, {}).get("data", {}).get("code", ""))


def bare(text: str) -> str:
    """Letters and digits alone, without accents of typography: hyphens of all kinds, spaces and invisible signs go."""
    return "".join(each for each in unicodedata.normalize("NFKC", text).upper() if each.isascii() and each.isalnum())


def hashed(code: str) -> str:
    return salted_hmac("service.accounts.earlier", code, algorithm="sha256").hexdigest()
