"""What a registry needs before its first visitor: one collection and one notice; and what a demonstration shows."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from consent.acts.enrol_pipeline import Access, enrol_pipeline
from consent.acts.publish_notice import Text, publish_notice
from consentkit.scopes import AUDIENCES, PURPOSES
from registry.acts.enrol_person import enrol_person
from registry.acts.enrol_steward import enrol_steward
from registry.acts.issue_token import issue_token
from registry.acts.open_collection import Particulars, open_collection
from registry.reads.collections import any_collection
from service import tokens

NOTICE = """\
What we ask
We ask whether your pictures may be used to build or test computer programs that work with faces. You choose for what, \
by whom and until when. You can say no to all of it.

What happens if you agree
Organisations that hold a key to this registry may use the pictures you choose, for the purposes you choose, until the \
end you choose. They must ask the registry each time before they use a picture.

What does not happen
We do not work out who you are from your face, and we keep no face templates. We keep the picture, its size, and \
fingerprints of the picture itself, by which copies of it are recognised.

Changing your mind
You can stop at any time, on the page that shows your pictures or through your own app. It takes effect at once: \
nobody who asks afterwards is told that they may use them. You need give no reason, and nothing you were promised \
depends on it. Organisations that already hold a copy are told to remove it. What a program has already learned from a \
picture cannot always be undone; we say so plainly.

Your rights
You can see everything that is held about you, have it corrected, have it erased, and complain to your data protection \
authority. Write to the contact named above.
"""
TERM_DAYS = 730
CONTRIBUTOR, STEWARD = "ines@example.org", "sam@example.org"


@dataclass(frozen=True)
class Demonstration:
    """The secrets of the demonstration accounts, as they were shown when they were made."""

    contributor: str
    contributor_token: str
    steward: str
    steward_token: str
    pipeline_key: str


@dataclass(frozen=True)
class Controller:
    """Who answers for the first collection; people read this before they agree."""

    collection: str = "Portraits"
    name: str = "The operator of this registry"
    contact: str = "privacy@example.org"


def furnish(controller: Controller, *, at: datetime) -> UUID | None:
    """One collection with one notice, where there is no collection yet; None where there is."""
    if any_collection():
        return None
    collection, _ = open_collection(
        Particulars(
            name=controller.collection,
            controller=controller.name,
            contact=controller.contact,
            source="Brought by the people shown, or by those who took the picture",
        ),
        at=at,
    )
    text = Text("en", NOTICE, purposes=PURPOSES, audiences=AUDIENCES, term_days=TERM_DAYS)
    publish_notice(collection.id, text=text, at=at)
    return collection.id


def demonstrate(*, at: datetime) -> Demonstration:
    """A contributor, a steward and a pipeline, for trying things out on one's own machine."""
    shown = Demonstration(
        contributor=CONTRIBUTOR,
        contributor_token=tokens.fresh(tokens.PERSON),
        steward=STEWARD,
        steward_token=tokens.fresh(tokens.STEWARD),
        pipeline_key=tokens.fresh(tokens.PIPELINE),
    )
    person = enrol_person(CONTRIBUTOR, at=at).person
    issue_token(person, secret=shown.contributor_token, at=at)
    enrol_steward(STEWARD, secret=shown.steward_token, at=at)
    enrol_pipeline(Access("demonstration", PURPOSES, "research"), secret=shown.pipeline_key, at=at)
    return shown
