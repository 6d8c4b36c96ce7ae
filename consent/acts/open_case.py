"""Open a case: a steward must look. An exact hit is restricted at once, within a quota."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from dateutil.relativedelta import relativedelta
from django.db import connection, transaction

from consent.models import Case, CaseImage
from consent.rules.lifecycle import CaseState, Hold
from consentkit.entries import Kind
from registry.log.recorder import Act, record
from registry.models import Image
from registry.rules.items import Item

REACH = 3  # images of others that one claimant may suspend in WINDOW before a person looks
WINDOW = timedelta(days=1)
ANSWER_WITHIN = relativedelta(months=1)  # GDPR Art. 12(3): one calendar month
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # nothing that is misread over the telephone


@dataclass(frozen=True)
class Matter:
    """What the case is about: a digest or an image's number, and whose copy must not be touched."""

    kind: Literal["request", "dispute"]
    asked: str
    sha256: bytes | None = None
    image: UUID | None = None
    but_not: frozenset[UUID] = frozenset()

    @classmethod
    def dispute(cls, image: UUID, *, sha256: bytes) -> "Matter":
        """Somebody withdrew a copy whose bytes another person had brought before."""
        return cls("dispute", asked=sha256.hex(), sha256=sha256, but_not=frozenset({image}))


@dataclass(frozen=True)
class Opened:
    """What the asker is told: the same for a hit and a miss."""

    reference: str


@transaction.atomic(durable=True)
def open_case(matter: Matter, *, claimant: str, at: datetime) -> Opened:
    """Restrict what the matter hits exactly, if the claimant's reach allows, and put the case on the desk.

    Law 10: a case suspends; only a steward decides. Past the quota a case is opened and nothing is restricted.
    """
    _one_at_a_time(claimant)
    hits = _lock_hits(matter)
    if known := _open_dispute(matter, claimant):
        return Opened(known.reference)
    reached = hits[: max(0, REACH - _reach_used(claimant, at))]
    act = Act.begin(Kind.CASE_OPENED, at=at)
    case = Case(
        reference=new_reference(),
        collection_id=hits[0].collection_id if hits else None,
        kind=matter.kind,
        contact=claimant,
        asked=matter.asked,
        opened_at=at,
        due_at=at + ANSWER_WITHIN,
        act=act.id,
    )
    case.save(force_insert=True)
    CaseImage.objects.bulk_create([CaseImage(case=case, image=image, hold=Hold.RESTRICTED) for image in reached])
    said = {"case": str(case.id)}
    record(act, [Item("case_opened", particulars=said), *[_restricted(image.id, case.id) for image in reached]])
    return Opened(case.reference)


def _restricted(image: UUID, case: UUID) -> Item:
    return Item("restricted", image=image, particulars={"case": str(case)})


def _lock_hits(matter: Matter) -> list[Image]:
    if matter.sha256 is not None:
        hits = Image.objects.filter(sha256=matter.sha256, held=False).exclude(id__in=matter.but_not)
    else:
        hits = Image.objects.filter(id__in=[matter.image] if matter.image else [])
    ids = list(hits.order_by("id").values_list("id", flat=True))
    Image.objects.lock_closure(ids)
    return list(Image.objects.filter(id__in=ids).order_by("id"))


def _one_at_a_time(claimant: str) -> None:
    """Two cases of one claimant at the same moment would both find the quota unused."""
    key = int.from_bytes(hashlib.sha256(claimant.lower().encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def _open_dispute(matter: Matter, claimant: str) -> Case | None:
    """A dispute over the same bytes that already waits: withdrawing twice opens it once."""
    if matter.kind != "dispute":
        return None
    waiting = Case.objects.filter(kind=matter.kind, contact=claimant, asked=matter.asked)
    return waiting.filter(state=CaseState.ACKNOWLEDGED).first()


def _reach_used(claimant: str, at: datetime) -> int:
    """Different images suspended by this claimant within WINDOW."""
    recent = CaseImage.objects.filter(case__contact__iexact=claimant, case__opened_at__gt=at - WINDOW)
    return recent.values("image").distinct().count()


def new_reference() -> str:
    """Twelve characters in three groups, 60 bits: nobody guesses another's."""
    drawn = "".join(secrets.choice(ALPHABET) for _ in range(12))
    return "-".join((drawn[:4], drawn[4:8], drawn[8:]))
