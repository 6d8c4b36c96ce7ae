"""me/images: a person brings pictures and reads what became of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request

from consent.reads.pictures import Event, Picture, history, page, picture
from consent.reads.pipelines import reach
from consent.reads.signals import FileSignal
from consent.reads.used import Informed, Run, used_by
from consent.rules.consents import Consent
from consent.rules.outcomes import OUTCOMES
from consentkit.formats import REJECTIONS, Slug
from consentkit.scopes import AUDIENCES, PURPOSES
from registry.acts.correct import correct
from registry.acts.statements import Statement
from registry.rules.lifecycle import ImageState
from registry.rules.subjects import SELF, UNKNOWN, Subjects
from service.api import described as d
from service.api import examples, forms
from service.api.doors import PAGE, PersonDoor, answer, written
from service.api.parsers import FormParser
from service.problems import Problem
from service.uploads import DigestedFile, bring

ROLES: Final = (SELF, UNKNOWN)
DEPICTS: Final = {
    **d.many(d.TEXT, minItems=1),
    "description": "Who is shown: `self`, `unknown` (people whom you do not know), `nobody` (alone), or the address of "
    "each other person. There is no default.",
}
SOURCES: Final = {**d.many(d.NUMBER), "description": "Pictures of yours that it was made from."}
PHOTOGRAPHER: Final = {"type": "string", "enum": list(ROLES)}
STATE: Final = {"type": "string", "enum": [state.value for state in ImageState]}
BROUGHT: Final = d.shown(
    d.thing({"image": d.NUMBER, "sha256": d.DIGEST, "state": STATE}, changed=d.FLAG),
    {"image": examples.IMAGE, "sha256": examples.SHA256, "state": "submitted"},
)
FORM: Final = d.shown(
    d.thing({"file": d.FILE, "depicts": DEPICTS}, photographer=PHOTOGRAPHER, collection=d.NUMBER, derived_from=SOURCES),
    {"file": "portrait.jpg", "depicts": ["self"]},
)
CORRECTION: Final = d.shown(
    d.thing({"depicts": DEPICTS}, photographer=PHOTOGRAPHER, derived_from=SOURCES), {"depicts": ["self", "unknown"]}
)
USE: Final = d.thing(
    {"consent": {"type": "string", "enum": [word.value for word in Consent]}, "until": d.maybe(d.TIME)}
)
PICTURE: Final = {
    "image": d.NUMBER,
    "sha256": d.DIGEST,
    "collection": d.NUMBER,
    "state": STATE,
    "rejection": d.maybe(d.thing({"slug": d.TEXT, "detail": d.TEXT})),
    "submitted_at": d.TIME,
    "width": d.maybe(d.WHOLE),
    "height": d.maybe(d.WHOLE),
    "depicts": d.many(d.TEXT),
    "derived_from": d.many(d.NUMBER),
    "shown": d.FLAG,
    "paused": d.FLAG,
    "file": d.maybe(
        d.thing(
            {
                "states": d.many(d.thing({"name": d.TEXT, "value": d.TEXT})),
                "denies": d.many(d.PURPOSE),
                "lifted": d.FLAG,
            }
        )
    ),
    "size": d.WHOLE,
    "standing": d.thing({p: d.thing(dict.fromkeys(AUDIENCES, USE)) for p in PURPOSES}),
}
EVENT: Final = d.thing(
    {
        "index": d.WHOLE,
        "kind": d.TEXT,
        "recorded_at": d.TIME,
        "purposes": d.many(d.PURPOSE),
        "audience": d.maybe(d.AUDIENCE),
        "until": d.maybe(d.TIME),
        "receipt": d.TEXT,
    }
)
RUN: Final = d.thing(
    {
        "organisation": d.TEXT,
        "model": d.TEXT,
        "name": d.TEXT,
        "purpose": d.PURPOSE,
        "attested_at": d.TIME,
        "told_at": d.maybe(d.TIME),
        "outcome": d.maybe({"type": "string", "enum": [*OUTCOMES, None]}),
    }
)
QUESTION: Final = d.thing({"purposes": d.many(d.PURPOSE), "first_at": d.TIME})
LISTING: Final = d.thing({"last_at": d.TIME, "size": d.WHOLE})
INFORMED: Final = {
    **d.thing(
        {
            "organisation": d.TEXT,
            "purposes": d.many(d.PURPOSE),
            "audience": d.AUDIENCE,
            "asked": d.maybe(QUESTION),
            "listed": d.maybe(LISTING),
        }
    ),
    "description": "Who may ask for these purposes (none, if its key has ended), and asked about this picture, or "
    "takes the list of its whole collection since it is there. To ask is not to use: that is in `used_by`. A question "
    "is here within a minute.",
}
SYNCED: Final = d.thing({"synced": d.WHOLE, "pipelines": d.WHOLE})
LIST: Final = d.shown(
    d.thing({"size": d.WHOLE, "images": d.many(d.thing(PICTURE)), "next": d.maybe(d.NUMBER)}),
    {"size": examples.SIZE, "images": [examples.PICTURE], "next": None},
)
ONE: Final = d.shown(
    d.thing({**PICTURE, "history": d.many(EVENT), "used_by": d.many(RUN), "informed": d.many(INFORMED)}, synced=SYNCED),
    {
        **examples.PICTURE,
        "history": [examples.EVENT],
        "used_by": [examples.RUN],
        "informed": [examples.INFORMED],
        "synced": {"synced": 4, "pipelines": 5},
    },
)


@dataclass(frozen=True)
class Stated:
    """What somebody states of a picture; beside a file, `depicts` and `derived_from` may be given again and again."""

    depicts: list[str] = field(metadata=forms.by(forms.strings))
    photographer: str = field(default=UNKNOWN, metadata=forms.by(forms.one_of(*ROLES)))
    collection: UUID | None = field(default=None, metadata=forms.by(forms.number))
    derived_from: list[str] = field(default_factory=list, metadata=forms.by(forms.strings))

    def statement(self) -> Statement:
        """Raises SubjectsUnclear, and Problem for a source that is no number."""
        return Statement(
            Subjects.read(self.depicts),
            photographer=self.photographer == SELF,
            collection=self.collection,
            derived_from=frozenset(forms.number("derived_from", each) for each in self.derived_from),
        )


@dataclass(frozen=True)
class Corrected:
    """The body of a correction: the whole statement, in place of the one before."""

    depicts: list[str] = field(metadata=forms.by(forms.strings))
    photographer: str = field(default=UNKNOWN, metadata=forms.by(forms.one_of(*ROLES)))
    derived_from: list[str] = field(default_factory=list, metadata=forms.by(forms.strings))

    def statement(self) -> Statement:
        """Raises what `Stated.statement` raises."""
        return Stated(self.depicts, self.photographer, None, self.derived_from).statement()


class Images(PersonDoor):
    """A person's pictures: bring one, list them."""

    parser_classes = (FormParser,)
    query = ("limit", "after")

    @d.described(
        "submit_image",
        "Bring a picture, and say who is shown. The same bytes again are the same image (200): what is stricter than "
        "what you said before applies at once, anything else is 409.",
        body={"multipart/form-data": FORM},
        answers={200: BROUGHT, 201: BROUGHT},
        problems=(404, 409, 413, 415),
    )
    def post(self, request: Request) -> HttpResponse:
        file = the_file(request)
        if file is None:
            raise Problem("field-required", "The field 'file' is missing.", field="file")
        stated = forms.read(Stated, {"depicts": [], **fields_of(request, many=("depicts", "derived_from"))})
        self.arrived()
        submitted = bring(self.person, file=file, statement=stated.statement(), at=self.at)
        body = {
            "image": str(submitted.image),
            "sha256": submitted.sha256.hex(),
            "state": submitted.state.value,
        }
        if submitted.created:
            return answer(body, status=201)
        return answer({**body, "changed": submitted.changed})

    @d.described(
        "list_images",
        "Your pictures, newest first.",
        answers={200: LIST},
        parameters={"limit": {"type": "integer", "minimum": 1, "maximum": PAGE}, "after": d.NUMBER},
        problems=(404,),
    )
    def get(self, request: Request) -> HttpResponse:
        after = request.GET.get("after")
        start = forms.number("after", after) if after is not None else None
        found = page(self.person, after=start, limit=self.page_size(), at=self.at)
        last = str(found.pictures[-1].image) if found.more else None
        return answer({"size": found.size, "images": [_picture(each) for each in found.pictures], "next": last})


class Image(PersonDoor):
    """One of a person's pictures, with its history."""

    http_method_names = ["get", "head", "patch"]

    @d.described(
        "read_image",
        "One of your pictures: its state, what it may be used for, its history, who asked about it, and who "
        "says to have trained with it.",
        answers={200: ONE},
        problems=(404,),
    )
    def get(self, request: Request, image: UUID) -> HttpResponse:  # noqa: ARG002 - Django's signature
        found = picture(self.person, image=image, at=self.at)
        events = history(self.person, image=image)
        used = used_by(self.person, image=image, at=self.at)
        body = {
            **_picture(found),
            "history": [_event(event) for event in events],
            "used_by": [_run(run) for run in used.runs],
            "informed": [_informed(each) for each in used.informed],
        }
        if events:
            spread = reach(found.collection, index=events[-1].index)
            body["synced"] = {"synced": spread.synced, "pipelines": spread.pipelines}
        return answer(body)

    @d.described(
        "correct_image",
        "Correct what you said of a picture that you brought. The earlier statement stays in the log.",
        body={"application/json": CORRECTION},
        answers={200: d.shown(d.thing(PICTURE), examples.PICTURE)},
        problems=(404, 409, 413, 415),
    )
    def patch(self, request: Request, image: UUID) -> HttpResponse:  # noqa: ARG002 - DRF's signature
        correct(self.person, image, statement=self.form(Corrected).statement(), at=self.at)
        return answer(_picture(picture(self.person, image=image, at=self.at)))


def the_file(request: Request) -> DigestedFile | None:
    """The one file of a form, whose field is `file`."""
    if any(name != "file" for name in request.FILES):
        raise Problem("unknown-field", "Send the file in the field 'file'.")
    files = request.FILES.getlist("file")
    if len(files) > 1:
        raise Problem("too-many-files", "Send one file at a time.")
    return files[0] if files else None


def fields_of(request: Request, *, many: Sequence[str] = ()) -> dict[str, object]:
    """The text fields of a form, each of which stands once, but for those that are lists."""
    fields: dict[str, object] = {}
    for name, values in request.POST.lists():
        if len(values) > 1 and name not in many:
            raise Problem("request-ambiguous", f"The field {name[:80]!r} stands more than once.")
        fields[name] = values if name in many else values[0]
    return fields


def _picture(of: Picture) -> dict[str, Any]:
    return {
        "image": str(of.image),
        "sha256": of.sha256.hex(),
        "collection": str(of.collection),
        "state": of.state,
        "rejection": _rejection(of.rejection),
        "submitted_at": written(of.submitted_at),
        "width": of.width,
        "height": of.height,
        "depicts": list(of.depicts),
        "derived_from": [str(source) for source in of.derived_from],
        "shown": of.shown,
        "paused": of.paused,
        "size": of.size,
        "file": _file(of.signal),
        "standing": {purpose: dict(_by_audience(of, purpose)) for purpose in PURPOSES},
    }


def _file(signal: FileSignal | None) -> dict[str, Any] | None:
    """What the file itself says of its use; null where it says nothing."""
    if signal is None:
        return None
    states = [{"name": each.name, "value": each.value} for each in signal.stated]
    return {"states": states, "denies": list(signal.denies), "lifted": signal.lifted}


def _rejection(slug: str) -> dict[str, str] | None:
    return {"slug": slug, "detail": REJECTIONS[cast("Slug", slug)]} if slug else None


def _by_audience(of: Picture, purpose: str) -> Iterator[tuple[str, dict[str, str | None]]]:
    for use in of.uses:
        if use.purpose == purpose:
            yield use.audience, {"consent": use.consent.value, "until": written(use.until) if use.until else None}


def _event(event: Event) -> dict[str, Any]:
    return {
        "index": event.index,
        "kind": event.kind,
        "recorded_at": written(event.recorded_at),
        "purposes": list(event.purposes),
        "audience": event.audience,
        "until": written(event.until) if event.until else None,
        "receipt": receipt_path(event.index),
    }


def _run(of: Run) -> dict[str, Any]:
    return {
        "organisation": of.organisation,
        "model": of.model,
        "name": of.name,
        "purpose": of.purpose,
        "attested_at": written(of.attested_at),
        "told_at": written(of.told_at) if of.told_at else None,
        "outcome": of.outcome,
    }


def _informed(of: Informed) -> dict[str, Any]:
    asked, listed = of.asked, of.listed
    return {
        "organisation": of.organisation,
        "purposes": list(of.purposes),
        "audience": of.audience,
        "asked": {"purposes": list(asked.purposes), "first_at": written(asked.first_at)} if asked else None,
        "listed": {"last_at": written(listed.last_at), "size": listed.size} if listed else None,
    }


def receipt_path(index: int) -> str:
    """Where an act's receipt is."""
    return f"/api/v1/me/receipts/{index}"
