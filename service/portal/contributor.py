"""Who is asking: a signed-in account and the person behind it, enrolled at the first visit."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Final, ParamSpec
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.views.decorators.cache import never_cache

from registry.acts.enrol_person import enrol_person
from registry.acts.note_use import note_session
from registry.reads.people import persons_of_account

CHOSEN: Final = "person"  # in the session
Asked = ParamSpec("Asked")
Page = Callable[Concatenate[HttpRequest, Asked], HttpResponseBase]


def contributor(
    page: Callable[Concatenate[HttpRequest, UUID, Asked], HttpResponseBase],
) -> Page[Asked]:
    """A page for a signed-in person, who is its second argument. Nothing of it stays in a shared cache."""

    @wraps(page)
    def asked(request: HttpRequest, /, *args: Asked.args, **kwargs: Asked.kwargs) -> HttpResponseBase:
        if request.session.session_key:
            note_session(request.session.session_key, at=timezone.now())
        return page(request, person_of(request), *args, **kwargs)

    return never_cache(login_required(asked))


def person_of(request: HttpRequest) -> UUID:
    """The person behind the signed-in account: of several, the one chosen at `/pictures/others`, else the first."""
    persons = everybody(request)
    chosen = request.session.get(CHOSEN)
    return next((person for person in persons if f"{person}" == chosen), persons[0])


def everybody(request: HttpRequest) -> list[UUID]:
    """All persons behind the signed-in account, at least one; several where accounts were joined."""
    account = request.user
    if not account.is_authenticated:
        raise RuntimeError("login_required comes before this")
    return persons_of_account(account.pk) or [enrol_person(account.email, at=timezone.now()).person]
