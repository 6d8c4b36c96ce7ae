"""What a check reads: which images answered, one answer a digest, and as little SQL for many keys as for one."""

from collections import defaultdict
from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.reads import checks
from consent.reads.checks import Question, asking, check
from consent.rules.decisions import ANSWERS, STRANGER, decide, strongest
from consent.rules.lifecycle import CaseMove
from consent.rules.reasons import Reason
from tests.world import World, digest_of, opened_collection

TERMS = st.sampled_from(Reason).map(lambda reason: (None, reason)) | st.integers(1, 2**40).map(lambda end: (end, None))
DIGESTS = st.sampled_from([bytes([number]) + bytes(31) for number in range(4)] + [bytes(31) + b"\1", bytes(32)])


def numbers(images: bytes) -> list[UUID]:
    return [UUID(bytes=images[at : at + 16]) for at in range(0, len(images), 16)]


@pytest.mark.parametrize("by", ["sha256", "image"])
def test_the_images_that_answered_are_named_once_each(world: World, by: checks.By) -> None:
    """Whatever the answer was. Other collections' images and strangers did not answer."""
    ines, jo = world.person("ines"), world.person("jo")
    elsewhere = opened_collection("Other", at=world.at)
    permitted, refused, revoked, raw, other = (
        world.image(ines, content=b"shared"),
        world.image(ines),
        world.image(ines),
        world.image(ines, registered=False),
        world.image(ines, collection=elsewhere),
    )
    assert world.image(jo, content=b"shared") == permitted  # the same bytes are one picture
    world.grant(jo, [permitted])
    world.grant(ines, [permitted, revoked])
    world.resolve(world.case(image=revoked), CaseMove.ACCEPT)
    world.publish()
    asked = [permitted, refused, revoked, raw, other, permitted]
    keys: list[UUID | bytes] = [digest_of(image) for image in asked] if by == "sha256" else [*asked]
    checked = world.check(world.pipeline(), *keys, b"?" * 32 if by == "sha256" else UUID(int=7), by=by)
    said = [decided.decision.value for decided in checked.decisions]
    assert said == ["permitted", "excluded", "excluded", "unknown", "unknown", "permitted", "unknown"]
    assert sorted(numbers(checked.images)) == sorted([permitted, refused, revoked, raw])


def test_each_list_of_keys_names_its_own_images(world: World) -> None:
    ines, asker = world.person("ines"), world.asker(world.pipeline())
    first, second = world.image(ines), world.image(ines)
    with asking(Question(asker, "ai_training", "image"), at=world.at) as questions:
        assert questions.images == b""
        questions.answer([str(first)])
        assert numbers(questions.images) == [first]
        questions.answer([str(second), str(second)])
        assert numbers(questions.images) == [second]
        assert questions.answer([str(UUID(int=7))]) == bytes([ANSWERS.index(STRANGER)])
        assert questions.images == b""
        assert questions.answer([]) == b""
    assert check(asker, purpose="ai_training", by="sha256", keys=[], at=world.at).images == b""


@given(st.lists(st.tuples(DIGESTS, TERMS), max_size=12))
def test_several_rows_of_one_digest_answer_as_the_rule_says(
    rows: list[tuple[bytes, tuple[int | None, Reason | None]]],
) -> None:
    """Digests that differ in one byte, at either end, are two."""
    keys = np.frombuffer(b"".join(key for key, _ in rows), np.uint8).reshape(-1, 32)
    says = np.array([checks._number(*term) for _, term in rows], ">i8")
    known, said = checks._by_key(checks._fixed(keys), says)
    terms = defaultdict(list)
    for key, term in rows:
        terms[key].append(term)
    found = dict(zip(known.to_pylist(), map(checks._term, said.tolist()), strict=True))
    assert found == {key: strongest(of) for key, of in terms.items()}


@given(TERMS | st.just((None, None)), st.integers(0, 2**41), st.booleans())
def test_every_answer_has_its_place(term: tuple[int | None, Reason | None], now: int, doubted: bool) -> None:
    assert decide(*term, now=now, doubted=doubted) in ANSWERS
    assert checks._term(checks._number(*term)) == term
    assert len(set(ANSWERS)) == len(ANSWERS) < 256


def test_a_lease_is_of_all_lists_and_of_what_is_permitted(world: World) -> None:
    """A stream's later batches say nothing of the earlier ones' ends; and what has ended ends no lease."""
    ines, asker = world.person("ines"), world.asker(world.pipeline())
    ends, lasts, ended = (world.image(ines) for _ in range(3))
    world.grant(ines, [ended], until=world.at + timedelta(seconds=60))
    world.publish()
    world.later(seconds=120)
    world.grant(ines, [ends], until=world.at + timedelta(seconds=300))
    world.grant(ines, [lasts])
    world.publish()
    with asking(Question(asker, "ai_training", "image"), at=world.at) as questions:
        for image in (ends, lasts, ended):
            questions.answer([str(image)])
        assert questions.valid_until == int((world.at + timedelta(seconds=300)).timestamp())
    with asking(Question(asker, "ai_training", "image"), at=world.at) as questions:
        questions.answer([str(ended)])
        assert questions.valid_until == int(world.at.timestamp()) + 900
