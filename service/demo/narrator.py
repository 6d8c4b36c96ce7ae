"""Says what happens, shows the real answer, and holds it against what was promised."""

import json
import sys
from collections.abc import Callable
from typing import Any

LONGEST = 300  # characters of an answer that are shown


class Wrong(Exception):
    """An answer was not the one that the contract promises."""


class Narrator:
    """Numbered steps on stdout."""

    def __init__(self) -> None:
        self._step = 0

    def step(self, title: str) -> None:
        self._step += 1
        self._write(f"\n{self._step}. {title}")

    def answer(self, asked: str, got: Any) -> None:
        """One request and its answer, as it came; a long one is cut, and says so."""
        text = got if isinstance(got, str) else json.dumps(got, ensure_ascii=False)
        cut = f" … ({len(text):,} characters)" if len(text) > LONGEST else ""
        self._write(f"   {asked}\n     {text[:LONGEST]}{cut}")

    def expect(self, what: str, got: Any, wanted: Any) -> None:
        """Raises Wrong unless equal."""
        if got != wanted:
            raise Wrong(f"{what}: {got!r} instead of {wanted!r}")

    def expect_that(self, what: str, holds: Callable[[], bool]) -> None:
        """Raises Wrong unless it holds."""
        if not holds():
            raise Wrong(what)

    def _write(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
