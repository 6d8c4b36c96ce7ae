"""Filtering against a dictionary: what a state permits, and what comes out of a Parquet file."""

import csv
import io
import itertools
import secrets
import uuid
from contextlib import suppress
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consentkit import keys, scopes
from consentkit.closes import Close, PartList
from consentkit.errors import Stale
from consentkit.filtering import Judge, NotOurs, filter_file
from consentkit.keys import NotKeys
from consentkit.lookup import NOT_COVERED, PERMITTED, REMOVE, UNKNOWN, WAIT, Lookup
from consentkit.notes import Signer
from consentkit.rows import Rows
from consentkit.settings import Misuse
from consentkit.sources import lines, parquet
from consentkit.sources.batches import Scope, Unreadable
from consentkit.state import Notes, State
from consentkit.testing import picture as digest
from consentkit.trust import Trust

AT = 1_790_000_000
PURPOSE = "ai_training"
SIGNER = Signer("registry.example/log", bytes(range(32)))
STRENGTH = {None: PERMITTED, "unknown": UNKNOWN, "not_covered": NOT_COVERED, "wait": WAIT, "remove": REMOVE}


def rows_of(*standings):
    """Rows of (digest in hex, until, reason), each an image of its own."""
    made = Rows(
        (PURPOSE,),
        "research",
        np.array([list(bytes.fromhex(hexed)) for hexed, _, _ in standings], np.uint8).reshape(-1, 32),
        np.array([list(secrets.token_bytes(16)) for _ in standings], np.uint8).reshape(-1, 16),
        np.array([[until or 0 for _, until, _ in standings]], np.int64).reshape(1, -1),
        np.array([[scopes.wire_code(reason) for *_, reason in standings]], np.uint8).reshape(1, -1),
    )
    return made.sorted()


def state_of(rows, *, issued_at=AT):
    close = Close(1, len(rows), f"{rows.digest():064x}", "c", issued_at, issued_at + 604_800)
    parts = PartList(str(uuid.uuid4()), rows.audience, rows.purposes, 1, ())
    return State(rows, close, parts, Trust(SIGNER.verifier, None, close), Notes("", "", ""))


def judge_of(rows, *, at=AT, max_age=86_400):
    return Judge(state_of(rows), PURPOSE, max_age, lambda: at)


def oracle(standings, key, at):
    """The decision on one key, by the definition."""
    if key not in {hexed for hexed, _, _ in standings}:
        return UNKNOWN
    answers = []
    for hexed, until, reason in standings:
        if hexed == key and reason is not None:
            answers.append(STRENGTH[reason])
        elif hexed == key and until is None:
            answers.append(UNKNOWN)
        elif hexed == key:
            answers.append(PERMITTED if at < until else NOT_COVERED)
    return max(answers)


# Few digests, many of them alike in their first 8 bytes or in all but the last.
HEADS = ["00" * 8, "ff" * 8, "ab" * 8, "abababababababac"]
TAILS = ["00" * 24, "00" * 23 + "01", "ff" * 24]
DIGESTS = [head + tail for head, tail in itertools.product(HEADS, TAILS)]
digests = st.sampled_from(DIGESTS) | st.binary(min_size=32, max_size=32).map(bytes.hex)
untils = st.sampled_from([None, 1, AT - 1, AT, AT + 1, AT + 10**6, 2**53 - 1])
standings = st.lists(st.tuples(digests, untils, st.sampled_from(scopes.WIRE_REASONS)), max_size=40)
junk = st.none() | st.text(max_size=70) | st.sampled_from(DIGESTS).map(str.upper)
junk |= st.sampled_from(DIGESTS).map(lambda key: key[:-1] + "g") | st.sampled_from(DIGESTS).map(lambda key: key[:-2])
asked = st.lists(digests | junk, max_size=40)
FORMS = [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string()), pa.string_view()]


@settings(max_examples=400, deadline=None)
@given(standings, asked, st.sampled_from(FORMS), st.integers(0, 3))
def test_a_mask_is_what_the_definition_says(standings, asked, form, cut):
    column = pa.array(asked, pa.string()).cast(form)[cut:]  # a slice, whose buffers begin elsewhere
    mask = judge_of(rows_of(*standings)).keep(keys.from_arrow(column))
    assert mask.tolist() == [oracle(standings, key, AT) == PERMITTED for key in asked[cut:]]


@settings(max_examples=200, deadline=None)
@given(standings, st.lists(st.binary(min_size=30, max_size=34) | digests.map(bytes.fromhex) | st.none(), max_size=30))
def test_binary_keys_are_answered_as_hex_is(standings, asked):
    for form in (pa.binary(), pa.large_binary()):
        found = Lookup(rows_of(*standings), purpose=PURPOSE, at=AT).find(keys.from_arrow(pa.array(asked, form)), at=AT)
        wanted = [oracle(standings, None if key is None else key.hex(), AT) for key in asked]
        assert found.answer.tolist() == wanted


def test_fixed_binary_keys_slices_and_chunks_of_them():
    rows = rows_of((digest(1), AT + 9, None), (digest(2), AT + 9, None))
    column = pa.array([bytes.fromhex(digest(i)) for i in range(4)] + [None], pa.binary(32))[1:]
    assert judge_of(rows).keep(keys.from_arrow(column)).tolist() == [True, True, False, False]
    chunks = pa.chunked_array([column, column])
    assert judge_of(rows).keep(keys.from_arrow(chunks)).sum() == 4


@pytest.mark.parametrize("column", [pa.array([1]), pa.array([1.0]), pa.array([[1]]), pa.array([True])])
def test_a_column_of_another_kind_holds_no_keys(column):
    with pytest.raises(NotKeys):
        keys.from_arrow(column)


def test_of_several_images_the_strongest_answer_holds_at_any_size():
    many = [(digest(i), AT + 9, None) for i in range(1000)]
    rows = rows_of(*many, (digest(5), None, "remove"), (digest(6), AT, None), (digest(7), AT + 1, None))
    lookup = Lookup(rows, purpose=PURPOSE, at=AT)
    answer = lookup.find(keys.from_arrow(pa.array([digest(i) for i in range(1001)])), at=AT).answer
    assert (answer[5], answer[6], answer[1000]) == (REMOVE, NOT_COVERED, UNKNOWN)
    assert (np.delete(answer, [5, 6, 1000]) == PERMITTED).all()


def test_a_term_that_ends_during_a_run_ends_there():
    lookup = Lookup(rows_of((digest(1), AT + 10, None), (digest(2), AT + 20, None)), purpose=PURPOSE, at=AT)
    asked = keys.from_arrow(pa.array([digest(1), digest(2)]))
    seen = [(lookup.find(asked, at=at).answer == PERMITTED).tolist() for at in (AT, AT + 9, AT + 10, AT + 20, AT + 9)]
    assert seen == [[True, True], [True, True], [False, True], [False, False], [True, True]]


def test_a_state_that_ends_during_a_run_ends_the_run():
    now = iter([AT, AT + 60, AT + 61])
    judge = Judge(state_of(rows_of((digest(1), AT + 999, None))), PURPOSE, 60, lambda: next(now))
    asked = keys.from_arrow(pa.array([digest(1)]))
    assert judge.keep(asked).all()
    with pytest.raises(Stale):
        judge.keep(asked)


@pytest.mark.parametrize(("at", "max_age"), [(AT - 61, 60), (AT + 61, 60), (AT + 604_800, 604_800)])
def test_a_state_out_of_its_time_decides_nothing(at, max_age):
    with pytest.raises(Stale):
        judge_of(rows_of((digest(1), AT + 10**7, None)), at=at, max_age=max_age)


# Text: rows of bytes, beside what the standard library reads

cells = st.text(st.sampled_from('ab,"\r\n 5\ufeff'), max_size=6) | st.sampled_from(DIGESTS)
ends = st.sampled_from(["\n", "\r\n", "\r"])
tables = st.lists(st.tuples(st.sampled_from(DIGESTS) | cells, cells, st.booleans(), ends), max_size=12)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables, st.sampled_from([1, 7, 60, 1 << 20]), st.booleans())
def test_csv_rows_are_those_that_the_standard_library_reads(tmp_path, rows, block, key_first):
    judge = judge_of(rows_of(*((key, AT + 9, None) for key in DIGESTS[::2])))
    written, kept = [], []
    for key, other, quoted, end in rows:
        pair = [key, other] if key_first else [other, key]
        line = ",".join('"' + c.replace('"', '""') + '"' if quoted or set(c) & set(',"\r\n') else c for c in pair) + end
        written.append(line.encode())
        if key in DIGESTS[::2]:
            kept.append(line.encode())
    header = b"sha256,n\n" if key_first else b"n,sha256\n"
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(header + b"".join(written))
    out.unlink(missing_ok=True)
    with patch.object(lines, "BLOCK_BYTES", block), suppress(NotOurs):
        summary = filter_file(source, out, judge=judge)
        assert out.read_bytes() == header + b"".join(kept)
        read = list(csv.reader(io.StringIO(source.read_bytes().decode(), newline="")))
        assert summary.rows == len([row for row in read if row]) - 1
    assert out.exists() or not kept


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text('ab,"\r\n', max_size=60).map(str.encode), st.sampled_from([1, 9, 1 << 20]))
def test_whatever_a_csv_holds_a_kept_row_is_permitted(tmp_path, junk, block):
    """Refused, or every row that is kept reads as permitted, alone and by the standard library."""
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"sha256\n" + DIGESTS[0].encode() + b"\n" + junk + b"\n" + DIGESTS[0].encode() + b"\n")
    out.unlink(missing_ok=True)
    with patch.object(lines, "BLOCK_BYTES", block), suppress(Unreadable):
        filter_file(source, out, judge=judge_of(rows_of((DIGESTS[0], AT + 9, None))))
    if out.exists():
        read = list(csv.reader(io.StringIO(out.read_bytes().decode(), newline="")))
        assert {row[0] for row in read[1:] if row} == {DIGESTS[0]}


# Files


def test_schema_metadata_and_codecs_stay(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    table = pa.table(
        {
            "sha256": [digest(i) for i in range(100)],
            "n": pa.array(range(100), pa.int16()),
            "word": pa.array(["a", "b"] * 50).dictionary_encode(),
            "deep": pa.array([{"x": [i]} for i in range(100)]),
            "when": pa.array(range(100), pa.timestamp("ns", "UTC")),
        }
    ).replace_schema_metadata({"who": "we"})
    pq.write_table(table, source, compression={"n": "zstd"}, row_group_size=30, use_dictionary=["word"])
    judge = judge_of(rows_of(*((digest(i), AT + 9, None) for i in range(0, 100, 3))))
    summary = filter_file(source, out, judge=judge)
    assert summary.kept == 34
    written = pq.ParquetFile(out)
    assert pq.read_table(out).equals(table.filter(np.arange(100) % 3 == 0))
    assert written.schema_arrow.equals(pq.ParquetFile(source).schema_arrow, check_metadata=True)
    assert written.metadata.row_group(0).column(1).compression == "ZSTD"
    assert "RLE_DICTIONARY" not in written.metadata.row_group(0).column(0).encodings


def test_a_dictionary_that_was_given_up_is_not_begun_again(tmp_path):
    source, out, rows = tmp_path / "in", tmp_path / "out", 200_000
    numbers = np.arange(rows)
    columns = {"sha256": [digest(0), digest(1)] * (rows // 2), "few": numbers % 1000, "many": numbers}
    pq.write_table(pa.table(columns), source)
    judge = judge_of(rows_of((digest(0), AT + 9, None)))
    assert filter_file(source, out, judge=judge).kept == rows // 2
    group = pq.ParquetFile(out).metadata.row_group(0)
    assert ["RLE_DICTIONARY" in group.column(at).encodings for at in range(3)] == [True, True, False]
    assert pq.read_table(out)["many"].to_pylist() == list(range(0, rows, 2))


def test_many_batches_and_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "BATCH_ROWS", 7)
    monkeypatch.setattr(parquet, "GROUP_ROWS", 20)
    source, out = tmp_path / "in", tmp_path / "out"
    pq.write_table(pa.table({"k": [digest(i) for i in range(500)], "n": range(500)}), source, row_group_size=90)
    judge = judge_of(rows_of(*((digest(i), AT + 9, None) for i in range(0, 500, 2))))
    seen = []
    summary = filter_file(source, out, judge=judge, key="k", progress=lambda done, of: seen.append((done, of)))
    assert (summary.rows, summary.kept, summary.unknown) == (500, 250, 250)
    assert pq.read_table(out)["n"].to_pylist() == list(range(0, 500, 2))
    assert seen[-1] == (500, 500)


@pytest.mark.parametrize(
    ("column", "value", "kept"),
    [
        (["a", "b", None, "b"], "a", [0, 1, 3]),
        (pa.array(["a", "b", None, "b"]).dictionary_encode(), "a", [0, 1, 3]),
        ([1, 2, None, 2], "1", [0, 1, 3]),
        ([True, False, None, False], "true", [0, 1, 3]),
        (["a", "a", "a", "a"], "a", [0]),
    ],
)
def test_scopes_by_columns_of_many_kinds(tmp_path, column, value, kept):
    source, out = tmp_path / "in", tmp_path / "out"
    pq.write_table(pa.table({"sha256": [digest(i) for i in range(4)], "c": column, "n": range(4)}), source)
    filter_file(source, out, judge=judge_of(rows_of((digest(0), AT + 9, None))), scope=Scope("c", value))
    assert pq.read_table(out)["n"].to_pylist() == kept


def test_a_value_that_the_column_cannot_hold(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    pq.write_table(pa.table({"sha256": [digest(0)], "c": [1]}), source)
    with pytest.raises(Misuse):
        filter_file(source, out, judge=judge_of(rows_of()), scope=Scope("c", "x"))


@pytest.mark.parametrize("broken", [Unreadable, KeyboardInterrupt])
def test_an_interrupted_run_leaves_what_was_there(tmp_path, broken):
    source, out = tmp_path / "in", tmp_path / "out"
    pq.write_table(pa.table({"sha256": [digest(0)]}), source)
    out.write_bytes(b"earlier")

    def stop(_done, _of):
        raise broken("now")

    with pytest.raises(broken):
        filter_file(source, out, judge=judge_of(rows_of((digest(0), AT + 9, None))), progress=stop)
    assert out.read_bytes() == b"earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]


def test_a_file_that_breaks_off_in_its_middle_is_refused(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    pq.write_table(pa.table({"sha256": [digest(i) for i in range(10_000)]}), source, compression="none")
    data = bytearray(source.read_bytes())
    data[4:40] = bytes(36)
    source.write_bytes(data)
    with pytest.raises(Unreadable):
        filter_file(source, out, judge=judge_of(rows_of((digest(0), AT + 9, None))))
    assert not out.exists()


def test_out_may_be_no_folder_and_no_device(tmp_path):
    source = tmp_path / "in"
    pq.write_table(pa.table({"sha256": [digest(0)]}), source)
    judge = judge_of(rows_of((digest(0), AT + 9, None)))
    with pytest.raises(Misuse):
        filter_file(source, tmp_path, judge=judge)
    with pytest.raises(Unreadable, match="no such folder"):
        filter_file(source, tmp_path / "missing" / "out", judge=judge)
