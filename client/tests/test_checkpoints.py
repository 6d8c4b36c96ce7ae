"""Checkpoints, closes and lists of parts: what the log's key signs, each unmistakable for another."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit.checkpoints import Checkpoint, open_checkpoint, sign_checkpoint
from consentkit.closes import Close, Part, PartList, open_close, open_list, sign_close, sign_list
from consentkit.errors import BadProof, BadSignature, Malformed
from consentkit.merkle import EMPTY_ROOT
from consentkit.notes import Signer

SIGNER = Signer("registry.example/log", bytes(range(32)))
ONE = Checkpoint("registry.example/log", 20_852_163, bytes(range(32)))
ONE_TEXT = "registry.example/log\n20852163\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
CLOSE = Close(size=7, count=3, digest="0f" * 32, cursor="c2l6ZQ", issued_at=1_790_000_000, not_after=1_790_604_800)
LIST = PartList(
    collection="01996d1e-0000-7000-8000-000000000000",
    audience="research",
    purposes=("ai_training", "evaluation"),
    size=7,
    parts=(Part("0", "0f" * 32, 1024, 10), Part("1", "1f" * 32, 1025, 11)),
)

numbers = st.integers(0, 2**53 - 1)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
checkpoints = st.builds(
    Checkpoint, st.just(SIGNER.name), st.integers(1, 2**63 - 1), st.binary(min_size=32, max_size=32)
)
closes = st.builds(
    Close,
    size=numbers,
    count=numbers,
    digest=digests,
    cursor=st.text(st.characters(exclude_categories=["Cs"])),
    issued_at=numbers,
    not_after=numbers,
)
parts = st.builds(Part, st.text("0123456789abcdef", max_size=2), digests, numbers, numbers)
lists = st.builds(
    PartList,
    st.uuids().map(str),
    st.sampled_from(["research", "commercial"]),
    st.lists(st.sampled_from(["ai_training", "evaluation"])).map(tuple),
    numbers,
    st.lists(parts, max_size=4).map(tuple),
)


def test_the_text_of_a_checkpoint_is_pinned() -> None:
    assert ONE.text() == ONE_TEXT
    assert Checkpoint.parse_text(ONE_TEXT) == ONE


@given(checkpoints)
def test_checkpoints_round_trip(checkpoint: Checkpoint) -> None:
    assert open_checkpoint(sign_checkpoint(checkpoint, SIGNER), SIGNER.verifier) == checkpoint


def test_the_empty_log_has_a_checkpoint() -> None:
    empty = Checkpoint(SIGNER.name, 0, EMPTY_ROOT)
    assert Checkpoint.parse_text(empty.text()) == empty
    with pytest.raises(Malformed, match="empty log"):
        Checkpoint.parse_text(replace(empty, root=bytes(32)).text())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("20852163", "020852163"),
        ("20852163", "+20852163"),
        ("20852163", "-1"),
        ("20852163", ""),
        ("20852163", "20852163 "),
        ("20852163", str(2**63)),
        ("Hh8=", "Hh9="),
        ("Hh8=", "Hh8"),
        ("Hh8=", "Hh8=="),
        ("AAEC", ""),
        ("AAEC", "AAAAAAEC"),
        ("registry.example/log", ""),
        ("Hh8=\n", "Hh8=\nextension\n"),
        ("Hh8=\n", "Hh8=\n\n"),
        ("Hh8=\n", "Hh8="),
        ("\n", "\r\n"),
    ],
)
def test_a_checkpoint_of_any_other_form_is_malformed(old: str, new: str) -> None:
    assert old in ONE_TEXT
    with pytest.raises(Malformed):
        Checkpoint.parse_text(ONE_TEXT.replace(old, new))


@given(st.text(max_size=60))
def test_junk_is_no_checkpoint(text: str) -> None:
    with pytest.raises(Malformed):
        Checkpoint.parse_text(text)


def test_a_checkpoint_of_another_log_is_refused() -> None:
    with pytest.raises(BadProof, match="not of"):
        open_checkpoint(sign_checkpoint(replace(ONE, origin="other.example"), SIGNER), SIGNER.verifier)


def test_another_key_of_the_same_name_is_refused() -> None:
    with pytest.raises(BadSignature):
        open_checkpoint(sign_checkpoint(ONE, Signer(SIGNER.name, bytes(32))), SIGNER.verifier)


@given(closes)
def test_closes_round_trip(close: Close) -> None:
    assert open_close(sign_close(close, SIGNER), SIGNER.verifier) == close


@given(lists)
def test_lists_of_parts_round_trip(listed: PartList) -> None:
    assert open_list(sign_list(listed, SIGNER), SIGNER.verifier) == listed


def test_the_texts_are_pinned() -> None:
    assert sign_close(CLOSE, SIGNER).startswith(
        "registry.example/log/feed\n"
        '{"count":3,"cursor":"c2l6ZQ","digest":"' + "0f" * 32 + '","issued_at":1790000000,'
        '"not_after":1790604800,"size":7}\n\n— registry.example/log '
    )
    assert sign_list(LIST, SIGNER).startswith(
        "registry.example/log/snapshot\n"
        '{"audience":"research","collection":"01996d1e-0000-7000-8000-000000000000","parts":['
        '{"bytes":1024,"prefix":"0","rows":10,"sha256":"' + "0f" * 32 + '"},'
        '{"bytes":1025,"prefix":"1","rows":11,"sha256":"' + "1f" * 32 + '"}],'
        '"purposes":["ai_training","evaluation"],"size":7}\n\n— registry.example/log '
    )


def signed(subject: str, statement: object) -> str:
    body = json.dumps(statement, sort_keys=True, separators=(",", ":"))
    return SIGNER.sign(f"{SIGNER.name}/{subject}\n{body}\n")


@pytest.mark.parametrize(
    "change",
    [
        {"size": -1},
        {"size": True},
        {"size": "7"},
        {"count": 1.5},
        {"digest": "0F" * 32},
        {"digest": "0f" * 31},
        {"digest": 0},
        {"cursor": None},
        {"cursor": 1},
        {"issued_at": None},
        {"more": 1},
    ],
)
def test_a_close_of_any_other_form_is_malformed(change: dict[str, object]) -> None:
    statement = {**vars(CLOSE), **change}
    with pytest.raises(Malformed):
        open_close(signed("feed", statement), SIGNER.verifier)


@pytest.mark.parametrize(
    "change",
    [
        {"collection": "01996D1E-0000-7000-8000-000000000000"},
        {"collection": 1},
        {"audience": None},
        {"purposes": "ai_training"},
        {"purposes": [1]},
        {"parts": {}},
        {"parts": [1]},
        {"parts": [{"bytes": 1, "prefix": "abc", "rows": 1, "sha256": "0f" * 32}]},
        {"parts": [{"bytes": 1, "prefix": "A", "rows": 1, "sha256": "0f" * 32}]},
        {"parts": [{"bytes": 1, "prefix": "", "rows": -1, "sha256": "0f" * 32}]},
        {"parts": [{"bytes": 1, "prefix": "", "rows": 1, "sha256": "../" + "0f" * 32}]},
        {"more": 1},
    ],
)
def test_a_list_of_any_other_form_is_malformed(change: dict[str, object]) -> None:
    statement = {**vars(LIST), "purposes": [], "parts": [], **change}
    with pytest.raises(Malformed):
        open_list(signed("snapshot", statement), SIGNER.verifier)


def test_a_statement_has_exactly_two_lines() -> None:
    text = sign_close(CLOSE, SIGNER).partition("\n\n")[0] + "\n"
    for other in (text + "{}\n", text + "\n", text.partition("\n")[0] + "\n"):
        with pytest.raises(Malformed):
            open_close(SIGNER.sign(other), SIGNER.verifier)


def test_no_statement_is_taken_for_another() -> None:
    verifier = SIGNER.verifier
    with pytest.raises(BadProof):
        open_close(sign_list(LIST, SIGNER), verifier)
    with pytest.raises(BadProof):
        open_list(sign_close(CLOSE, SIGNER), verifier)
    for note in (sign_list(LIST, SIGNER), sign_close(CLOSE, SIGNER)):
        with pytest.raises(Malformed):
            open_checkpoint(note, verifier)
    with pytest.raises(Malformed):
        open_close(sign_checkpoint(ONE, SIGNER), verifier)
