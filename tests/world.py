"""The cast and what they do. A world is built by performing acts, never by writing rows."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Final, Self
from uuid import UUID, uuid4

from django.test import Client

from consent.acts.chosen import Chosen
from consent.acts.enrol_pipeline import Access, enrol_pipeline
from consent.acts.grant import Granted, Permission, grant
from consent.acts.open_case import Matter, open_case
from consent.acts.publish_notice import Text, publish_notice
from consent.acts.resolve_case import resolve_case
from consent.acts.withdraw import Withdrawing, Withdrawn, withdraw
from consent.models import Case, Standing
from consent.reads.checks import By, Checked, check
from consent.reads.pipelines import pipeline_of_key
from consent.rules.decisions import Decided
from consent.rules.lifecycle import CaseMove
from consent.rules.reasons import Reason
from consentkit.fingerprints import Fingerprint
from consentkit.scopes import AUDIENCES, PURPOSES
from registry import originals
from registry.acts.enrol_person import enrol_person
from registry.acts.enrol_steward import enrol_steward, steward_id
from registry.acts.issue_token import issue_token
from registry.acts.open_collection import Particulars, open_collection
from registry.acts.register import Measured, register
from registry.acts.reject import reject
from registry.acts.submit import Bytes, Shown, Statement, submit
from registry.log import publisher, receipts
from registry.log.recorder import Recorded

TERM_DAYS: Final = 365
NOTICE: Final = Text("en", "Your pictures may be used as you say.", PURPOSES, AUDIENCES, TERM_DAYS)


@dataclass(frozen=True)
class Pipeline:
    """An enrolled pipeline and the key that it sends."""

    id: UUID
    key: str


@dataclass
class World:
    """One registry. `at` is its clock: every act happens at that moment; move it with `later`."""

    at: datetime
    collection: UUID
    notice: UUID
    people: dict[str, UUID] = field(default_factory=dict)
    client: Client = field(default_factory=Client)

    @classmethod
    def begun(cls) -> Self:
        """Size 0 is signed, a collection opened, a notice published, and all of it in a checkpoint."""
        at = datetime.now(UTC)
        publisher.turn(at)
        collection = opened_collection("Faces", at=at)
        notice, _ = publish_notice(collection, text=NOTICE, at=at)
        publisher.turn(at)
        return cls(at=at, collection=collection, notice=notice.id)

    def later(self, **by: float) -> datetime:
        """Let time pass: `later(seconds=31)`."""
        self.at += timedelta(**by)
        return self.at

    def person(self, name: str) -> UUID:
        """The person of this name, enrolled at first mention."""
        if name not in self.people:
            self.people[name] = enrol_person(f"{name}@example.org", at=self.at).person
        return self.people[name]

    def steward(self, name: str = "stew") -> UUID:
        """A steward's pseudonym, as `resolve_case` takes it."""
        secret = secrets.token_urlsafe(32)
        account, _ = enrol_steward(f"{name}@registry.example", secret=secret, at=self.at)
        return steward_id(account)

    def token(self, person: UUID) -> str:
        """A bearer token of this person, for `/api/v1/me/`."""
        secret = secrets.token_urlsafe(32)
        issue_token(person, secret=secret, at=self.at)
        return secret

    def pipeline(
        self,
        name: str = "lab",
        *,
        purposes: Sequence[str] = PURPOSES,
        audience: str = "research",
        collection: UUID | None = None,
    ) -> Pipeline:
        key = secrets.token_urlsafe(32)
        access = Access(name, tuple(purposes), audience, collection or self.collection)
        pipeline, _ = enrol_pipeline(access, secret=key, at=self.at)
        return Pipeline(pipeline, key)

    def image(
        self,
        person: UUID,
        *,
        depicts: Shown = Shown.SELF,
        content: bytes | None = None,
        registered: bool = True,
        derived_from: UUID | None = None,
        collection: UUID | None = None,
        number: UUID | None = None,
    ) -> UUID:
        """Bytes handed in as the door does it; registered with an invented fingerprint unless told otherwise.

        The same bytes by the same person again are the image that they had before.
        """
        content = content or secrets.token_bytes(64)
        number = number or uuid4()
        kept = originals.original(number)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(content)
        brought = Bytes(number, hashlib.sha256(content).digest(), len(content), "image/jpeg")
        said = Statement(depicts=depicts, derived_from=derived_from, collection=collection or self.collection)
        submitted = submit(person, brought=brought, statement=said, at=self.at)
        if not submitted.created:
            originals.discard(number)
        if registered:
            self.register(submitted.image)
        return submitted.image

    def register(self, image: UUID) -> Recorded | None:
        """What a worker does after decoding; the fingerprint is invented."""
        invented = Fingerprint("phash256", 1, secrets.token_bytes(32))
        return register(image, measured=Measured(320, 400, [invented]), at=self.at)

    def reject(self, image: UUID) -> Recorded | None:
        """What a worker does with bytes that are no picture."""
        return reject(image, slug="image-too-small", at=self.at)

    def grant(
        self,
        person: UUID,
        images: Chosen = "all",
        *,
        purposes: Sequence[str] = PURPOSES,
        audience: str = "research",
        until: datetime | None = None,
        notice: UUID | None = None,
        key: str | None = None,
    ) -> Granted:
        """`until` None: to the end of the notice's term."""
        asked = Permission(images, tuple(purposes), audience, until, notice)
        return grant(person, permission=asked, at=self.at, idempotency_key=key)

    def withdraw(
        self, person: UUID, images: Chosen = "all", *, purposes: Sequence[str] = PURPOSES, key: str | None = None
    ) -> Withdrawn:
        return withdraw(person, withdrawing=Withdrawing(images, tuple(purposes)), at=self.at, idempotency_key=key)

    def case(
        self, *, image: UUID | None = None, sha256: bytes | None = None, claimant: str = "who@example.org"
    ) -> UUID:
        """A request about an image or a digest; returns the case's number."""
        asked = str(image) if image else (sha256 or b"").hex()
        matter = Matter("request", asked=asked, sha256=sha256, image=image)
        reference = open_case(matter, claimant=claimant, at=self.at).reference
        return Case.objects.values_list("id", flat=True).get(reference=reference)

    def resolve(self, case: UUID, move: CaseMove) -> Recorded:
        """A steward decides."""
        return resolve_case(case, move=move, ground="looked at it", steward=uuid4(), at=self.at)

    def check(
        self, pipeline: Pipeline, *keys: UUID | bytes | str, purpose: str = "ai_training", by: By = "image"
    ) -> Checked:
        """The answers for these images or digests, in their order."""
        asker = pipeline_of_key(pipeline.key, at=self.at)
        assert asker is not None
        asked = [key.hex() if isinstance(key, bytes) else str(key) for key in keys]
        return check(asker, purpose=purpose, by=by, keys=asked, at=self.at)

    def decision(self, pipeline: Pipeline, image: UUID, *, purpose: str = "ai_training") -> Decided:
        """The answer for one image."""
        (decided,) = self.check(pipeline, image, purpose=purpose).decisions
        return decided

    def publish(self) -> publisher.Published | None:
        """One turn of the publisher."""
        return publisher.turn(self.at)

    def receipt(self, person: UUID, index: int) -> bytes | None:
        return receipts.receipt(index, person=person)


def opened_collection(name: str, *, at: datetime) -> UUID:
    """Another collection, without a notice."""
    particulars = Particulars(name, f"{name} Institute", "contact@example.org", "portal", public=False)
    collection, _ = open_collection(particulars, at=at)
    return UUID(str(collection.id))


def digest_of(image: UUID) -> bytes:
    """SHA-256 of an image's bytes, as stored."""
    return hashlib.sha256(originals.original(image).read_bytes()).digest()


def uses(image: UUID) -> dict[tuple[str, str], str | int | None]:
    """By (purpose, audience): the second at which permission ends, or the inner reason in words."""
    row = Standing.objects.get(image=image)
    ruled = zip(product(PURPOSES, AUDIENCES), row.until, row.reason, strict=True)
    return {use: until if code is None else Reason(code).word for use, until, code in ruled}


def reason(image: UUID, purpose: str = "ai_training", audience: str = "research") -> str | None:
    """Why this use is not permitted, in words; None when it is."""
    found = uses(image)[purpose, audience]
    return found if isinstance(found, str) else None
