"""What a pipeline must do about an image, as SQL says it; and how acts and reads go from entries to manifests."""

from typing import Final

from consent.rules.reasons import Reason, duty


def _words() -> str:
    cases = [f"WHEN {int(reason)} THEN {found.value}" for reason in Reason if (found := duty(reason))]
    return " ".join(cases)


DUTY: Final = f"CASE standing.reason[%(position)s] {_words()} END"
"""Of `standing`, at the scope at `position` (counted from one): a `Duty`, or null where no act stands against it."""

CHANGED: Final = """
    registry_entry entry CROSS JOIN LATERAL (
        SELECT image_id, act, reason FROM consent_standing WHERE act = entry.act OFFSET 0
    ) standing
"""
"""Entries, each with the standings that it changed last. `OFFSET 0` keeps the planner from turning it round.

Some acts changed millions of images and most one or two: from the average, it would read all standings. For the
same reason these statements run under BY_INDEX.
"""
BY_INDEX: Final = "SET LOCAL enable_seqscan = off; SET LOCAL jit = off"
BY_COST: Final = "SET LOCAL enable_seqscan TO DEFAULT; SET LOCAL jit TO DEFAULT"
