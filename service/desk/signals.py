"""Pictures whose files say that they must not be used; a steward may find that this does not hold."""

from typing import Final
from uuid import UUID

from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from consent.acts.lift_signal import lift_signal
from consent.reads.signals import signals_in_force, signals_of
from registry.errors import NotFound
from service import previews, words
from service.desk.steward import steward

SHOWN: Final = 100
REASON: Final = 2_000  # characters


@require_safe
@steward
def signals(request: HttpRequest, _steward: UUID) -> HttpResponse:
    """`/desk/signals`: what bars a use now, the newest first."""
    rows = [(each, words.file_says(each)) for each in signals_in_force(limit=SHOWN)]
    return render(request, "desk/signals.html", {"rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@steward
def signal(request: HttpRequest, steward: UUID, image: UUID) -> HttpResponse:
    """`/desk/signals/<image>`: what the file says, and the act. Raises NotFound where it says nothing."""
    found = signals_of([image]).get(image)
    if found is None:
        raise NotFound("This file says nothing of its use.")
    ground, faults = request.POST.get("ground", "").strip(), dict[str, str]()
    if request.method == "POST":
        faults = _faults(ground)
        if not faults:
            lift_signal(image, ground=ground, steward=steward, at=timezone.now())
            return redirect("desk-signal", image)
    shown = {"signal": found, "lines": words.file_says(found), "ground": ground, "longest": REASON, "faults": faults}
    return render(request, "desk/signal.html", shown, status=422 if faults else 200)


@require_http_methods(["GET", "HEAD"])
@steward
def preview(_request: HttpRequest, _steward: UUID, image: UUID) -> FileResponse:
    """`/desk/signals/<image>/preview`: of a picture whose file says something, and of no other."""
    if image not in signals_of([image]):
        raise NotFound("This file says nothing of its use.")
    return previews.preview(image)


def _faults(ground: str) -> dict[str, str]:
    if not ground:
        return {"ground": _("Give the reason. It stands in the log.")}
    if len(ground) > REASON:
        return {"ground": _("Give the reason in at most %(most)d characters.") % {"most": REASON}}
    return {}
