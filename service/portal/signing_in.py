"""The way in. Who asks for a code begins anew, whatever was begun before: a mistyped address is no dead end."""

from allauth.account.internal.stagekit import clear_login
from allauth.account.stages import LoginStage
from allauth.account.views import RequestLoginCodeView
from django.http import HttpRequest, HttpResponseRedirect


class Address(RequestLoginCodeView):  # type: ignore[misc] # allauth has no types
    """`/accounts/login/code/`"""

    def _redirect_to_pending_stage(self, request: HttpRequest, _stage: LoginStage) -> HttpResponseRedirect | None:
        """allauth would lead back to the page of the code that was sent before."""
        clear_login(request)
        return None
