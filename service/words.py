"""What people read on pages: purposes, audiences, states and reasons in plain words.

Contributors are never shown the words of the law or of the core; a test holds every purpose, audience, kind and reason
against these tables, so that none is without words.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from consent.reads.answers import Show
from consent.reads.pictures import Event, Picture, Use
from consent.reads.signals import FileSignal
from consent.reads.used import Informed, Run
from consent.rules.consents import Consent
from consent.rules.outcomes import Outcome
from consentkit.entries import Kind
from consentkit.formats import REJECTIONS
from consentkit.scopes import PURPOSES
from registry.rules.lifecycle import ImageState
from registry.rules.signals import UNREADABLE

Words = str | Promise


@dataclass(frozen=True)
class Named:
    """A name for lists, and one plain sentence."""

    name: Words
    sentence: Words


PURPOSE: Final[Mapping[str, Named]] = {
    "ai_training": Named(
        gettext_lazy("recognition and analysis"),
        gettext_lazy(
            "Teach systems that recognise or analyse faces: find a face, tell people apart, estimate an age. "
            "They make no new pictures."
        ),
    ),
    "ai_generative_training": Named(
        gettext_lazy("making new pictures"),
        gettext_lazy("Teach systems that make new pictures and videos of faces. What they make may look like you."),
    ),
    "ai_inference": Named(
        gettext_lazy("use in finished systems"),
        gettext_lazy(
            "Show your picture to a system that has already learned, and use its answer. It learns nothing from it."
        ),
    ),
    "data_mining": Named(
        gettext_lazy("searching for patterns"),
        gettext_lazy("Let computers search many pictures for facts and patterns. No system is taught."),
    ),
    "evaluation": Named(
        gettext_lazy("testing"),
        gettext_lazy("Measure how well a system works, and for whom it works badly."),
    ),
}
GENERATIVE: Final = "ai_generative_training"

AUDIENCE: Final[Mapping[str, Named]] = {
    "research": Named(
        gettext_lazy("research"),
        gettext_lazy("Universities and others who publish what they learn and sell nothing made from it."),
    ),
    "commercial": Named(
        gettext_lazy("companies"),
        gettext_lazy("Companies that may build it into what they sell."),
    ),
}

CONSENT: Final[Mapping[Consent, Words]] = {
    Consent.NONE: gettext_lazy("No. You have not allowed this."),
    Consent.GIVEN: gettext_lazy("Yes, until {until}."),
    Consent.WITHDRAWN: gettext_lazy("No. You stopped this."),
    Consent.EXPIRED: gettext_lazy("No. The time that you allowed is over."),
    Consent.REVOKED: gettext_lazy("No. We stopped this after a request."),
}
"""What the person reads of one use: what they say of it, or what the registry decided since."""

PAUSED: Final = gettext_lazy("Paused while we look at a request about this picture.")

DEPICTS: Final[Mapping[str, Words]] = {
    "self": gettext_lazy("me"),
    "unknown": gettext_lazy("people I don’t know"),
    "nobody": gettext_lazy("nobody who can be recognised"),
}
"""Who is shown, in the words of whoever brought the picture; other people stand there by their addresses."""

ANSWERED: Final[Mapping[Outcome, Words]] = {
    Outcome.DELETED: gettext_lazy("It answered: deleted."),
    Outcome.EXCLUDED: gettext_lazy("It answered: left out of everything made from now on."),
    Outcome.RETRAINED: gettext_lazy("It answered: made again without your pictures."),
    Outcome.EXEMPT: gettext_lazy("It answered that the law lets it go on."),
    Outcome.NOT_FOUND: gettext_lazy("It answered that it did not find them."),
}
WAITED_FOR: Final = gettext_lazy("It has not answered yet.")

SUBJECTS: Final[Mapping[str, Words]] = {
    "self": gettext_lazy("I am shown"),
    "invited": gettext_lazy("somebody is shown whom I name"),
    "unknown": gettext_lazy("people are shown whom I do not know"),
    "nobody": gettext_lazy("nobody can be recognised"),
}

CHECKING: Final = gettext_lazy("We are checking this picture.")
"""All that is said until a picture is in the registry, also while a steward compares it with another person's."""

EVENT: Final[Mapping[Kind, Words]] = {
    Kind.IMAGE_SUBMITTED: gettext_lazy("You added this picture."),
    Kind.IMAGE_REGISTERED: gettext_lazy("We have read this picture."),
    Kind.IMAGE_REJECTED: gettext_lazy("We could not use this file."),
    Kind.DEPICTION_CONFIRMED: gettext_lazy("You were confirmed as the person shown."),
    Kind.GRANTED: gettext_lazy("You allowed: {purposes}, for {audience}, until {until}."),
    Kind.WITHDRAWN: gettext_lazy("You stopped: {purposes}."),
    Kind.REFUSED: gettext_lazy("You said no to: {purposes}."),
    Kind.REVOKED: gettext_lazy("We stopped its use."),
    Kind.CASE_OPENED: gettext_lazy("Its use was paused while we look at a request."),
    Kind.CASE_RESOLVED: gettext_lazy("The request about it was decided."),
    Kind.ERASED: gettext_lazy("This picture was erased."),
    Kind.CASE_SEARCHED: gettext_lazy("Its use was paused while we look at a request."),
    Kind.CASE_EXTENDED: gettext_lazy("Its use was paused while we look at a request."),
    Kind.CASE_TAKEN_UP: gettext_lazy("Its use was paused while we look at a request."),
    Kind.CASE_REOPENED: gettext_lazy("The decision about it was taken back. We look at it again."),
    Kind.ACKNOWLEDGED: gettext_lazy("An organisation said what it did with this picture."),
    Kind.MANIFEST_ATTESTED: gettext_lazy("An organisation said what it used for a model."),
    Kind.WEBHOOK_ENROLLED: gettext_lazy("An organisation named where it is told of changes."),
    Kind.SNAPSHOT_PUBLISHED: gettext_lazy("A list of all permissions was published."),
    Kind.COLLECTION_MADE_PUBLIC: gettext_lazy("The list of permissions was opened to everybody."),
    Kind.DISCLOSURES_LOGGED: gettext_lazy("A seal was put on the list of who asked about what."),
    Kind.SIGNAL_LIFTED: gettext_lazy("We looked at what the file says of its use, and lifted it."),
    Kind.ACCOUNT_MOVED: gettext_lazy("You sign in with another address from now on."),
    Kind.ACCOUNTS_JOINED: gettext_lazy("Another account of yours was joined to this one."),
    Kind.STATEMENT_CORRECTED: gettext_lazy("You corrected what you said about this picture."),
    Kind.KEY_ISSUED: gettext_lazy("An organisation was given a key."),
    Kind.KEY_REVOKED: gettext_lazy("A key of an organisation was ended."),
    Kind.PIPELINE_DISABLED: gettext_lazy("The access of an organisation was ended."),
    Kind.PIPELINE_ENABLED: gettext_lazy("An organisation was given its access back."),
    Kind.WEBHOOK_SECRET_ISSUED: gettext_lazy("What we tell an organisation is signed with a new secret."),
    Kind.WEBHOOK_SECRET_REVOKED: gettext_lazy("What we tell an organisation is no longer signed with an old secret."),
    Kind.TOKEN_ISSUED: gettext_lazy("An app was given access in your name."),
    Kind.TOKEN_REVOKED: gettext_lazy("The access of an app was ended."),
    Kind.STEWARD_REMOVED: gettext_lazy("You are no longer a steward."),
    Kind.SESSIONS_ENDED: gettext_lazy("You were signed out elsewhere."),
    Kind.PERSON_ENROLLED: gettext_lazy("You joined the registry."),
    Kind.STEWARD_ENROLLED: gettext_lazy("You became a steward."),
    Kind.PIPELINE_ENROLLED: gettext_lazy("An organisation was given access."),
    Kind.NOTICE_PUBLISHED: gettext_lazy("A new notice was published."),
    Kind.COLLECTION_OPENED: gettext_lazy("A collection was opened."),
}

CASE_KIND: Final[Mapping[str, Words]] = {
    "request": gettext_lazy("A picture of me is in here"),
    "copy": gettext_lazy("An upload looks like a picture that must not be used"),
    "statements": gettext_lazy("Two people say different things about this picture"),
}
CASE_STATE: Final[Mapping[str, Words]] = {
    "acknowledged": gettext_lazy("Open"),
    "fulfilled": gettext_lazy("Accepted"),
    "rejected": pgettext_lazy("case", "Rejected"),
}
HOLD: Final[Mapping[str, Words]] = {
    "restricted": gettext_lazy("Restricted: nobody may use it until this is decided."),
    "noted": gettext_lazy(
        "Only noted, not restricted yet (beyond the allowance of a day, or after another decision of ours): what is "
        "allowed stays allowed until it is taken up or decided."
    ),
    "lifted": gettext_lazy("Not restricted any more: another picture."),
    "revoked": pgettext_lazy("image", "Revoked: the same picture."),
}

ACCEPT: Final[Mapping[str, Named]] = {
    "request": Named(
        gettext_lazy("Accept: revoke the pictures that are ticked"),
        gettext_lazy("Organisations are told to remove them. No later grant brings them back. The others are freed."),
    ),
    "copy": Named(
        gettext_lazy("It is the same picture: revoke the upload"),
        gettext_lazy("Nobody may use an upload that is ticked. No later grant brings it back. The others are freed."),
    ),
}
REJECT: Final[Mapping[str, Named]] = {
    "request": Named(
        gettext_lazy("Reject: lift the restriction"),
        gettext_lazy("What was allowed before the request is allowed again."),
    ),
    "copy": Named(
        gettext_lazy("It is another picture: register it as it is"),
        gettext_lazy("What its contributor allows holds again. Nobody learns that it was compared."),
    ),
}
"""What a steward may decide, by the case's kind."""

ALTERED: Final[Mapping[str, Words]] = {
    "none": gettext_lazy("the same part, the same way round"),
    "mirrored": gettext_lazy("mirrored"),
    "turned": gettext_lazy("turned"),
    "cropped": gettext_lazy("cropped"),
    "framed": gettext_lazy("with something around it"),
}


ANSWERS: Final[Mapping[Show, Words]] = {
    Show.ALL: gettext_lazy("All"),
    Show.LATE: gettext_lazy("Late"),
    Show.WAITING: gettext_lazy("Waiting, in time"),
    Show.ANSWERED: gettext_lazy("Answered"),
}
OUTCOME: Final[Mapping[str, Words]] = {
    Outcome.DELETED: gettext_lazy("Deleted"),
    Outcome.EXCLUDED: gettext_lazy("Left out from now on"),
    Outcome.RETRAINED: gettext_lazy("Model trained anew"),
    Outcome.EXEMPT: gettext_lazy("Kept: they say that they may"),
    Outcome.NOT_FOUND: gettext_lazy("They did not find it"),
}
"""What a pipeline answers a notification with, as a steward reads it."""


def told_of(kind: str, images: int) -> str:
    """What a notification is about."""
    if kind == "copy":
        return _("A copy among what it left here")
    said = ngettext("%d picture of an attested run", "%d pictures of an attested run", images)
    return said % images


def alteration(words: str) -> str:
    """Of a copy: “Mirrored and cropped”. `words` as matching gives them, “mirrored, cropped”."""
    said = [str(ALTERED[word]) for word in words.split(", ") if word in ALTERED]
    return capfirst(_(" and ").join(said))


def purposes(chosen: Iterable[str]) -> str:
    """“recognition and analysis, testing”, in the order of the registry; all of them: “everything”."""
    chosen = set(chosen)
    if chosen == set(PURPOSES):
        return _("everything")
    return ", ".join(str(PURPOSE[purpose].name) for purpose in PURPOSES if purpose in chosen)


def day(moment: datetime) -> str:
    """“3 March 2027”."""
    return date_format(moment, "j F Y")


@dataclass(frozen=True)
class Summary:
    """One picture in words. `tone`: `allowed`, `not-used`, `checking` or `not-accepted`."""

    tone: str
    text: str


def summary(picture: Picture) -> Summary:
    """What the gallery says under a picture."""
    if picture.state == ImageState.SUBMITTED:
        return Summary("checking", str(CHECKING))
    if picture.state == ImageState.REJECTED:
        return Summary("not-accepted", rejection(picture.rejection))
    if picture.paused:
        return Summary("not-used", str(PAUSED))
    if picture.allowed:
        return Summary("allowed", " ".join(_allowed(picture.allowed)))
    if Consent.REVOKED in {use.consent for use in picture.uses}:
        return Summary("not-used", _("Not used for anything: we stopped it after a request."))
    if not picture.shown:
        return Summary("not-used", _("Not used for anything: the person shown has to agree first."))
    return Summary("not-used", _("Not used for anything."))


def depicts(words: Iterable[str]) -> str:
    """“me, people I don’t know”."""
    return ", ".join(str(DEPICTS.get(word, word)) for word in words)


def subjects(words: Iterable[str]) -> str:
    """The same of somebody else's statement, as a steward reads it."""
    named = [str(SUBJECTS[word]) for word in words]
    return ", ".join(named) or str(SUBJECTS["nobody"])


def rejection(slug: str) -> str:
    """Why a file was not accepted, and what helps."""
    return next((sentence for known, sentence in REJECTIONS.items() if known == slug), _("We cannot use this file."))


def _allowed(uses: Iterable[Use]) -> list[str]:
    """One sentence for each audience and end."""
    grouped: dict[tuple[str, datetime], list[str]] = {}
    for use in uses:
        if use.until is not None:
            grouped.setdefault((use.audience, use.until), []).append(use.purpose)
    return [
        _("You allow: %(purposes)s (%(audience)s), until %(day)s.")
        % {"purposes": purposes(chosen), "audience": AUDIENCE[audience].name, "day": day(until)}
        for (audience, until), chosen in grouped.items()
    ]


def use(asked: Use) -> str:
    """One use of one picture: “Yes, until 3 March 2027.”, or no and why."""
    return str(CONSENT[asked.consent]).format(until=day(asked.until) if asked.until else "")


def event(happened: Event) -> str:
    """One line of a picture's history."""
    return str(EVENT[Kind(happened.kind)]).format(
        purposes=purposes(happened.purposes),
        audience=AUDIENCE[happened.audience].name if happened.audience else "",
        until=day(happened.until) if happened.until else "",
    )


def file_says(signal: FileSignal) -> list[str]:
    """What the file itself says of its use, sentence by sentence; empty where that is nothing for a person to read."""
    said = []
    if signal.minor:
        said.append(_("The file says that somebody shown is under age. Nobody may use it on your word alone."))
    if any(each.value == UNREADABLE for each in signal.stated):
        said.append(_("The file says something about its use that we cannot read. A person looks at it."))
    if signal.denies and not signal.lifted:
        said.append(
            _("The file itself says no to: %(purposes)s. Nobody may use it for that, whatever you allow.")
            % {"purposes": purposes(signal.denies)}
        )
    if signal.lifted:
        said.append(_("The file says no to some uses. A person looked at it and found that this does not hold."))
    made = next((each.value for each in signal.stated if each.name == "Iptc4xmpExt:DigitalSourceType"), "")
    if made:
        said.append(_("How it was made, by the file's own word: %(code)s.") % {"code": made})
    return said


def pictures(count: int) -> str:
    """“1 picture”, “3 pictures”."""
    return ngettext("%(count)d picture", "%(count)d pictures", count) % {"count": count}


def used(run: Run) -> str:
    """Who says to have used pictures, and for what: “Example Lab, for “face-1” (testing).”"""
    said = _("%(organisation)s, for “%(model)s” (%(purpose)s).")
    return said % {"organisation": run.organisation, "model": run.model, "purpose": PURPOSE[run.purpose].name}


def answered(run: Run) -> str:
    """What it did when it was told that it may no longer use them; nothing where it was told nothing."""
    if run.told_at is None:
        return ""
    said = ANSWERED[Outcome(run.outcome)] if run.outcome else WAITED_FOR
    return _("Told on %(day)s to stop.") % {"day": day(run.told_at)} + f" {said}"


def may_ask(of: Informed) -> str:
    """“May ask about: recognition and analysis, testing (research).”"""
    if not of.purposes:
        return _("It can ask no more.")
    return _("May ask about: %(purposes)s (%(audience)s).") % {
        "purposes": purposes(of.purposes),
        "audience": AUDIENCE[of.audience].name,
    }


def asked(of: Informed, *, about_one: bool) -> str:
    """How many pictures it asked about, or that it asked about the one that is read of; nothing where it did not."""
    if of.asked is None:
        return ""
    if about_one:
        said = _("It asked about this picture (%(purposes)s), first on %(day)s.")
    else:
        said = ngettext(
            "It asked about %(count)d of your pictures (%(purposes)s), first on %(day)s.",
            "It asked about %(count)d of your pictures (%(purposes)s), first on %(day)s.",
            of.asked.pictures,
        )
    told = {"count": of.asked.pictures, "day": day(of.asked.first_at), "purposes": purposes(of.asked.purposes)}
    return said % told


def listed(of: Informed) -> str:
    """When it last took the list; nothing where it takes none."""
    if of.listed is None:
        return ""
    said = _("It takes the list of what may be used, and of what may not: last on %(day)s.")
    return said % {"day": day(of.listed.last_at)}


def updated(synced: int, organisations: int) -> str:
    """“4 of 5 organisations updated”: how far a stop has come."""
    if not organisations:
        return _("No organisation has access to these pictures at the moment.")
    said = ngettext(
        "%(synced)d of %(count)d organisation updated",
        "%(synced)d of %(count)d organisations updated",
        organisations,
    )
    return said % {"synced": synced, "count": organisations}
