"""Who works here: accounts with a steward's rights. To others there is no desk."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils import timezone
from django.views.decorators.cache import never_cache

from registry.acts.enrol_steward import steward_id
from registry.acts.note_use import note_session
from registry.reads.people import is_steward

Asked = ParamSpec("Asked")


def steward(
    page: Callable[Concatenate[HttpRequest, UUID, Asked], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, Asked], HttpResponseBase]:
    """A page for a steward, whose pseudonym on the log is its second argument."""

    @wraps(page)
    def asked(request: HttpRequest, /, *args: Asked.args, **kwargs: Asked.kwargs) -> HttpResponseBase:
        account = request.user.pk
        if not isinstance(account, int) or not is_steward(account):
            raise Http404
        if request.session.session_key:
            note_session(request.session.session_key, at=timezone.now())
        return page(request, steward_id(account), *args, **kwargs)

    return never_cache(login_required(asked))
