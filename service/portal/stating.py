"""The question who is shown, as both forms ask it: when a picture is added, and when what was said is corrected."""

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from registry.errors import SubjectsUnclear
from registry.rules.subjects import Subjects


def read(request: HttpRequest) -> Subjects | str:
    """What was ticked and typed; or what is wrong with it, in words."""
    ticked = [word for word in request.POST.getlist("depicts") if word != "others"]
    addresses = request.POST.get("addresses", "").replace(",", " ").split()
    if "others" in request.POST.getlist("depicts") and not addresses:
        return _("Write the address of each other person, or tick “people I don’t know”.")
    if not ticked and not addresses:
        return _("Say who is shown in these pictures.")
    try:
        return Subjects.read([*ticked, *addresses])
    except SubjectsUnclear as unclear:
        return unclear.detail


def typed(request: HttpRequest) -> dict[str, Any]:
    """What the form shows again."""
    return {"ticked": request.POST.getlist("depicts"), "addresses": request.POST.get("addresses", "")}


def stated(subjects: Subjects) -> dict[str, Any]:
    """What the form shows of an earlier statement."""
    ticked = [word for word in subjects.words() if word not in subjects.addresses]
    return {
        "ticked": [*ticked, *(["others"] if subjects.addresses else [])],
        "addresses": "\n".join(sorted(subjects.addresses)),
    }
