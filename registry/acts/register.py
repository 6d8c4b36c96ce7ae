"""Register a bringing: its bytes were decoded, and its fingerprints are accepted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from consentkit.entries import Kind
from consentkit.fingerprints import Fingerprint as Computed
from registry.log.recorder import Act, Recorded, record
from registry.models import Bringing, Fingerprint, Image, Signal
from registry.rules.items import Item
from registry.rules.lifecycle import ImageMove, ImageState, after
from registry.rules.signals import Stated


@dataclass(frozen=True)
class Measured:
    """What the decoder found: sides in pixels as shown upright, the fingerprints, what the file says of its use."""

    width: int
    height: int
    fingerprints: Sequence[Computed]
    stated: Sequence[Stated] = ()


def registered(image: UUID, *, person: UUID, measured: Measured, at: datetime, denied: int = 0) -> Recorded | None:
    """Accept what was decoded for this person, inside a transaction that the caller opened, as its last deed.

    None when theirs was already decided (a message delivered twice). One entry for each who brought it, so that no
    receipt shows that there is another.
    """
    Image.objects.lock_closure([image])  # what was derived from it is restated with it
    bringing = Bringing.objects.get(image=image, person=person)
    if bringing.state != ImageState.SUBMITTED:
        return None
    act = Act.begin(Kind.IMAGE_REGISTERED, at=at)
    bringing.state = after(ImageState(bringing.state), ImageMove.REGISTER)
    bringing.save(update_fields=["state"])
    locked = Image.objects.get(id=image)
    locked.state = ImageState.REGISTERED
    locked.width, locked.height = measured.width, measured.height
    locked.save(update_fields=["state", "width", "height"])
    fresh = [
        Fingerprint(image=locked, algorithm=f.algorithm, version=f.version, bits=f.bits) for f in measured.fingerprints
    ]
    Fingerprint.objects.bulk_create(fresh, ignore_conflicts=True)
    return record(
        act, [Item("registered", image=image, person=person, particulars=_signal(locked, measured, denied, at))]
    )


def _signal(image: Image, measured: Measured, denied: int, at: datetime) -> dict[str, object]:
    """`denied`: the uses that the file's own words bar, bits by scope. Each who brings it gets the same item; what a
    steward has lifted stays lifted."""
    if not measured.stated:
        return {}
    stated = [[each.name, each.value] for each in measured.stated]
    known = Signal.objects.filter(image=image).first()
    if known is None:
        Signal(image=image, denied=denied, stated=stated, registered_at=at).save(force_insert=True)
    else:
        known.denied, known.stated = known.denied | denied, stated
        known.save(update_fields=["denied", "stated"])
    return {"denied": denied, "stated": stated}
