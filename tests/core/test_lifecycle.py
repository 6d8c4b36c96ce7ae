"""The tables of lives: every state and move is in them or refused, and the database knows the same states."""

from enum import StrEnum
from itertools import product
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from consent.rules import lifecycle as consent
from registry.errors import MoveRefused
from registry.rules import lifecycle as registry
from tests.world import World

LIVES: list[tuple[Any, Any, Any, Any]] = [
    (registry.MOVES, registry.ImageState, registry.ImageMove, registry.after),
    (consent.GRANT_MOVES, consent.GrantState, consent.GrantMove, consent.grant_after),
    (consent.CASE_MOVES, consent.CaseState, consent.CaseMove, consent.case_after),
]


@pytest.mark.parametrize(("moves", "states", "verbs", "after"), LIVES)
def test_every_pair_moves_or_is_refused(moves: Any, states: type[StrEnum], verbs: type[StrEnum], after: Any) -> None:
    for state, verb in product(states, verbs):
        if (state, verb) in moves:
            assert after(state, verb) in states
        else:
            with pytest.raises(MoveRefused, match=str(state)):
                after(state, verb)


@pytest.mark.parametrize(("moves", "states", "verbs", "after"), LIVES)
def test_every_state_is_reached_and_what_has_ended_stays(moves: Any, states: Any, verbs: Any, after: Any) -> None:
    """But for a steward's decision, which a steward takes back."""
    reached = set(moves.values()) | {next(iter(states))}
    assert reached == set(states)
    onward = {(state, verb): end for (state, verb), end in moves.items() if verb is not consent.CaseMove.REOPEN}
    left = {state for state, _ in onward}
    assert left.isdisjoint(onward.values())


@pytest.mark.parametrize(
    ("lines", "state"),
    [
        ({"given"}, "given"),
        ({"given", "withdrawn", "revoked"}, "given"),
        ({"withdrawn", "revoked"}, "withdrawn"),
        ({"revoked"}, "revoked"),
    ],
)
def test_the_state_of_a_grant_is_derived_from_its_lines(lines: set[str], state: str) -> None:
    assert consent.record_state({consent.GrantState(line) for line in lines}) == state


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("registry_image", "state"),
        ("consent_grantline", "state"),
        ("consent_case", "state"),
        ("consent_caseimage", "hold"),
    ],
)
def test_the_database_knows_no_other_state(world: World, table: str, column: str) -> None:
    ines = world.person("ines")
    image = world.image(ines, depicts="self")
    world.grant(ines)
    world.case(image=image)
    with pytest.raises(IntegrityError, match="is_known"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = 'elsewhere'")
