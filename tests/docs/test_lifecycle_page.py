"""docs/lifecycle.md is the tables."""

from consent.rules.lifecycle import CaseState, GrantState
from registry.rules.lifecycle import ImageState
from tests.docs import lifecycle


def test_the_page_is_the_rendering() -> None:
    rendered = lifecycle.render()
    assert lifecycle.PAGE.read_text(encoding="utf-8") == rendered, "run: python -m tests.docs.lifecycle"


def test_every_state_is_on_the_page() -> None:
    assert set(lifecycle.IMAGES) == set(ImageState)
    assert set(lifecycle.GRANTS) == set(GrantState)
    assert set(lifecycle.CASES) == set(CaseState)
