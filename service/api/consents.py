"""me/grants, me/withdrawals, me/receipts and the notice that a grant is given under."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from consent.acts.chosen import Chosen
from consent.acts.grant import Permission, grant
from consent.acts.withdraw import Withdrawing, withdraw
from consent.reads.notices import Published, current_notice, notice
from registry.reads.log import receipt
from service.api import described as d
from service.api import examples, forms
from service.api.doors import Door, PersonDoor, answer, written
from service.api.images import receipt_path
from service.nudge import nudger

IDEMPOTENCY_KEY: Final = {"type": "string", "pattern": "^[!-~]{1,255}$"}
DONE: Final = {"index": d.WHOLE, "receipt": d.TEXT}
EXAMPLE: Final = {"index": examples.INDEX, "receipt": examples.RECEIPT}
GRANT: Final = d.shown(
    d.thing(
        {
            "images": d.IMAGES,
            "purposes": d.many(d.PURPOSE, minItems=1, maxItems=forms.NAMES),
            "notice": {**d.NUMBER, "description": "The notice that the person has read: the current one."},
        },
        audience=d.AUDIENCE,
        until=d.TIME,
    ),
    {
        "images": [examples.IMAGE],
        "purposes": ["ai_training"],
        "notice": examples.NUMBER,
        "audience": "research",
    },
)
GRANTED: Final = d.shown(d.thing({"grant": d.NUMBER, **DONE}), {"grant": examples.NUMBER, **EXAMPLE})
WITHDRAWAL: Final = d.shown(
    d.thing(
        {
            "images": d.IMAGES,
            "purposes": d.either(d.many(d.PURPOSE, minItems=1, maxItems=forms.NAMES), d.ALL),
        }
    ),
    {"images": [examples.IMAGE], "purposes": "all"},
)
WITHDRAWN: Final = d.shown(d.thing({"withdrawal": d.NUMBER, **DONE}), {"withdrawal": examples.NUMBER, **EXAMPLE})
WAITING: Final = d.shown(d.thing({"index": d.WHOLE, "state": d.TEXT}), {"index": examples.INDEX, "state": "recorded"})
NOTICE: Final = d.shown(
    d.thing(
        {
            "notice": d.NUMBER,
            "collection": d.NUMBER,
            "collection_name": d.TEXT,
            "controller": d.TEXT,
            "contact": d.TEXT,
            "public": {**d.FLAG, "description": "Whether everybody may read the collection's list, without a key."},
            "version": d.WHOLE,
            "language": d.TEXT,
            "text": d.TEXT,
            "sha256": d.DIGEST,
            "purposes": d.many(d.PURPOSE),
            "audiences": d.many(d.AUDIENCE),
            "term_days": d.WHOLE,
            "published_at": d.TIME,
        }
    ),
    {
        "notice": examples.NUMBER,
        "collection": examples.COLLECTION,
        "collection_name": "Portraits",
        "controller": "Example Foundation",
        "contact": "privacy@example.org",
        "public": False,
        "version": 1,
        "language": "en",
        "text": "We keep your pictures so that others may ask whether they may use them.",
        "sha256": examples.SHA256,
        "purposes": ["ai_training", "evaluation"],
        "audiences": ["research"],
        "term_days": 730,
        "published_at": examples.AT,
    },
)


@dataclass(frozen=True)
class GrantAsked:
    """The body of a grant."""

    images: Chosen = field(metadata=forms.by(forms.images))
    purposes: tuple[str, ...] = field(metadata=forms.by(forms.purposes))
    notice: UUID = field(metadata=forms.by(forms.number))
    audience: str = field(default="research", metadata=forms.by(forms.audience))
    until: datetime | None = field(default=None, metadata=forms.by(forms.moment))


@dataclass(frozen=True)
class WithdrawalAsked:
    """The body of a withdrawal."""

    images: Chosen = field(metadata=forms.by(forms.images))
    purposes: tuple[str, ...] = field(metadata=forms.by(forms.purposes_or_all))


class Grants(PersonDoor):
    """Permit."""

    @d.described(
        "grant",
        "Permit purposes for pictures of you. The same Idempotency-Key again: 200 and the same body.",
        body={"application/json": GRANT},
        answers={200: GRANTED, 201: GRANTED},
        problems=(404, 409, 413, 415),
        headers={"Idempotency-Key": IDEMPOTENCY_KEY},
    )
    def post(self, request: Request) -> HttpResponse:  # noqa: ARG002 - DRF's signature
        key, asked = self.idempotency_key(), self.form(GrantAsked)
        given = grant(self.person, permission=Permission(**vars(asked)), at=self.at, idempotency_key=key)
        body = {"grant": str(given.grant), "index": given.index, "receipt": receipt_path(given.index)}
        return answer(body, status=200 if given.repeated else 201)


class Withdrawals(PersonDoor):
    """Take back. It needs PostgreSQL alone (law 9), and is never limited."""

    @d.described(
        "withdraw",
        "Stop the use of your pictures. An exact repeat: 200 and the same body.",
        body={"application/json": WITHDRAWAL},
        answers={200: WITHDRAWN, 201: WITHDRAWN},
        problems=(404, 413, 415),
        headers={"Idempotency-Key": IDEMPOTENCY_KEY},
    )
    def post(self, request: Request) -> HttpResponse:  # noqa: ARG002 - DRF's signature
        key, asked = self.idempotency_key(), self.form(WithdrawalAsked)
        taken = withdraw(
            self.person, withdrawing=Withdrawing(asked.images, asked.purposes), at=self.at, idempotency_key=key
        )
        nudger.protect()
        body = {
            "withdrawal": str(taken.withdrawal),
            "index": taken.index,
            "receipt": receipt_path(taken.index),
        }
        return answer(body, status=200 if taken.repeated else 201)


class Receipts(PersonDoor):
    """The proof of an act, once a checkpoint covers it."""

    @d.described(
        "read_receipt",
        "The receipt of an act (c2sp.org/tlog-proof); 202 until a checkpoint covers it.",
        answers={200: d.TEXT, 202: WAITING},
        problems=(404,),
        media_type="text/plain",
    )
    def get(self, request: Request, index: int) -> HttpResponse:  # noqa: ARG002 - DRF's signature
        found = receipt(index, person=self.person)
        if found is None:
            return answer({"index": index, "state": "recorded"}, status=202, headers={"Retry-After": "1"})
        return HttpResponse(found, content_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"})


class CurrentNotice(Door):
    """The text that a grant is given under now."""

    query = ("collection",)

    @d.described(
        "current_notice",
        "The text that a grant is given under now.",
        answers={200: NOTICE},
        parameters={"collection": d.NUMBER},
        problems=(404, 409),
        public=True,
    )
    def get(self, request: Request) -> HttpResponse:
        named = request.GET.get("collection")
        collection = forms.number("collection", named) if named is not None else None
        return answer(_notice(current_notice(collection)))


class Notice(Door):
    """The text that a grant was given under, by the digest that its receipt names."""

    @d.described(
        "read_notice",
        "A published notice, by the SHA-256 of its text.",
        answers={200: NOTICE},
        problems=(404,),
        public=True,
    )
    def get(self, request: Request, digest: str) -> HttpResponse:  # noqa: ARG002 - DRF's signature
        return answer(_notice(notice(bytes.fromhex(digest))))


def _notice(of: Published) -> dict[str, object]:
    return {
        "notice": str(of.id),
        "collection": str(of.collection),
        "collection_name": of.collection_name,
        "controller": of.controller,
        "contact": of.contact,
        "public": of.public,
        "version": of.version,
        "language": of.language,
        "text": of.text,
        "sha256": of.sha256.hex(),
        "purposes": list(of.purposes),
        "audiences": list(of.audiences),
        "term_days": of.term.days,
        "published_at": written(of.published_at),
    }
