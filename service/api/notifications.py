"""GET notifications and POST notifications/{id}/outcome: copies among what a pipeline deposited, and its answer."""

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from consent.acts.acknowledge import acknowledge
from consent.reads.notifications import Notified, notifications
from consent.rules.outcomes import OUTCOMES
from service.api import described as d
from service.api import forms
from service.api.doors import PAGE, PipelineDoor, answer, written

OUTCOME: Final = {"type": "string", "enum": [word.value for word in OUTCOMES]}
NUMBER: Final = "7d444840-9dc0-11d1-b245-5ffdce74fad2"
NOTIFICATION: Final = d.thing(
    {
        "id": d.NUMBER,
        "at": d.TIME,
        "kind": {"type": "string", "enum": ["copy"]},
        "key": {"type": "string", "description": "Under which you deposited the picture."},
        "image": {**d.NUMBER, "description": "The protected image that it is a copy of."},
        "distance": d.WHOLE,
        "alteration": d.TEXT,
        "outcome": d.maybe({**OUTCOME, "enum": [*OUTCOME["enum"], None]}),
    }
)
LISTED: Final = d.shown(
    d.thing({"size": d.WHOLE, "notifications": d.many(NOTIFICATION, maxItems=PAGE), "next": d.WHOLE}),
    {
        "size": 1043,
        "notifications": [
            {
                "id": NUMBER,
                "at": "2026-05-01T12:00:00Z",
                "kind": "copy",
                "key": "train/00017.jpg",
                "image": "0f8fad5b-d9cb-469f-a165-70867728950e",
                "distance": 14,
                "alteration": "mirrored",
                "outcome": None,
            }
        ],
        "next": 1,
    },
)


class Notifications(PipelineDoor):
    """What was protected since a picture was deposited."""

    query = ("after", "limit")

    @d.described(
        "notifications",
        "Copies of protected images among the pictures you deposited, oldest first. `next` is where to go on.",
        answers={200: LISTED},
        parameters={"after": d.WHOLE, "limit": {"type": "integer", "minimum": 1, "maximum": PAGE}},
    )
    def get(self, request: Request) -> HttpResponse:
        after = forms.digits("after", request.GET.get("after", "0"))
        found = notifications(self.asker, after=after, limit=self.page_size())
        told = [_told(each) for each in found.notifications]
        return answer({"size": found.size, "notifications": told, "next": found.next})


@dataclass(frozen=True)
class Answered:
    """The body of an outcome."""

    outcome: str = field(metadata=forms.by(forms.text))


class Outcome(PipelineDoor):
    """What the pipeline did about one of them."""

    @d.described(
        "answer_notification",
        "Say what you did. The same outcome again: 200; another one: 409.",
        body={"application/json": d.shown(d.thing({"outcome": OUTCOME}), {"outcome": "deleted"})},
        answers={200: d.shown(d.thing({"id": d.NUMBER, "outcome": OUTCOME}), {"id": NUMBER, "outcome": "deleted"})},
        problems=(404, 409, 413, 415),
    )
    def post(self, request: Request, notification: UUID) -> HttpResponse:  # noqa: ARG002 - DRF's signature
        said = self.form(Answered)
        acknowledge(notification, pipeline=self.asker.serial, outcome=said.outcome, at=self.at)
        return answer({"id": str(notification), "outcome": said.outcome})


def _told(of: Notified) -> dict[str, Any]:
    return {
        "id": str(of.id),
        "at": written(of.at),
        "kind": of.kind,
        "key": of.key,
        "image": str(of.image),
        "distance": of.distance,
        "alteration": of.alteration,
        "outcome": of.outcome,
    }
