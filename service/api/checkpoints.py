"""POST checkpoints: whoever holds something that this log's key signed shows it, and the registry compares.

A restored backup cannot know what it forgot. It needs no key: only what our own key signed is believed.
"""

from dataclasses import dataclass, field
from typing import Final

from django.http import HttpResponse
from rest_framework.request import Request

from consentkit.errors import BadProof, Malformed
from registry.log.lost import compare
from service.api import described as d
from service.api import examples, forms
from service.api.doors import Door, answer
from service.problems import Problem

NOTE: Final = {**d.TEXT, "description": "A checkpoint of the log, or the close of a snapshot or delta, as it was sent."}
SHOWN: Final = d.shown(d.thing({"note": NOTE}), {"note": "registry.example/log\n…"})
COMPARED: Final = d.shown(d.thing({"size": d.WHOLE, "held": d.FLAG}), {"size": examples.SIZE, "held": True})


@dataclass(frozen=True)
class Shown:
    """The body."""

    note: str = field(metadata=forms.by(forms.text))


class Checkpoints(Door):
    """Show one."""

    @d.described(
        "show_checkpoint",
        "Show what this log's key signed. Where the registry does not hold it, it doubts itself from then on.",
        body={"application/json": SHOWN},
        answers={200: COMPARED},
        problems=(413, 415),
        public=True,
    )
    def post(self, request: Request) -> HttpResponse:  # noqa: ARG002 - DRF's signature
        shown = self.form(Shown)
        try:
            compared = compare(shown.note, at=self.at)
        except Malformed as error:
            raise Problem("note-malformed", f"This is no checkpoint and no close: {error}.") from error
        except BadProof as error:
            raise Problem("note-unsigned", f"{error}.") from error
        return answer({"size": compared.size, "held": compared.held})
