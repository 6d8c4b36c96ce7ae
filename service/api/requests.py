"""POST requests: somebody without an account says "that is me". A hit and a miss cannot be told apart."""

from dataclasses import dataclass, field
from typing import Final

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.request import Request

from service.api import described as d
from service.api import examples, forms
from service.api.doors import Door, answer
from service.api.images import fields_of, the_file
from service.api.parsers import FormParser
from service.limits import require_rate
from service.requests import asking, evenly, lodge

EMAIL: Final = {"type": "string", "format": "email"}
WAYS: Final = {"file": d.FILE, "sha256": d.DIGEST, "image": d.NUMBER}
ASKED: Final = d.shown(
    d.either(*(d.thing({"contact": EMAIL, name: of}) for name, of in WAYS.items())),
    {"contact": "me@example.org", "sha256": examples.SHA256},
)
TAKEN: Final = d.shown(d.thing({"reference": d.TEXT}), {"reference": "7K3M-9QXT-HW4C"})


@dataclass(frozen=True)
class Said:
    """The text fields. A file is kept until the request is decided."""

    contact: str = field(metadata=forms.by(forms.text))
    sha256: str | None = field(default=None, metadata=forms.by(forms.text))
    image: str | None = field(default=None, metadata=forms.by(forms.text))


class Requests(Door):
    """Ask us to look at a picture of you."""

    parser_classes = (FormParser,)

    @d.described(
        "request",
        "Somebody without an account asks about a picture of them; copies of a file sent are looked for, too. The "
        "answer never tells what was found.",
        body={"multipart/form-data": ASKED},
        answers={202: TAKEN},
        problems=(413, 415),
        public=True,
    )
    def post(self, request: Request) -> HttpResponse:
        with evenly():
            file = the_file(request)
            said = forms.read(Said, fields_of(request))
            asked = asking(file=file, **vars(said))
            require_rate(request, contact=asked.contact)
            opened = lodge(asked, at=timezone.now())
        return answer({"reference": opened.reference}, status=202)
