"""What files say of their own use, as people and stewards read it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db.models import F

from consent.rules import signals as rules
from consent.rules.purposes import bits_of
from consentkit.scopes import PURPOSES
from registry.models import Signal
from registry.rules.signals import Stated


@dataclass(frozen=True)
class FileSignal:
    """One file's statements. `denies`: purposes that they bar; `lifted`: a steward freed all of them."""

    image: UUID
    stated: tuple[Stated, ...]
    denies: tuple[str, ...]
    minor: bool
    lifted: bool
    registered_at: datetime
    lifted_at: datetime | None

    def since(self, brought_at: datetime) -> "FileSignal":
        """As whoever brought the file then may read it: what was lifted before would tell them that it was there."""
        early = self.lifted_at is not None and self.lifted_at < brought_at
        return replace(self, lifted=False) if early else self


def signals_of(images: Iterable[UUID]) -> dict[UUID, FileSignal]:
    """By image; files that say nothing are left out."""
    return {row.image_id: _read(row) for row in Signal.objects.filter(image__any=list(images))}


def signals_in_force(*, limit: int) -> list[FileSignal]:
    """What bars some use now, the newest first."""
    rows = Signal.objects.exclude(denied=0).exclude(denied=F("lifted"))
    return [_read(row) for row in rows.order_by("-registered_at", "image")[:limit]]


def _read(row: Signal) -> FileSignal:
    stated = tuple(Stated(name, value) for name, value in row.stated)
    return FileSignal(
        image=row.image_id,
        stated=stated,
        denies=tuple(purpose for purpose in PURPOSES if row.denied & bits_of([purpose])),
        minor=rules.minor(stated),
        lifted=not row.denied & ~row.lifted and row.denied > 0,
        registered_at=row.registered_at,
        lifted_at=row.lifted_at,
    )
