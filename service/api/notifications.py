"""GET notifications and POST notifications/{id}/outcome: what was taken from what a pipeline used, and its answer."""

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from consent.acts.acknowledge import acknowledge
from consent.reads.notifications import SHOWN, Copied, Notified, Told, images_of, notifications
from consent.rules.outcomes import OUTCOMES
from service.api import described as d
from service.api import forms
from service.api.doors import PAGE, PipelineDoor, answer, written

OUTCOME: Final = {"type": "string", "enum": [word.value for word in OUTCOMES]}
NUMBER: Final = "7d444840-9dc0-11d1-b245-5ffdce74fad2"
HEAD: Final[dict[str, d.Schema]] = {"id": d.NUMBER, "at": d.TIME}
ANSWERED: Final = d.maybe({**OUTCOME, "enum": [*OUTCOME["enum"], None]})
COPY: Final = d.thing(
    {
        **HEAD,
        "kind": {"type": "string", "enum": ["copy"]},
        "key": {"type": "string", "description": "Under which you deposited the picture."},
        "image": {**d.NUMBER, "description": "The protected image that it is a copy of."},
        "distance": d.WHOLE,
        "alteration": d.TEXT,
        "outcome": ANSWERED,
    }
)
IMAGE: Final = d.thing(
    {
        "image": d.NUMBER,
        "sha256": d.DIGEST,
        "reason": {"type": "string", "enum": ["remove", "wait", "not_covered"]},
    }
)
TAKEN: Final = d.thing(
    {
        **HEAD,
        "kind": {"type": "string", "enum": ["manifest"]},
        "manifest": {**d.NUMBER, "description": "What you attested, from which one act took these images."},
        "count": d.WHOLE,
        "images": {**d.many(IMAGE, maxItems=SHOWN), "description": "The first of them; `rest` has all."},
        "rest": d.maybe({"type": "string", "description": "Where all of them are; null where these are all."}),
        "outcome": ANSWERED,
    }
)
SHA256: Final = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
PROTECTED: Final = "0f8fad5b-d9cb-469f-a165-70867728950e"
LISTED: Final = d.shown(
    d.thing({"size": d.WHOLE, "notifications": d.many(d.either(COPY, TAKEN), maxItems=PAGE), "next": d.WHOLE}),
    {
        "size": 1043,
        "notifications": [
            {
                "id": NUMBER,
                "at": "2026-05-01T12:00:00Z",
                "kind": "copy",
                "key": "train/00017.jpg",
                "image": PROTECTED,
                "distance": 14,
                "alteration": "mirrored",
                "outcome": None,
            },
            {
                "id": "9b2d1c3e-50c1-4e7a-8a54-0c3f1d2e4b5a",
                "at": "2026-05-01T12:00:01Z",
                "kind": "manifest",
                "manifest": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
                "count": 1,
                "images": [{"image": PROTECTED, "sha256": SHA256, "reason": "remove"}],
                "rest": None,
                "outcome": None,
            },
        ],
        "next": 2,
    },
)
IMAGES: Final = d.shown(
    d.thing({"size": d.WHOLE, "images": d.many(IMAGE, maxItems=PAGE), "next": d.maybe(d.NUMBER)}),
    {"size": 1043, "images": [{"image": PROTECTED, "sha256": SHA256, "reason": "remove"}], "next": None},
)
LIMIT: Final = {"type": "integer", "minimum": 1, "maximum": PAGE}


class Notifications(PipelineDoor):
    """What was taken since from deposits and manifests."""

    query = ("after", "limit")

    @d.described(
        "notifications",
        "Copies of protected images among your deposits, and images taken from your manifests, oldest first. `next` is "
        "where to go on.",
        answers={200: LISTED},
        parameters={"after": d.AFTER, "limit": LIMIT},
    )
    def get(self, request: Request) -> HttpResponse:
        after = forms.digits("after", request.GET.get("after", "0"))
        found = notifications(self.asker, after=after, limit=self.page_size())
        told = [_told(each) for each in found.notifications]
        return answer({"size": found.size, "notifications": told, "next": found.next})


class Images(PipelineDoor):
    """All that one about a manifest tells of."""

    query = ("after", "limit")

    @d.described(
        "notification_images",
        "The images that a notification about a manifest tells of, by number. `next` is where to go on, or null.",
        answers={200: IMAGES},
        parameters={"after": d.NUMBER, "limit": LIMIT},
        problems=(404,),
    )
    def get(self, request: Request, notification: UUID) -> HttpResponse:
        named = request.GET.get("after")
        after = forms.number("after", named) if named is not None else None
        found = images_of(self.asker, notification, after=after, limit=self.page_size())
        end = None if found.next is None else str(found.next)
        return answer({"size": found.size, "images": list(map(_image, found.images)), "next": end})


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
    head = {"id": str(of.id), "at": written(of.at)}
    about = of.about
    if isinstance(about, Copied):
        told: dict[str, Any] = {
            "kind": "copy",
            "key": about.key,
            "image": str(about.image),
            "distance": about.distance,
            "alteration": about.alteration,
        }
    else:
        told = {
            "kind": "manifest",
            "manifest": str(about.manifest),
            "count": about.count,
            "images": list(map(_image, about.images)),
            "rest": f"/api/v1/notifications/{of.id}/images" if about.count > len(about.images) else None,
        }
    return {**head, **told, "outcome": of.outcome}


def _image(of: Told) -> dict[str, str]:
    return {"image": str(of.image), "sha256": of.sha256, "reason": of.reason}
