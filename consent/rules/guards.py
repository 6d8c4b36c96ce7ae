"""Which cases watch for which bytes, as the log tells it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from consent.rules.lifecycle import GUARDS, CaseState, Hold, guarding


@dataclass
class Guards:
    """Hear the log's items in their order; `holds` answers for the bytes of an image that is brought then."""

    _states: dict[str, CaseState] = field(default_factory=dict)
    _cases: dict[str, list[str]] = field(default_factory=dict)

    def hear(self, item: Mapping[str, Any]) -> None:
        match item["what"]:
            case "case_opened":
                self._states[item["case"]] = CaseState.ACKNOWLEDGED
                if item.get("sha256") is not None:
                    self._cases.setdefault(item["sha256"], []).append(item["case"])
            case "case_resolved":
                self._states[item["case"]] = CaseState(item["outcome"])
            case "case_reopened":
                self._states[item["case"]] = CaseState.ACKNOWLEDGED

    def holds(self, sha256: str) -> Iterator[tuple[str, Hold]]:
        """Each case that watches for these bytes (hex), and what it does to an image."""
        for case in self._cases.get(sha256, ()):
            if self._states[case] in GUARDS:
                yield case, guarding(self._states[case])
