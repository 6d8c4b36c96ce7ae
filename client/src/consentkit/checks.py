"""Asks the registry now, key by key: `POST checks`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from consentkit import canonical
from consentkit.errors import Malformed, Stale
from consentkit.transport import Transport

KEYS_AT_ONCE: Final = 100_000

By = Literal["sha256", "image"]
Word = Literal["permitted", "excluded", "unknown"]

_REASONS: Final[dict[Word, set[str | None]]] = {
    "permitted": {None},
    "unknown": {None},
    "excluded": {"remove", "wait", "not_covered"},
}


@dataclass(frozen=True)
class Decision:
    """The answer to one key, true at the log's `size`. Only `permitted` permits."""

    key: str
    decision: Word
    reason: str | None
    size: int


@dataclass(frozen=True)
class Answer:
    """Decisions in the order of the keys; until `valid_until` and no longer."""

    purpose: str
    valid_until: datetime
    decisions: tuple[Decision, ...]


def check(transport: Transport, keys: Sequence[str], *, purpose: str, by: By, at: datetime) -> Answer:
    """Raises Unreachable, Malformed for an answer to anything else, or Stale for one whose lease is over."""
    answers = [_ask(transport, some, purpose=purpose, by=by) for some in _portions(keys)]
    valid_until = min((until for until, _ in answers), default=at)
    if answers and valid_until <= at:
        raise Stale("the answer's lease is over before it came: set this machine's clock")
    return Answer(purpose, valid_until, tuple(decision for _, some in answers for decision in some))


def _portions(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), KEYS_AT_ONCE):
        yield keys[start : start + KEYS_AT_ONCE]


def _ask(transport: Transport, keys: Sequence[str], *, purpose: str, by: By) -> tuple[datetime, list[Decision]]:
    answer = transport.post("checks", body={"purpose": purpose, "by": by, "keys": list(keys)})
    if not isinstance(answer, dict) or answer.get("purpose") != purpose:
        raise Malformed("the registry answered another question")
    size = canonical.whole(answer.get("size"))
    given = canonical.array(answer.get("decisions"))
    if len(given) != len(keys):
        raise Malformed(f"the registry answered {len(given)} of {len(keys)} keys")
    decisions = [_decision(value, key=key, size=size) for key, value in zip(keys, given, strict=True)]
    return moment(answer.get("valid_until")), decisions


def _decision(value: Any, *, key: str, size: int) -> Decision:
    """An answer to another key, or in words that we do not know, is no answer."""
    if isinstance(value, dict) and value.get("key") == key:
        for word, reasons in _REASONS.items():
            if value.get("decision") == word and value.get("reason") in reasons:
                return Decision(key, word, value.get("reason"), size)
    raise Malformed(f"the registry gave no answer to {key}")


def moment(value: object) -> datetime:
    """A time of the registry's, in UTC. Raises Malformed."""
    try:
        found = datetime.fromisoformat(canonical.text(value))
    except ValueError as error:  # not RFC 3339
        raise Malformed("expected a time in RFC 3339") from error
    if found.tzinfo is None:
        raise Malformed("expected a time with its zone")
    return found.astimezone(UTC)
