"""The way in: a page for the address, and one for the code."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.views import ConfirmLoginCodeView, RequestLoginCodeView
from django.contrib.messages import ERROR
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from registry.acts.open_account import open_account
from service import limits
from service.accounts import EARLIER, AddressForm, CodeForm, send_code
from service.problems import SLUGS, Problem


class Address(RequestLoginCodeView):  # type: ignore[misc] # allauth has no types
    """`/accounts/login/code/`. Where a code cannot be sent, the page says so, and how else to stop."""

    def _redirect_to_pending_stage(self, _request: HttpRequest, _stage: object) -> HttpResponseRedirect | None:
        """allauth would lead back to the page of the code that was sent before: a mistyped address is no dead end."""
        return None

    def form_valid(self, form: AddressForm) -> HttpResponse:
        """Limits count where the question comes from: nobody uses up what is another's."""
        address = form.cleaned_data["email"]
        try:
            limits.require_rate(self.request, limits.CODES)
            limits.require_rate(self.request, limits.CODES_TO_ADDRESS, address)
            send_code(self.request, address)
        except Problem as problem:  # too often, or mail cannot go out
            return self._refused(form, problem)
        return HttpResponseRedirect(self.get_success_url())

    def _refused(self, form: AddressForm, problem: Problem) -> HttpResponse:
        words = problem.detail
        if problem.slug == "rate-limited":
            words = _("Codes were asked for very often from your network. Try again in %(minutes)d minutes.") % {
                "minutes": -(-problem.members["seconds"] // 60)
            }
        form.add_error("email", words)
        shown = self.get_context_data(form=form, code_refused=True)
        headers, (status, _title) = dict(problem.headers), SLUGS[problem.slug]
        answer: HttpResponse = self.render_to_response(shown, status=status, headers=headers)
        return answer


class Code(ConfirmLoginCodeView):  # type: ignore[misc] # allauth has no types
    """`/accounts/login/code/confirm/`. Only here an address that was not known gets its account."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Guesses are counted before they are judged: many at one moment are no more than one after another."""
        if limits.use(limits.GUESSES, f"{request.session.session_key}", f"{self._process.state['at']}") is None:
            answer: HttpResponse = super().post(request, *args, **kwargs)
            return answer
        self._process.abort()
        adapter = get_adapter(request)
        adapter.add_message(request, ERROR, message=adapter.error_messages["too_many_login_attempts"])
        return redirect("account_request_login_code")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "earlier": self.request.session.get(EARLIER, ())}

    def _verify_form_valid(self, form: CodeForm) -> HttpResponse:
        self.request.session.pop(EARLIER, None)
        self._process._user = open_account(self._process.state["email"])  # noqa: SLF001 - allauth has no other way in
        answer: HttpResponse = super()._verify_form_valid(form)
        return answer
