"""The cast and what they do. A world is built by performing acts, never by writing rows."""

import hashlib
import io
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import product
from typing import Any, Final, Self
from uuid import UUID, uuid4

import numpy as np
from django.test import Client
from PIL import Image as Pillow
from PIL import ImageOps

from consent.acts.attest import Attested, attest
from consent.acts.chosen import Chosen
from consent.acts.deposit import deposit
from consent.acts.disclose import Telling, disclose_images
from consent.acts.enrol_pipeline import Access, enrol_pipeline
from consent.acts.extend_case import extend_case
from consent.acts.grant import Granted, Permission, grant
from consent.acts.hear import hear
from consent.acts.judge import judge
from consent.acts.look_over import look_over, look_past
from consent.acts.notify import notify
from consent.acts.open_case import Matter, open_case
from consent.acts.protect import protect, searched, watch
from consent.acts.publish_notice import Text, publish_notice
from consent.acts.register_checked import register_checked
from consent.acts.reopen_case import reopen_case
from consent.acts.resolve_case import Ruling, resolve_case
from consent.acts.resolve_claims import resolve_claims
from consent.acts.search_case import search_case
from consent.acts.take_up import take_up
from consent.acts.withdraw import Withdrawing, Withdrawn, withdraw
from consent.models import Case, CaseImage, Notice, Protection, Standing
from consent.reads import claims, lookouts, protections
from consent.reads.cases import let_go
from consent.reads.checks import By, Checked, check
from consent.reads.copies import deposited_copies, protected_copies, registered_copies
from consent.reads.matches import Matched, match
from consent.reads.pipelines import Asker, pipeline_of_key
from consent.reads.protections import claimant_of
from consent.reads.statements import differing
from consent.rules.decisions import Decided
from consent.rules.disclosures import How
from consent.rules.lifecycle import CaseMove
from consent.rules.pictures import protected_views
from consent.rules.reasons import Reason
from consentkit.fingerprints import Fingerprint
from consentkit.fingerprints.perception import Perceived, perceive
from consentkit.fingerprints.views import ALGORITHM, SIDE, VERSION
from consentkit.scopes import AUDIENCES, PURPOSES
from registry import originals
from registry.acts.correct import correct
from registry.acts.enrol_person import enrol_person
from registry.acts.enrol_steward import enrol_steward, steward_id
from registry.acts.issue_token import issue_token
from registry.acts.open_collection import Particulars, open_collection
from registry.acts.register import Measured
from registry.acts.reject import reject
from registry.acts.statements import Statement
from registry.acts.submit import Bytes, submit
from registry.log import publisher, receipts
from registry.log.recorder import Recorded, head_size
from registry.models import Image
from registry.reads.queue import bringers
from registry.rules import addresses
from registry.rules.signals import Stated
from registry.rules.subjects import Subjects
from tests import statements
from tests.drawn import file

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
    names: dict[str, int] = field(default_factory=dict)

    @classmethod
    def begun(cls, *, ago: timedelta = timedelta()) -> Self:
        """Size 0 is signed, a collection opened, a notice published, and all of it in a checkpoint."""
        at = datetime.now(UTC) - ago
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
        access = Access(self.unused(name), tuple(purposes), audience, collection or self.collection)
        pipeline, _ = enrol_pipeline(access, secret=key, at=self.at)
        return Pipeline(pipeline, key)

    def unused(self, name: str) -> str:
        """The name itself, then with a number: a pipeline's name is one."""
        self.names[name] = self.names.get(name, 0) + 1
        return name if self.names[name] == 1 else f"{name} {self.names[name]}"

    def image(
        self,
        person: UUID,
        *,
        depicts: str = "self",
        content: bytes | None = None,
        registered: bool = True,
        derived_from: UUID | Iterable[UUID] = (),
        collection: UUID | None = None,
        number: UUID | None = None,
    ) -> UUID:
        """Bytes handed in as the door does it; registered unless told otherwise.

        `depicts`: words of `Subjects`, parted by spaces. Bytes that are no picture are registered with invented
        fingerprints. The same bytes again are the image that is there.
        """
        content = content or secrets.token_bytes(64)
        number = number or uuid4()
        kept = originals.original(number)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(content)
        brought = Bytes(number, hashlib.sha256(content).digest(), len(content), "image/jpeg")
        sources = frozenset([derived_from] if isinstance(derived_from, UUID) else derived_from)
        subjects = Subjects.read(depicts.split())
        statement = Statement(subjects, collection=collection or self.collection, derived_from=sources)
        submitted = submit(person, brought=brought, statement=statement, at=self.at)
        if not submitted.stored:
            originals.discard(number)
        if registered:
            self.register(submitted.image)
        return submitted.image

    def register(self, image: UUID, *, stated: Sequence[Stated] = ()) -> None:
        """What a worker does after decoding, for all who brought it; and compared with nothing before."""
        newest = Protection.objects.all().latest_serial()
        for person in bringers(image):
            measured = replace(self.examined(image), stated=stated)
            register_checked(image, person=person, measured=measured, seen=newest, at=self.at)

    def examined(self, image: UUID) -> Measured:
        """What decoding finds; the small picture is kept."""
        made = perceived(originals.original(image).read_bytes())
        originals.keep_small(image, made.small.tobytes())
        return Measured(320, 400, made.fingerprints)

    def upload(self, person: UUID, content: bytes) -> UUID:
        """A picture handed in, examined, compared with the protected ones and registered: all that a worker does."""
        return self.finish(self.image(person, content=content, registered=False))

    def finish(self, image: UUID) -> UUID:
        """All that a worker does with a picture that was handed in."""
        measured = self.examined(image)
        for bringer in bringers(image):
            while True:
                looked = protected_copies(originals.small(image).read_bytes(), image=image)
                for case, likeness in looked.asked.items():
                    extend_case(case, likeness=likeness, at=self.at)
                if copies := [each for each in looked.found if each.of not in let_go(image)]:
                    matter = Matter.copy(image, likenesses=copies)
                    open_case(matter, claimant=str(claimant_of(copies[0].of or image)), at=self.at)
                done = register_checked(image, person=bringer, measured=measured, seen=looked.seen, at=self.at)
                if done != "look_again":
                    break
        return image

    def protect(self) -> int:
        """A worker makes the views of all that waits for them; their number."""
        images = protections.waiting(10_000)
        for image in images:
            views = protected_views(originals.small(image).read_bytes())
            protect(image, version=VERSION, views=views)
        return len(images)

    def look_back(self) -> int:
        """A worker looks for copies of all that was decided; the number of cases and notifications."""
        found = 0
        for each in protections.unsearched(10_000):
            small, views = originals.small(each.image).read_bytes(), protections.views(each.image)
            if copies := registered_copies(small, of=each.image):
                matter = Matter.copy(each.image, likenesses=copies)
                open_case(matter, claimant=str(claimant_of(each.image)), at=self.at)
                found += 1
            found += notify(deposited_copies(views or b"", image=each.image), at=self.at)
            searched(each.image, serial=each.serial, at=self.at)
        return found

    def reject(self, image: UUID) -> None:
        """What a worker does with bytes that are no picture."""
        for person in bringers(image):
            reject(image, person=person, slug="image-too-small", at=self.at)

    def correct(self, person: UUID, image: UUID, depicts: str, *, derived_from: Iterable[UUID] = ()) -> Recorded | None:
        """Who brought it says anew who is shown."""
        statement = Statement(Subjects.read(depicts.split()), derived_from=frozenset(derived_from))
        return correct(person, image, statement=statement, at=self.at)

    def hear(self) -> list[UUID]:
        """A worker puts pictures about which people differ on the desk; the cases."""
        for image in differing(1_000):
            hear(image, at=self.at)
        return list(Case.objects.filter(kind="statements", state="acknowledged").values_list("id", flat=True))

    def judge(self, case: UUID, *false: UUID) -> Recorded:
        """A steward finds the statements of these people false."""
        return judge(case, false=frozenset(false), ground="heard both", steward=uuid4(), at=self.at)

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
        """`until` None: to the end of the notice's term. `notice` None: the one that they read now."""
        asked = Permission(images, tuple(purposes), notice or self._notice(person, images), audience, until)
        return grant(person, permission=asked, at=self.at, idempotency_key=key)

    def _notice(self, person: UUID, images: Chosen) -> UUID:
        meant = Image.objects.of(person) if images == "all" else Image.objects.filter(id__in=list(images))
        published = Notice.objects.filter(collection__in=meant.values("collection")).order_by("collection", "-version")
        return published.values_list("id", flat=True).first() or self.notice

    def withdraw(
        self, person: UUID, images: Chosen = "all", *, purposes: Sequence[str] = PURPOSES, key: str | None = None
    ) -> Withdrawn:
        return withdraw(person, withdrawing=Withdrawing(images, tuple(purposes)), at=self.at, idempotency_key=key)

    def take_up(self) -> int:
        """The sweep takes up what was only noted; the number of acts."""
        return sum(take_up(claimant, at=self.at) is not None for claimant in claims.waiting(1_000, at=self.at))

    def case(
        self,
        *,
        image: UUID | None = None,
        sha256: bytes | None = None,
        claimant: str = "who@example.org",
        proven: bool = True,
    ) -> UUID:
        """A request about an image or a digest; the case's number."""
        asked = str(image) if image else (sha256 or b"").hex()
        matter = Matter("request", asked=asked, sha256=sha256, image=image)
        return open_case(matter, claimant=counted(claimant), at=self.at, proven=proven).case

    def ask(self, content: bytes, *, claimant: str = "who@example.org", proven: bool = True) -> UUID:
        """A request with a picture, which nobody has looked for yet; the case's number."""
        digest = hashlib.sha256(content).digest()
        matter = Matter("request", asked=digest.hex(), sha256=digest, search=True)
        case = open_case(matter, claimant=counted(claimant), at=self.at, proven=proven).case
        kept = originals.asked(case)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(content)
        return case

    def search(self, case: UUID) -> Recorded | None:
        """A worker looks for the picture of a request."""
        small = perceived(originals.asked(case).read_bytes()).small.tobytes()
        originals.keep_asked_small(case, small)
        watch(case, version=VERSION, views=protected_views(small), at=self.at)
        return search_case(case, found=registered_copies(small), at=self.at)

    def resolve(
        self, case: UUID, move: CaseMove, *, same: Iterable[UUID] | None = None, seen: Iterable[UUID] | None = None
    ) -> Recorded:
        """A steward decides, having seen all that the case lists unless told otherwise."""
        return resolve_case(
            case,
            ruling=Ruling(move, "looked at it", uuid4()),
            at=self.at,
            seen=frozenset(
                CaseImage.objects.filter(case=case).values_list("image", flat=True) if seen is None else seen
            ),
            same=None if same is None else frozenset(same),
        )

    def reopen(self, case: UUID) -> Recorded:
        """A steward takes a decision back."""
        return reopen_case(case, ground="it was wrong", steward=uuid4(), at=self.at)

    def resolve_claims(self, case: UUID, move: CaseMove) -> Recorded:
        """A steward decides all open cases of whoever opened this one."""
        found = claims.of_claimant(case)
        assert found is not None
        ruling = Ruling(move, "all of them", uuid4())
        return resolve_claims(frozenset(found.cases), images=found.images, ruling=ruling, at=self.at)

    def check(
        self, pipeline: Pipeline, *keys: UUID | bytes | str, purpose: str = "ai_training", by: By = "image"
    ) -> Checked:
        """The answers for these images or digests, in their order."""
        asker = self.asker(pipeline)
        asked = [key.hex() if isinstance(key, bytes) else str(key) for key in keys]
        return check(asker, purpose=purpose, by=by, keys=asked, at=self.at)

    def asks(self, pipeline: Pipeline, *images: UUID, purpose: str = "ai_training") -> Checked:
        """The answers for these images, kept before they leave, as the door does it."""
        checked, asker = self.check(pipeline, *images, purpose=purpose), self.asker(pipeline)
        telling = Telling(How.CHECK, (purpose,), asker.audience, checked.size)
        disclose_images(asker.serial, telling=telling, images=checked.images, at=self.at)
        return checked

    def asker(self, pipeline: Pipeline) -> Asker:
        """Who the door takes the pipeline for."""
        found = pipeline_of_key(pipeline.key, at=self.at)
        assert found is not None
        return found

    def match(
        self, pipeline: Pipeline, *pictures: bytes, purpose: str = "ai_training", version: int = VERSION
    ) -> Matched:
        """The answer for these files, whose views are made at the asking side."""
        return match(self.asker(pipeline), purpose=purpose, version=version, pictures=[*map(views_of_file, pictures)])

    def deposit(self, pipeline: Pipeline, **pictures: bytes) -> int:
        """The pipeline leaves these files' views, each under its name."""
        left = [(key, views_of_file(content)) for key, content in pictures.items()]
        return deposit(self.asker(pipeline).serial, version=VERSION, pictures=left, at=self.at)

    def attest(self, pipeline: Pipeline, *keys: UUID | bytes, size: int | None = None, **otherwise: Any) -> Attested:
        """A statement that these images or digests were kept at this size (None: now), and nothing looked over."""
        sent = [digest_of(key) if isinstance(key, UUID) else key for key in keys]
        note = statements.note(sent, size=head_size() if size is None else size, **otherwise)
        return attest(self.asker(pipeline).serial, note=note, keys=sent, at=self.at)

    def look_over(self) -> int:
        """A worker compares all manifests with the newest acts; the number of notifications."""
        told = 0
        while (behind := lookouts.behind()) is not None:
            told += sum(look_over(manifest, at=self.at) or 0 for manifest in behind.touched)
            look_past(behind.others, size=behind.size)
        return told

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
    particulars = Particulars(name, f"{name} Institute", "contact@example.org", "portal")
    collection, _ = open_collection(particulars, at=at)
    return UUID(str(collection.id))


def counted(claimant: str) -> str:
    """As a door hands a claimant on: an address in its one form; a pseudonym as it is."""
    return addresses.canonical(claimant) if "@" in claimant else claimant


def altered(
    content: bytes, *, mirror: bool = False, turn: int = 0, crop: float = 1.0, down: float = 0.5, across: float = 0.5
) -> bytes:
    """A copy: a window of `crop` of the sides at this place, mirrored, turned by quarters to the left, recompressed."""
    with Pillow.open(io.BytesIO(content)) as picture:
        wide, high = round(picture.width * crop), round(picture.height * crop)
        left, top = round((picture.width - wide) * across), round((picture.height - high) * down)
        copy = picture.crop((left, top, left + wide, top + high)).rotate(90 * turn, expand=True)
    return file(ImageOps.mirror(copy) if mirror else copy, "JPEG", quality=80)


def views_of_file(content: bytes) -> bytes:
    """What a pipeline sends of a file."""
    (seen,) = (each for each in perceived(content).fingerprints if each.algorithm == ALGORITHM)
    return seen.bits


@lru_cache(maxsize=512)
def perceived(content: bytes) -> Perceived:
    """Of a picture; bytes that are none have invented fingerprints, and noise for a small picture."""
    if content.startswith((b"\xff\xd8", b"\x89PNG")):
        with Pillow.open(io.BytesIO(content)) as picture:
            return perceive(picture)
    noise = np.random.default_rng(list(content)).integers(0, 256, (SIDE, SIDE)).astype(np.uint8)
    return Perceived((Fingerprint("phash256", 1, secrets.token_bytes(32)),), noise)


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
