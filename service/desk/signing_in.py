"""Signing in with a steward's token, where no mail can be had."""

from django import forms
from django.contrib.auth import get_user_model, login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from registry.reads.people import steward_of_token
from service import limits


class TokenForm(forms.Form):
    """The token that `manage.py steward add` printed."""

    token = forms.CharField(
        label=_("Your token"),
        max_length=200,
        error_messages={"required": _("Enter the token that you were given.")},
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    account: int

    def clean_token(self) -> str:
        token: str = self.cleaned_data["token"]
        account = steward_of_token(token, at=timezone.now())
        if account is None:
            raise forms.ValidationError(_("This token opens nothing. Ask for a new one."))
        self.account = account
        return token


@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """A wrong token says no more than that; guesses are limited by where they come from."""
    form = TokenForm(request.POST or None)
    if request.method == "POST":
        limits.require_rate(request, limits.TOKENS)
        if form.is_valid():
            account = get_user_model()._default_manager.get(pk=form.account)  # noqa: SLF001 - Django's name for it
            login(request, account, backend="allauth.account.auth_backends.AuthenticationBackend")
            return redirect("desk")
    return render(request, "desk/sign_in.html", {"form": form}, status=422 if form.errors else 200)
