"""Who has answered what they were told of withdrawals, and who is late."""

from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from consent.reads.answers import Show, Word, answers
from service import words
from service.desk.clock import until
from service.desk.steward import steward

ON_A_PAGE: Final = 50
MOST: Final = 6  # digits of a page's number


@require_safe
@steward
def told(request: HttpRequest, _steward: UUID) -> HttpResponse:
    """`/desk/answers?show=late&pipeline=<number>&page=2`. What has no meaning is left out."""
    at, said = timezone.now(), request.GET
    show = Show(said["show"]) if said.get("show") in set(Show) else Show.ALL
    chosen, page = _number(said.get("pipeline", "")), _page(said.get("page", ""))
    found = answers(show=show, pipeline=chosen, at=at, after=(page - 1) * ON_A_PAGE, limit=ON_A_PAGE)
    counted = [each for each in found.organisations if chosen in (None, each.pipeline)]
    counts = {
        Show.ALL: sum(each.late + each.waiting + each.answered for each in counted),
        Show.LATE: sum(each.late for each in counted),
        Show.WAITING: sum(each.waiting for each in counted),
        Show.ANSWERED: sum(each.answered for each in counted),
    }
    shown = {
        "organisations": found.organisations,
        "late": sum(each.late for each in found.organisations),
        "choices": [(each.value, words.ANSWERS[each], counts[each]) for each in counts],
        "show": show.value,
        "pipeline": chosen,
        "name": next((each.name for each in counted), "") if chosen else "",
        "rows": [{"word": word, **_said(word, at)} for word in found.words],
        "page": page,
        "more": found.more,
    }
    return render(request, "desk/answers.html", shown)


def _said(word: Word, at: Any) -> dict[str, Any]:
    return {
        "clock": until(word.due_at, at=at),
        "outcome": words.OUTCOME[word.outcome] if word.outcome else "",
        "about": words.told_of(word.kind, word.images),
    }


def _number(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _page(text: str) -> int:
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) <= MOST else 1
