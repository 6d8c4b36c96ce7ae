"""What a pipeline must do about an image, as SQL says it: for reads and acts over millions of rows."""

from typing import Final

from consent.rules.reasons import Reason, duty


def _words() -> str:
    cases = [f"WHEN {int(reason)} THEN {found.value}" for reason in Reason if (found := duty(reason))]
    return " ".join(cases)


DUTY: Final = f"CASE standing.reason[%(position)s] {_words()} END"
"""Of `standing`, at the scope at `position` (counted from one): a `Duty`, or null where no act stands against it."""
