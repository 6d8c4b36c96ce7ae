"""Lift a signal: a steward finds that what a file says of its use does not hold, and says why."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from consentkit.entries import Kind
from registry.errors import MoveRefused, NotFound
from registry.log.recorder import Act, Recorded, record
from registry.models import Image, Signal
from registry.rules.items import Item


@transaction.atomic(durable=True)
def lift_signal(image: UUID, *, ground: str, steward: UUID, at: datetime) -> Recorded:
    """All that the file denies now is freed of it, for good; grants decide again. The ground stands in the log's item.

    Raises NotFound where the file says nothing, MoveRefused where nothing of it is in force.
    """
    Image.objects.lock_closure([image])  # what was made from it is restated with it
    signal = Signal.objects.filter(image=image).first()
    if signal is None:
        raise NotFound("This file says nothing of its use.")
    freed = signal.denied & ~signal.lifted
    if not freed:
        raise MoveRefused("This signal was lifted already.")
    act = Act.begin(Kind.SIGNAL_LIFTED, at=at)
    signal.lifted |= freed
    signal.lifted_at = at
    signal.save(update_fields=["lifted", "lifted_at"])
    said = {"lifted": freed, "ground": ground, "steward": str(steward)}
    return record(act, [Item("signal_lifted", image=image, particulars=said)])
