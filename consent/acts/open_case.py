"""Open a case: a steward must look. Restricted at once are the very bytes, and copies within an allowance."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

from dateutil.relativedelta import relativedelta
from django.db import transaction
from django.db.models import QuerySet

from consent.acts.reaching import hold, one_at_a_time
from consent.models import Case, CaseImage
from consent.rules.lifecycle import CaseState, Hold, Search
from consent.rules.likeness import Likeness, first_of_each
from consentkit.entries import Kind
from registry.log.recorder import Act, record
from registry.models import Image
from registry.rules.items import Item

ANSWER_WITHIN = relativedelta(months=1)  # GDPR Art. 12(3): one calendar month
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # nothing that is misread over the telephone


def new_reference() -> str:
    """Twelve characters in three groups, 60 bits: nobody guesses another's."""
    drawn = "".join(secrets.choice(ALPHABET) for _ in range(12))
    return "-".join((drawn[:4], drawn[4:8], drawn[8:]))


@dataclass(frozen=True)
class Matter:
    """What the case is about: a digest, an image's number or likenesses.

    An image's number stands for its bytes. A request's case watches for these, whether anything has them yet or not.
    `search`: a picture came with it, which a worker will look for; it lies under the number `case` before the act.
    """

    kind: Literal["request", "copy"]
    asked: str
    sha256: bytes | None = None
    image: UUID | None = None
    likenesses: tuple[Likeness, ...] = ()
    search: bool = False
    case: UUID = field(default_factory=uuid4)
    reference: str = field(default_factory=new_reference)

    @property
    def measured(self) -> dict[UUID, Likeness]:
        """Of each image that looks like something, its first likeness."""
        return first_of_each(self.likenesses)

    @classmethod
    def copy(cls, image: UUID, *, likenesses: Sequence[Likeness]) -> "Matter":
        """An uploaded image looks like protected ones, or others look like an image that is protected now.

        Restricted is each likeness's own `image`. Where that is the uploaded one itself, it needs no allowance.
        """
        return cls("copy", asked=str(image), image=image, likenesses=tuple(likenesses))


@dataclass(frozen=True)
class Opened:
    """What the asker is told, the same for a hit and a miss; and the case's number, which they are not."""

    reference: str
    case: UUID


@transaction.atomic(durable=True)
def open_case(matter: Matter, *, claimant: str, at: datetime, proven: bool = True) -> Opened:
    """Restrict what the matter hits, as far as the claimant's allowance goes, and put the case on the desk.

    Law 10: a case suspends; only a steward decides. Past the allowance the case lists what it hits, and the sweep takes
    it up (`consent.acts.take_up`). A copy that already waits is not opened twice. Not `proven`: nobody has
    shown that `claimant` is theirs, so the case is counted by itself and spends nothing of anybody's.
    """
    return opened(matter, claimant=claimant, at=at, proven=proven)


def opened(matter: Matter, *, claimant: str, at: datetime, proven: bool) -> Opened:
    """The same, inside a transaction of the caller's."""
    counted = claimant if proven else str(matter.case)
    one_at_a_time(counted)
    sha256 = _watched(matter)
    if sha256 is not None:
        Image.objects.lock_bytes(sha256)
    hits = _lock_hits(matter, sha256)
    waiting = list(_waiting(matter))
    news = _news(matter, hits, waiting)
    if waiting and not news:
        return Opened(waiting[0].reference, waiting[0].id)
    act = Act.begin(Kind.CASE_OPENED, at=at)
    case = Case(
        id=matter.case,
        reference=matter.reference,
        collection_id=hits[0].collection_id if hits else None,
        kind=matter.kind,
        search=Search.WAITING if matter.search else Search.NONE,
        contact=claimant,
        claimant=counted if _claims(matter) else "",
        asked=matter.asked,
        sha256=sha256,
        opened_at=at,
        due_at=at + ANSWER_WITHIN,
        act=act.id,
    )
    case.save(force_insert=True)
    held = hold(case, news, measured=matter.measured, at=at, exact=news if _is_exact(matter) else ())
    said = {"case": str(case.id), "sha256": sha256.hex() if sha256 else None}
    record(act, [Item("case_opened", particulars=said), *held])
    return Opened(case.reference, case.id)


def _watched(matter: Matter) -> bytes | None:
    """The bytes for which the case watches: those asked about."""
    if matter.kind != "request":
        return None
    if matter.image is None:
        return matter.sha256
    named = Image.objects.filter(id=matter.image).values_list("sha256", flat=True).first()
    return bytes(named) if named is not None else None


def _lock_hits(matter: Matter, sha256: bytes | None) -> list[Image]:
    """In the order in which they are restricted: likenesses as given, else by id."""
    if matter.kind == "copy":
        hits = Image.objects.filter(id__in=matter.measured)
    else:
        hits = Image.objects.filter(sha256=sha256)
    ids = list(hits.order_by("id").values_list("id", flat=True))
    Image.objects.lock_closure(ids)
    order = {image: number for number, image in enumerate(matter.measured)}
    return sorted(Image.objects.filter(id__in=ids), key=lambda image: (order.get(image.id, 0), image.id))


def _waiting(matter: Matter) -> QuerySet[Case]:
    """Open cases about the same copies: withdrawing twice, or a worker that dies half-way, opens one once."""
    same = Case.objects.filter(kind=matter.kind, state=CaseState.ACKNOWLEDGED).order_by("opened_at")
    if matter.kind == "request":
        return same.none()
    return same.filter(images__image__in=matter.measured).distinct()


def _news(matter: Matter, hits: Sequence[Image], waiting: Sequence[Case]) -> list[UUID]:
    """What no waiting case lists yet for the same reason."""
    listed = set(CaseImage.objects.filter(case__in=waiting).values_list("image", "of"))
    measured = matter.measured
    return [hit.id for hit in hits if not measured or (hit.id, measured[hit.id].of) not in listed]


def _is_upload(matter: Matter) -> bool:
    """An upload is its uploader's own and nobody's loss: it needs no allowance and spends none."""
    return matter.kind == "copy" and set(matter.measured) == {matter.image}


def _is_exact(matter: Matter) -> bool:
    return matter.kind != "copy" or _is_upload(matter)


def _claims(matter: Matter) -> bool:
    """Whether the claimant's allowance stands behind the case: not for an upload, and what the registry has revoked
    gives its contributor no reach over others."""
    if matter.kind != "copy":
        return True
    revoked = CaseImage.objects.filter(image=matter.image, hold=Hold.REVOKED)
    return not _is_upload(matter) and not revoked.exists()
