"""Keys as people's tables hold them: what is read, what is not, and what becomes of either."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from consentkit import Registry, keys
from consentkit.adapters import arrow, pandas
from consentkit.errors import ConsentkitError, Unreachable
from consentkit.filtering import UnreadableKeys
from consentkit.keys import NotKeys
from consentkit.purposes import purposes_of
from consentkit.scopes import PURPOSES
from consentkit.settings import Misuse
from consentkit.sources.batches import Scope
from consentkit.testing import picture as digest

FOR = ("--purpose", "ai_training")
GIVEN, GONE = digest(1), digest(2)
OTHERS = [GONE[:-1], " " + GONE, GONE + "\n", "0x" + GONE, "sha256:" + GONE, "g" * 64, "é", "0", GONE[:40]]
OURS = Scope("source", "registry")


@pytest.fixture
def known(sim, shell):
    """One permitted, one taken back."""
    sim.grant(GIVEN)
    sim.withdraw(sim.grant(GONE)[0])
    return Registry(sim.url, sim.key, log_key=sim.log_key, home=shell.home)


def text(values):
    return pa.array(values, pa.string())


FORMS = {
    "text": text,
    "wide text": lambda values: text(values).cast(pa.large_string()),
    "text view": lambda values: text(values).cast(pa.string_view()),
    "text as bytes": lambda values: text(values).cast(pa.binary()),
    "text as wide bytes": lambda values: text(values).cast(pa.large_binary()),
    "text as a view of bytes": lambda values: text(values).cast(pa.binary()).cast(pa.binary_view()),
    "dictionary": lambda values: text(values).dictionary_encode(),
    "dictionary of bytes": lambda values: text(values).cast(pa.binary()).dictionary_encode(),
    "runs": lambda values: pc.run_end_encode(text(values)),
    "bytes of one width": lambda values: pa.array([each and each.encode() for each in values], pa.binary(64)),
    "digests": lambda values: pa.array([each and bytes.fromhex(each) for each in values], pa.binary()),
    "digests of one width": lambda values: pa.array([each and bytes.fromhex(each) for each in values], pa.binary(32)),
    "an extension": lambda values: pa.ExtensionArray.from_storage(pa.opaque(pa.string(), "key", "us"), text(values)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("chunked", [False, True])
def test_one_reader_takes_every_form(form, chunked):
    column = FORMS[form]([GIVEN, GONE, None, GIVEN, GIVEN])[1:]
    read = keys.from_arrow(pa.chunked_array([column, column[:0], column]) if chunked else column)
    times = 2 if chunked else 1
    assert read.given.tolist() == read.proper.tolist() == [True, False, True, True] * times
    assert read.sha256[read.proper].tobytes().hex() == (GONE + GIVEN + GIVEN) * times


def test_what_is_no_digest_is_unreadable_and_nothing_is_no_key():
    for form in (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.binary_view()):
        read = keys.from_arrow(pa.array([*OTHERS, GONE.upper(), GIVEN, "", None], pa.string()).cast(form))
        assert read.unreadable.tolist() == [True] * (len(OTHERS) + 1) + [False] * 3
        assert (read.given[-3:].tolist(), read.proper[-3:].tolist()) == ([True, False, False],) * 2
    assert len(keys.from_arrow(pa.chunked_array([], pa.string()))) == 0


@pytest.mark.parametrize("kind", [pa.int64(), pa.list_(pa.string()), pa.binary(20), pa.uuid(), pa.float32()])
def test_a_column_that_holds_no_keys_is_refused_in_words(kind, known):
    with pytest.raises(NotKeys, match="64 lower-case hex digits"):
        keys.from_arrow(pa.nulls(2, kind))
    with pytest.raises(ConsentkitError):
        arrow.allowed(pa.table({"sha256": pa.nulls(2, kind)}), known, purpose="ai_training")


def test_columns_too_long_for_one_array_are_read_a_chunk_at_a_time(known):
    """A value of more than a gibibyte in each of two chunks: together they overflow a 32-bit offset."""
    held = pa.py_buffer(np.zeros(1_200_000_000, np.uint8))  # never touched
    offsets = pa.py_buffer(np.array([0, 1_200_000_000], np.int32))
    chunk = pa.StringArray.from_buffers(1, offsets, held)
    column = pa.chunked_array([chunk, chunk, text([GIVEN, GONE])])
    with pytest.raises(pa.ArrowInvalid):
        column.combine_chunks()
    assert known.mask(column, purpose="ai_training").tolist() == [False, False, True, False]


@pytest.mark.parametrize("form", ["text as bytes", "text as a view of bytes", "dictionary of bytes", "text view"])
def test_text_that_stands_in_bytes_is_excluded_out_of_scope(sim, shell, known, manifest, tmp_path, form):
    """As Impala, Hive and old Spark write it."""
    source = manifest(FORMS[form]([GIVEN, GONE, digest(9), None]), source=["web"] * 4, n=[0, 1, 2, 3])
    done = shell("filter", source, "-o", tmp_path / "out", *FOR, "--scope", "source=registry", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out) == {"rows": 4, "kept": 3, "excluded": 1, "unknown": 0, "out_of_scope": 3, "size": 4}
    assert pq.read_table(tmp_path / "out")["n"].to_pylist() == [0, 2, 3]
    assert pq.read_schema(tmp_path / "out") == pq.read_schema(source)
    assert json.loads((tmp_path / "out.dropped.jsonl").read_text())["key"] == GONE


def test_views_beside_the_key_pass_too(shell, known, manifest, tmp_path):
    names = pa.array(["a", None, "c" * 40], pa.string_view())
    source = manifest([GIVEN, GONE, GIVEN], name_=names, lists=pa.array([["x"], [], None], pa.list_(pa.string_view())))
    assert shell("filter", source, "-o", tmp_path / "out", *FOR).code == 0
    assert pq.read_table(tmp_path / "out")["name_"].to_pylist() == ["a", "c" * 40]
    kept = arrow.allowed(pq.read_table(source), known, purpose="ai_training")
    assert kept["name_"].to_pylist() == ["a", "c" * 40]


def written(tmp_path: Path, key: str, *, whose: str = "web") -> dict[str, Path]:
    """Three rows in each kind of table, the second with this key."""
    rows = [
        {"sha256": GIVEN, "source": "registry"},
        {"sha256": key, "source": whose},
        {"sha256": GONE, "source": "web"},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines = ["sha256,source", *(f'"{row["sha256"]}",{row["source"]}' for row in rows)]
    (tmp_path / "in.csv").write_text("\n".join(lines) + "\n")
    return {kind: tmp_path / f"in.{kind}" for kind in ("parquet", "jsonl", "csv")}


@pytest.mark.parametrize("key", [GONE[:-1], "0x" + GONE, digest(9).upper(), "sha256:" + GONE])
@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv"])
def test_out_of_scope_an_unreadable_key_ends_the_run_and_nothing_is_written(shell, known, tmp_path, kind, key):
    source, out = written(tmp_path, key)[kind], tmp_path / "out"
    before = source.read_bytes()
    for command in (("filter", source, "-o", out), ("audit", source), ("rewrite", source)):
        done = shell(*command, *FOR, "--scope", "source=registry", "--json")
        assert done.code == 1
        assert f'position {1 if kind == "parquet" else 3 if kind == "csv" else 2}: "{key}"' in done.err
        assert "--unreadable keep" in done.err
        if command[0] != "rewrite":
            counted = json.loads(done.out)
            assert (counted["kept"], counted["unreadable"], counted["rows"]) == (0, 1, 3)
            assert counted["rows"] == counted["kept"] + counted["excluded"] + counted["unknown"]
    assert source.read_bytes() == before
    assert [path.name for path in tmp_path.glob("*out*")] == []


def test_with_keep_it_passes_counted_and_named_but_never_in_scope(shell, known, tmp_path):
    out = tmp_path / "out.csv"
    keep = (*FOR, "--scope", "source=registry", "--unreadable", "keep", "--json")
    done = shell("filter", written(tmp_path, "0x" + GONE)["csv"], "-o", out, *keep)
    assert done.code == 0, done.err
    assert json.loads(done.out) == {
        "rows": 3,
        "kept": 2,
        "excluded": 1,
        "unknown": 0,
        "out_of_scope": 1,
        "size": 4,
        "unreadable": 1,
    }
    assert "0x" + GONE in out.read_text()
    done = shell("filter", written(tmp_path, "0x" + GONE, whose="registry")["csv"], "-o", out, *keep)
    assert json.loads(done.out)["unknown"] == json.loads(done.out)["unreadable"] == 1
    dropped = [json.loads(line) for line in (tmp_path / "out.csv.dropped.jsonl").read_text().splitlines()]
    assert [row.get("unreadable") for row in dropped] == [True, None]
    capitals = shell("filter", written(tmp_path, GONE.upper())["csv"], "-o", out, *keep)
    assert json.loads(capitals.out)["excluded"] == 2
    assert shell("filter", tmp_path / "in.csv", "-o", out, *FOR, "--unreadable", "keep").code == 2


def test_of_a_folder_no_part_stays_where_one_key_cannot_be_read(shell, known, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    pq.write_table(pa.table({"sha256": [GIVEN], "source": ["registry"]}), folder / "a.parquet")
    pq.write_table(pa.table({"sha256": ["junk"], "source": ["web"]}), folder / "b.parquet")
    done = shell("filter", folder, "-o", tmp_path / "out", *FOR, "--scope", "source=registry")
    assert (done.code, "b.parquet, position 0" in done.err) == (1, True)
    assert not list((tmp_path / "out").rglob("*.parquet"))


def test_what_was_kept_unread_is_attested_only_as_such(shell, known, tmp_path):
    out = tmp_path / "out.csv"
    keep = ("--scope", "source=registry", "--unreadable", "keep")
    assert shell("filter", written(tmp_path, "junk")["csv"], "-o", out, *FOR, *keep).code == 0
    said = tmp_path / "out.csv.manifest.json"
    assert json.loads(said.read_text())["unreadable"] == 1
    assert shell("attest", said, "--model", "m").code == 0
    said.write_text(said.read_text().replace('"unreadable":1', '"unreadable":0'))
    done = shell("attest", said, "--model", "m")
    assert (done.code, "cannot be read" in done.err) == (1, True)


@pytest.mark.parametrize("key", [*OTHERS, 7, 1.5, b"x" * 31, GONE.encode()[:-1], object()])
def test_python_values_out_of_scope_are_refused_by_default(known, key):
    given = {"purpose": "ai_training", "in_scope": [True, False]}
    with pytest.raises(UnreadableKeys, match="row 1"):
        known.mask([GIVEN, key], **given)
    assert known.mask([GIVEN, key], **given, unreadable="keep").tolist() == [True, True]
    assert known.mask([GIVEN, key], purpose="ai_training").tolist() == [True, False]


def test_python_values_that_can_be_read(known):
    values = [bytes.fromhex(GONE), GONE.encode(), bytearray(GONE.encode()), GONE.upper(), None, float("nan"), ""]
    mask = known.mask(values, purpose="ai_training", in_scope=[False] * 7)
    assert mask.tolist() == [False] * 4 + [True] * 3


def test_no_error_of_arrow_leaves_an_adapter(known):
    import pandas as pd

    for values in ([1, "x"], [{"a": 1}, 2]):
        with pytest.raises(ConsentkitError, match="sha256"):
            pandas.allowed(pd.DataFrame({"sha256": pd.Series(values, dtype=object)}), known, purpose="ai_training")
    table = pa.table({"sha256": [GIVEN], "source": [[1]]})
    with pytest.raises(ConsentkitError):
        arrow.allowed(table, known, purpose="ai_training", scope=OURS)


# Several purposes


@pytest.fixture
def apart(sim, shell):
    """One for both purposes, one for each alone."""
    sim.grant(GIVEN)
    sim.grant(digest(3), purposes=("ai_training",))
    sim.grant(digest(4), purposes=("evaluation",))
    sim.withdraw(sim.grant(GONE)[0])
    return Registry(sim.url, sim.key, log_key=sim.log_key, home=shell.home)


BOTH = ("--purpose", "ai_training", "--purpose", "evaluation")
FOUR = [GIVEN, digest(3), digest(4), GONE]


@pytest.mark.parametrize("purposes", [BOTH, (*BOTH[2:], *BOTH[:2]), (*BOTH, *BOTH)])
def test_several_purposes_are_an_intersection_in_every_command(shell, apart, manifest, tmp_path, purposes):
    source, out = manifest([*FOUR, digest(9)]), tmp_path / "out.parquet"
    done = shell("filter", source, "-o", out, *purposes, "--json")
    assert json.loads(done.out) == {"rows": 5, "kept": 1, "excluded": 3, "unknown": 1, "out_of_scope": 0, "size": 6}
    assert pq.read_table(out)["sha256"].to_pylist() == [GIVEN]
    told = json.loads(shell("audit", source, *purposes, "--json").out)
    assert told["reasons"] == {"not_covered": 2, "wait": 0, "remove": 1}
    done = shell("check", *FOUR, *purposes, "--json")
    said = [json.loads(line) for line in done.out.splitlines()]
    assert [(each["decision"], each["reason"]) for each in said] == [
        ("permitted", None),
        ("excluded", "not_covered"),
        ("excluded", "not_covered"),
        ("excluded", "remove"),
    ]
    assert done.code == 3
    assert shell("rewrite", source, *purposes).code == 0
    assert pq.read_table(source)["sha256"].to_pylist() == [GIVEN]


def test_several_purposes_in_python(apart):
    both = ("evaluation", "ai_training")
    assert apart.mask(FOUR, purpose=both).tolist() == [True, False, False, False]
    assert [apart.is_allowed(key, purpose=set(both)) for key in FOUR] == [True, False, False, False]
    assert apart.filter_allowed([{"sha256": key} for key in FOUR], purpose=list(both)) == [{"sha256": GIVEN}]
    pinned = apart.pin().moment()
    assert pinned.mask(FOUR, purpose=both).tolist() == [True, False, False, False]
    listed = {row["sha256"]: row["until"] > 0 for row in pinned.listed(both).to_pylist()}
    assert listed == {GIVEN: True, digest(3): False, digest(4): False, GONE: False}
    assert [each.decision for each in apart.check(FOUR, purpose=both).decisions] == ["permitted"] + ["excluded"] * 3


@pytest.mark.parametrize("purpose", ["typo", [], ["ai_training", "typo"], ""])
def test_a_purpose_that_is_not_ours_is_a_misuse(apart, purpose):
    for ask in (
        lambda: apart.mask([GIVEN], purpose=purpose),
        lambda: apart.pin().moment().listed(purpose),
        lambda: apart.check([GIVEN], purpose=purpose),
    ):
        with pytest.raises(Misuse, match="ai_training"):
            ask()
    with pytest.raises(Unreachable, match="does not cover data_mining"):
        apart.mask([GIVEN], purpose=["ai_training", "data_mining"])


def test_purposes_come_once_and_in_one_order():
    assert purposes_of(reversed([*PURPOSES, *PURPOSES])) == PURPOSES
    assert purposes_of("evaluation") == ("evaluation",)


def test_a_run_for_several_purposes_is_not_attested_as_for_one(shell, apart, manifest, tmp_path):
    out = tmp_path / "out.parquet"
    assert shell("filter", manifest(FOUR), "-o", out, *BOTH).code == 0
    done = shell("attest", tmp_path / "out.parquet.manifest.json", "--model", "m")
    assert (done.code, "several purposes" in done.err) == (2, True)
