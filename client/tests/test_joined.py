"""Rows decided by either digest: an index and a state against plain dictionaries."""

import itertools
import uuid
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consentkit import keys, scopes
from consentkit.closes import Close, PartList
from consentkit.digests import Digests, in_order
from consentkit.filtering import Judge
from consentkit.indexing import building, parts, pointers
from consentkit.indexing.index import Index
from consentkit.indexing.joined import Joined
from consentkit.indexing.members import Member
from consentkit.indexing.parts import MadeOf
from consentkit.indexing.pointers import Pointers
from consentkit.lookup import NOT_COVERED, PERMITTED, REMOVE, UNKNOWN, WAIT, Lookup
from consentkit.notes import Signer
from consentkit.rows import Rows
from consentkit.settings import Misuse
from consentkit.sources.batches import Unreadable
from consentkit.state import Notes, State
from consentkit.trust import Trust

AT = 1_790_000_000
PURPOSE = "ai_training"
SIGNER = Signer("registry.example/log", bytes(range(32)))
STRENGTH = {None: PERMITTED, "unknown": UNKNOWN, "not_covered": NOT_COVERED, "wait": WAIT, "remove": REMOVE}

# Few digests, many of them alike in their first 8 bytes or in all but the last.
HEADS = ["00" * 8, "ab" * 8, "abababababababac"]
DIGESTS = [head + tail for head, tail in itertools.product(HEADS, ["00" * 24, "00" * 23 + "01", "ff" * 24])]


def judge_of(standings, index, *, clock=lambda: AT):
    """Rows of (digest in hex, until, reason), each an image of its own."""
    rows = Rows(
        (PURPOSE,),
        "research",
        np.array([list(bytes.fromhex(hexed)) for hexed, _, _ in standings], np.uint8).reshape(-1, 32),
        np.array([list(uuid.uuid4().bytes) for _ in standings], np.uint8).reshape(-1, 16),
        np.array([[until or 0 for _, until, _ in standings]], np.int64).reshape(1, -1),
        np.array([[scopes.wire_code(reason) for *_, reason in standings]], np.uint8).reshape(1, -1),
    ).sorted()
    close = Close(1, len(rows), f"{rows.digest():064x}", "c", AT, AT + 604_800)
    listed = PartList(str(uuid.uuid4()), rows.audience, rows.purposes, 1, ())
    state = State(rows, close, listed, Trust(SIGNER.verifier, None, close), Notes("", "", ""))
    return Judge(state, PURPOSE, 86_400, clock, index)


def index_of(folder: Path, *shards):
    """Each shard: pairs of stored and source digests in hex; a source may be None."""
    folder.mkdir(exist_ok=True)
    for number, pairs in enumerate(shards):
        rows = [
            (Member(Path(), str(at), named=True, stored=bytes.fromhex(a), source=b and bytes.fromhex(b)), None)
            for at, (a, b) in enumerate(pairs)
        ]
        parts.write(folder / f"{number}.parquet", MadeOf(str(number), "", "sha256", None), rows)
    building.finish(folder)
    return Index.open(folder)


def answer_of(standings, digest):
    """What the registry says of one digest, or None."""
    answers = [
        (PERMITTED if until > AT else NOT_COVERED) if reason is None and until else STRENGTH[reason or "unknown"]
        for hexed, until, reason in standings
        if hexed == digest
    ]
    return max(answers, default=None)


def oracle(standings, pairs, key):
    """The definition: of all that the registry knows of a key's digests the strongest holds."""
    if key is None or len(key) != 64 or not set(key) <= set("0123456789abcdefABCDEF"):
        return UNKNOWN
    digest = key.lower()
    beside = {b for a, b in pairs if a == digest} | {a for a, b in pairs if b == digest} | {digest}
    said = [answer for each in beside if (answer := answer_of(standings, each)) is not None]
    strongest = max(said, default=UNKNOWN)
    return UNKNOWN if strongest == PERMITTED and key != digest else strongest


some = st.sampled_from(DIGESTS)
untils = st.sampled_from([None, AT - 1, AT, AT + 1, AT + 10**6])
standings = st.lists(st.tuples(some, untils, st.sampled_from(scopes.WIRE_REASONS)), max_size=12)
shards = st.lists(st.lists(st.tuples(some, some | st.none()), max_size=8), max_size=3)
junk = st.none() | st.text(max_size=66) | some.map(str.upper) | some.map(lambda key: key[:-1] + "g")
asked = st.lists(st.tuples(some | junk, st.booleans()), max_size=20)
many = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@many
@given(standings, shards, asked, st.sampled_from([1, 3, 1 << 16]))
def test_a_row_is_decided_by_all_its_digests(tmp_path_factory, standings, shards, asked, at_once):
    pairs = [pair for shard in shards for pair in shard]
    read = keys.from_arrow(pa.array([key for key, _ in asked], pa.string()))
    in_scope = np.array([inside for _, inside in asked], bool)
    with patch.object(pointers, "_AT_ONCE", at_once):
        judge = judge_of(standings, index_of(tmp_path_factory.mktemp("index"), *shards))
    wanted = [oracle(standings, pairs, key) for key, _ in asked]
    joined = Joined(Lookup(judge.state.rows, purpose=PURPOSE, at=AT), judge.index)
    assert joined.find(read, at=AT).answer.tolist() == wanted
    assert judge.keep(read).tolist() == [answer == PERMITTED for answer in wanted]
    kept = judge.decide(read, in_scope).keep.tolist()
    for (key, inside), answer, passed in zip(asked, wanted, kept, strict=True):
        legible = not key or (len(key) == 64 and set(key) <= set("0123456789abcdef"))
        assert passed == (answer == PERMITTED if inside else answer < NOT_COVERED and legible), key


@many
@given(standings, shards, st.lists(some, max_size=8))
def test_the_digests_of_rows_are_all_that_the_registry_knows(tmp_path_factory, standings, shards, asked):
    pairs = [pair for shard in shards for pair in shard]
    index = index_of(tmp_path_factory.mktemp("index"), *shards)
    lookup = Lookup(judge_of(standings, None).state.rows, purpose=PURPOSE, at=AT)
    found = Joined(lookup, index).known(keys.from_arrow(pa.array(asked, pa.string())))
    beside = {*asked} | {b for a, b in pairs if a in asked} | {a for a, b in pairs if b in asked}
    known = beside & {digest for digest, *_ in standings}
    assert sorted(row.tobytes().hex() for row in found) == sorted(known)


@many
@given(
    st.lists(st.tuples(some, st.integers(0, 2)), max_size=30), st.lists(some, max_size=9), st.sampled_from([1, 2, 7])
)
def test_pointers_are_those_of_a_dictionary(pairs, asked, at_once):
    digests = np.array([list(bytes.fromhex(digest)) for digest, _ in pairs], np.uint8).reshape(-1, 32)
    with patch.object(pointers, "_AT_ONCE", at_once):
        made = Pointers.made([(digests, np.array([number for _, number in pairs], np.int64))])
    which, numbers = made.of(keys.from_arrow(pa.array(asked, pa.string())))
    found = [{int(n) for n in numbers[which == i]} for i in range(len(asked))]
    assert found == [{number for digest, number in pairs if digest == key} for key in asked]
    assert (np.diff(which) >= 0).all()


@many
@given(st.lists(some, max_size=40))
def test_digests_are_put_in_order_and_found_with_all_their_places(given):
    rows = np.array([list(bytes.fromhex(digest)) for digest in given], np.uint8).reshape(-1, 32)
    order = in_order(rows)
    assert [given[at] for at in order] == sorted(given)
    assert all(a < b for a, b in itertools.pairwise(order) if given[a] == given[b])
    held = Digests(rows[order])
    asked = keys.from_arrow(pa.array(DIGESTS))
    which, places = held.runs(held.places(asked))
    ordered = sorted(given)
    assert list(zip(which.tolist(), places.tolist(), strict=True)) == [
        (i, at) for i, digest in enumerate(DIGESTS) for at, each in enumerate(ordered) if each == digest
    ]


@pytest.mark.parametrize(("reason", "answer"), [(None, UNKNOWN), ("remove", REMOVE)])
def test_a_key_in_capitals_is_never_permitted_by_its_original(tmp_path, reason, answer):
    one, other = DIGESTS[-2:]
    judge = judge_of([(other, AT + 9, reason)], index_of(tmp_path / "index", [(one, other)]))
    asked = keys.from_arrow(pa.array([one.upper()]))
    found = Joined(Lookup(judge.state.rows, purpose=PURPOSE, at=AT), judge.index).find(asked, at=AT)
    assert found.answer.tolist() == [answer]
    assert not judge.keep(asked).any()


def test_a_picture_that_stands_a_million_times_is_found_at_once(tmp_path):
    """A downloader's "not available" comes from many addresses. Once for each would be once for each row of IN."""
    one, other = DIGESTS[:2]
    pairs = [(one, other)] * 50_000
    judge = judge_of([(other, AT + 9, None)], index_of(tmp_path / "index", pairs))
    asked = keys.from_arrow(pa.array([one, other] * 30_000))
    assert judge.keep(asked).all()


def test_a_term_of_an_original_ends_during_a_run(tmp_path):
    one, other = DIGESTS[:2]
    now = iter([AT, AT + 9, AT + 10])
    judge = judge_of([(other, AT + 10, None)], index_of(tmp_path / "i", [(one, other)]), clock=lambda: next(now))
    asked = keys.from_arrow(pa.array([one]))
    assert [judge.keep(asked).all() for _ in range(2)] == [True, False]


# An index that is none


@pytest.mark.parametrize("spoil", ["missing", "cut", "other", "fewer", "renamed", "outside", "version"])
def test_an_index_in_doubt_is_an_error(tmp_path, spoil):
    one, other = DIGESTS[:2]
    folder = tmp_path / "index"
    index_of(folder, [(one, other)], [(other, one)])
    part, said = folder / "0.parquet", folder / "index.json"
    if spoil == "missing":
        part.unlink()
    elif spoil == "cut":
        part.write_bytes(part.read_bytes()[:-20])
    elif spoil == "other":
        pa.parquet.write_table(pa.table({"stored": [one], "source": [other]}), part)
    elif spoil == "fewer":
        parts.write(part, MadeOf("0", "", "sha256", None), [])
    elif spoil == "renamed":
        said.write_text(said.read_text().replace("0.parquet", "9.parquet"))
    elif spoil == "outside":
        said.write_text(said.read_text().replace("0.parquet", "../index/0.parquet"))
    else:
        said.write_text(said.read_text().replace('"v": 1', '"v": 2'))
    with pytest.raises(Unreadable):
        judge_of([(other, AT + 9, None)], Index.open(folder))


def test_a_folder_without_an_index(tmp_path):
    with pytest.raises(Misuse, match="no finished index"):
        Index.open(tmp_path)
