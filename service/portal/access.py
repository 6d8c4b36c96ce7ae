"""Who acts in my name: where I am signed in, and the apps that hold a token. Each can be ended, at once."""

from collections.abc import Collection
from typing import Literal
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST, require_safe

from registry.acts.end_sessions import end_sessions
from registry.acts.issue_token import issue_token
from registry.acts.revoke_tokens import revoke_tokens
from registry.errors import LabelInvalid, LabelTaken, NotFound
from registry.reads.secrets import SIGN_IN, sessions_of, tokens_of
from registry.rules.labels import LONGEST
from service import tokens
from service.portal.contributor import contributor


class LabelForm(forms.Form):
    """What a new token is for."""

    label = forms.CharField(
        label=_("Which app is it for?"),
        help_text=_("A name that you will know again, such as “my phone”."),
        max_length=LONGEST,
        error_messages={
            "required": _("Enter a name for the token."),
            "max_length": _("Enter a name of at most %(limit_value)d characters."),
        },
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


@require_safe
@contributor
def access(request: HttpRequest, person: UUID) -> HttpResponse:
    """`/access`"""
    return _page(request, person, LabelForm())


@require_POST
@contributor
def end_signed_in(request: HttpRequest, person: UUID) -> HttpResponse:
    """`/access/sessions/end`: one by number, or all but this one."""
    end_sessions(person, sessions=_chosen(request, "session"), at=timezone.now(), keep=_this(request))
    return redirect("access")


@require_POST
@contributor
def end_tokens(request: HttpRequest, person: UUID) -> HttpResponse:
    """`/access/tokens/end`: one by number, or all."""
    revoke_tokens(person, tokens=_chosen(request, "token"), at=timezone.now())
    return redirect("access")


@require_POST
@contributor
def add_token(request: HttpRequest, person: UUID) -> HttpResponse:
    """`/access/tokens/add`: the token stands on the answer's page, and nowhere after."""
    form = LabelForm(request.POST)
    if not form.is_valid():
        return _page(request, person, form, status=422)
    secret = tokens.fresh(tokens.PERSON)
    try:
        issue_token(person, secret=secret, at=timezone.now(), label=form.cleaned_data["label"])
    except LabelTaken:
        form.add_error("label", _("You have a token of this name. Choose another name, or end that one first."))
        return _page(request, person, form, status=409)
    except LabelInvalid:
        form.add_error("label", _("Enter a name on one line."))
        return _page(request, person, form, status=422)
    return _page(request, person, LabelForm(), secret=secret, status=201)


def _page(request: HttpRequest, person: UUID, form: LabelForm, *, secret: str = "", status: int = 200) -> HttpResponse:
    at = timezone.now()
    sessions, held = sessions_of(person, at=at), tokens_of(person, at=at)
    shown = {
        "sessions": sessions,
        "this": _this(request),
        "others": [each for each in sessions if each.number != _this(request)],
        "tokens": [each for each in held if not each.ended],
        "ended": [each for each in held if each.ended],
        "form": form,
        "faults": form.errors,
        "secret": secret,
    }
    return render(request, "portal/access.html", shown, status=status)


def _this(request: HttpRequest) -> UUID | None:
    """The number of the session that asks."""
    begun = request.session.get(SIGN_IN)
    return UUID(begun["number"]) if begun else None


def _chosen(request: HttpRequest, field: str) -> Collection[UUID] | Literal["all"]:
    """Raises NotFound for what is no number."""
    sent = request.POST.get(field, "")
    try:
        return "all" if sent == "all" else [UUID(sent)]
    except ValueError:
        raise NotFound("There is no such thing among yours.") from None
