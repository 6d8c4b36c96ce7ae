"""Receipts: a tlog-proof for one entry with the openings of one person's items."""

from uuid import UUID

from consentkit import canonical, merkle
from consentkit.entries import Leaf
from consentkit.receipts import OpenedItem, Receipt
from registry.errors import NotFound
from registry.log import tree
from registry.log.publisher import latest
from registry.models import Commitment, Entry, Opening


def receipt(index: int, *, person: UUID) -> bytes | None:
    """The receipt of an act that touched this person; None until a checkpoint covers it.

    Raises NotFound for an index that does not exist or holds nothing of theirs, in the same words.
    """
    entry = Entry.objects.filter(index=index).first()
    openings = list(Opening.objects.filter(act=entry.act, person=person).order_by("position")) if entry else []
    if entry is None or not openings:
        raise NotFound("There is no such receipt among yours.")
    return _receipt(entry, openings)


def whole_receipt(act: UUID) -> bytes | None:
    """The receipt of an act with all that it says, for who may see all of it. None until a checkpoint covers it."""
    return _receipt(Entry.objects.get(act=act), list(Opening.objects.filter(act=act).order_by("position")))


def _receipt(entry: Entry, openings: list[Opening]) -> bytes | None:
    checkpoint = latest()
    if checkpoint is None or checkpoint.size <= entry.index:
        return None
    return Receipt(
        index=entry.index,
        leaf=Leaf.decode(bytes(entry.leaf)),
        items=_opened(entry.act, openings),
        path=tuple(merkle.inclusion_path(entry.index, checkpoint.size, tree.nodes(checkpoint.size))),
        checkpoint=checkpoint.note,
    ).encode()


def _opened(act: UUID, openings: list[Opening]) -> tuple[OpenedItem, ...]:
    rows = Commitment.objects.filter(act=act).order_by("position").values_list("commitment", flat=True)
    paths = merkle.items_paths([bytes(row) for row in rows])
    return tuple(
        OpenedItem(o.position, bytes(o.salt), canonical.decode(bytes(o.item)), tuple(paths[o.position]))
        for o in openings
    )
