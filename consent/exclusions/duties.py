"""What a pipeline must do about an image, as SQL says it; and how acts and reads go from entries to manifests."""

from typing import Final

from consent.rules.reasons import Reason, duty


def _words() -> str:
    cases = [f"WHEN {int(reason)} THEN {found.value}" for reason in Reason if (found := duty(reason))]
    return " ".join(cases)


DUTY: Final = f"CASE standing.reason[%(position)s] {_words()} END"
"""Of `standing`, at the scope at `position` (counted from one): a `Duty`, or null where no act stands against it."""

BY_INDEX: Final = """
    SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
    SET LOCAL join_collapse_limit = 1
"""
"""From few entries to their images, then to manifests, each by its index, in the order written.

Some acts changed millions of images and most one or two: from the average, the planner would read whole tables.
"""
BY_COST: Final = """
    SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on; SET LOCAL enable_mergejoin = on;
    SET LOCAL join_collapse_limit = 8
"""
"""As usual again, for the rest of the transaction."""
