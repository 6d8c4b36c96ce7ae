"""Asks the registry now, key by key: `POST checks`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

from consentkit import canonical
from consentkit.errors import Malformed, Stale
from consentkit.purposes import Purposes, purposes_of
from consentkit.transport import Transport

KEYS_AT_ONCE: Final = 100_000

By = Literal["sha256", "image"]
Word = Literal["permitted", "excluded", "unknown"]

_REASONS: Final[dict[Word, set[str | None]]] = {
    "permitted": {None},
    "unknown": {None},
    "excluded": {"remove", "wait", "not_covered"},
}
_STRENGTH: Final[tuple[tuple[Word, str | None], ...]] = (
    ("permitted", None),
    ("unknown", None),
    ("excluded", "not_covered"),
    ("excluded", "wait"),
    ("excluded", "remove"),
)


@dataclass(frozen=True)
class Decision:
    """The answer to one key, true at the log's `size`. Only `permitted` permits."""

    key: str
    decision: Word
    reason: str | None
    size: int


@dataclass(frozen=True)
class Answer:
    """Decisions in the order of the keys; until `valid_until` and no longer. Of several purposes all must permit."""

    purposes: tuple[str, ...]
    valid_until: datetime
    decisions: tuple[Decision, ...]


def check(transport: Transport, keys: Sequence[str], *, purpose: Purposes, by: By, at: datetime) -> Answer:
    """Raises Misuse, Unreachable, Malformed for an answer to anything else, or Stale for one whose lease is over."""
    asked = purposes_of(purpose)
    decisions, ends = list[Decision](), list[datetime]()
    for some in _portions(keys):
        answers = [_ask(transport, some, purpose=each, by=by) for each in asked]
        ends += [until for until, _ in answers]
        decisions += map(_strongest, zip(*(decided for _, decided in answers), strict=True))
    valid_until = min(ends, default=at)
    if ends and valid_until <= at:
        raise Stale("the answer's lease is over before it came: set this machine's clock")
    return Answer(asked, valid_until, tuple(decisions))


def _strongest(decisions: Sequence[Decision]) -> Decision:
    """Of the answers to one key for several purposes; true at the smallest of their sizes, as no later one has all."""
    found = max(decisions, key=lambda each: _STRENGTH.index((each.decision, each.reason)))
    return replace(found, size=min(each.size for each in decisions))


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
