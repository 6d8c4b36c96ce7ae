"""me/tokens: a person's tokens by label, never by value; each can be ended."""

from typing import Any, Final
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from registry.acts.revoke_tokens import revoke_tokens
from registry.reads.secrets import Held, tokens_of
from service.api import described as d
from service.api import examples
from service.api.doors import PersonDoor, answer, written

ENDED: Final = {"type": "string", "enum": ["", "revoked", "expired"]}
TOKEN: Final = d.thing(
    {
        "token": {**d.NUMBER, "description": "Its number, which opens nothing."},
        "label": d.TEXT,
        "issued_at": d.TIME,
        "expires_at": d.TIME,
        "used_at": {**d.maybe(d.TIME), "description": "The last use, to within five minutes."},
        "ended": {**ENDED, "description": "Empty while it opens something."},
        "this": {**d.FLAG, "description": "Whether it is the one that you sent."},
    }
)
TOKENS: Final = d.shown(
    d.thing({"tokens": d.many(TOKEN)}),
    {
        "tokens": [
            {
                "token": examples.NUMBER,
                "label": "my phone",
                "issued_at": examples.AT,
                "expires_at": "2027-05-01T12:00:00Z",
                "used_at": None,
                "ended": "",
                "this": True,
            }
        ]
    },
)


class Tokens(PersonDoor):
    """All of a person's tokens."""

    @d.described("list_tokens", "Your tokens, the newest first.", answers={200: TOKENS})
    def get(self, request: Request) -> HttpResponse:  # noqa: ARG002 - DRF's signature
        return answer({"tokens": [self._told(each) for each in tokens_of(self.person, at=self.at)]})

    def _told(self, of: Held) -> dict[str, Any]:
        return {
            "token": str(of.id),
            "label": of.label,
            "issued_at": written(of.issued_at),
            "expires_at": written(of.expires_at),
            "used_at": None if of.used_at is None else written(of.used_at),
            "ended": of.ended,
            "this": of.id == self.token,
        }


class Token(PersonDoor):
    """One of a person's tokens."""

    @d.described(
        "end_token",
        "End a token of yours: no request begun afterwards is answered to it. Again: 204, too.",
        answers={204: None},
        problems=(404,),
    )
    def delete(self, request: Request, token: UUID) -> HttpResponse:  # noqa: ARG002 - DRF's signature
        revoke_tokens(self.person, tokens=[token], at=self.at)
        return HttpResponse(status=204, headers={"Cache-Control": "no-store"})
