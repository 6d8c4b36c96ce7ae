"""Nothing that a page may have to say is without words, and none of them is a word of the law or of the core."""

import re
from itertools import product

import pytest

from consent.models.cases import KINDS
from consent.rules.consents import Consent
from consent.rules.lifecycle import CaseState, Hold
from consentkit.entries import Kind
from consentkit.formats import REJECTIONS
from consentkit.matching.alteration import alteration
from consentkit.matching.rule import Near
from consentkit.scopes import AUDIENCES, PURPOSES
from service import words

OURS = re.compile(r"withdraw|revoke|standing|exclu|permitted|fingerprint|pipeline|grant", re.I)


def test_every_purpose_audience_reason_kind_and_state_has_words() -> None:
    assert list(words.PURPOSE) == list(PURPOSES)
    assert list(words.AUDIENCE) == list(AUDIENCES)
    assert set(words.CONSENT) == set(Consent)
    assert set(words.EVENT) == set(Kind)
    assert set(words.CASE_STATE) == set(CaseState)
    assert set(words.HOLD) == set(Hold)
    assert set(words.CASE_KIND) == set(KINDS)
    assert set(words.ACCEPT) == set(words.REJECT) == set(KINDS) - {"statements"}  # which has a page of its own


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("none", "The same part, the same way round"),
        ("mirrored, cropped", "Mirrored and cropped"),
        ("turned, framed", "Turned and with something around it"),
        ("", ""),
    ],
)
def test_what_was_done_to_a_copy(given: str, said: str) -> None:
    assert words.alteration(given) == said


def test_every_alteration_that_matching_names_has_words() -> None:
    found = {
        word
        for orientation, scale in product(range(1, 9), (-9, 0, 9))
        for word in alteration(Near(0, 0, 0, orientation, scale, down=0, across=0)).split(", ")
    }
    assert found == set(words.ALTERED)


def told() -> list[str]:
    """All that a contributor may read from these tables."""
    named = [*words.PURPOSE.values(), *words.AUDIENCE.values()]
    texts = [*words.CONSENT.values(), *words.DEPICTS.values(), words.PAUSED, *words.EVENT.values()]
    texts += REJECTIONS.values()
    return [f"{text}" for text in [*texts, *(each.name for each in named), *(each.sentence for each in named)]]


@pytest.mark.parametrize("text", told())
def test_a_contributor_reads_plain_words(text: str) -> None:
    assert OURS.findall(text) == []


def test_the_words_that_are_looked_for_are_found() -> None:
    assert OURS.findall("It was withdrawn") == ["withdraw"]


@pytest.mark.parametrize(
    ("synced", "organisations", "said"),
    [
        (4, 5, "4 of 5 organisations updated"),
        (0, 1, "0 of 1 organisation updated"),
        (0, 0, "No organisation has access to these pictures at the moment."),
    ],
)
def test_how_far_a_stop_has_come(synced: int, organisations: int, said: str) -> None:
    assert words.updated(synced, organisations) == said
