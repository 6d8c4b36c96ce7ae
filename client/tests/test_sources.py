"""Every kind that `filter` and `audit` read, as their users run them: what is kept, what is listed, what is refused."""

import io
import json
import os
import tarfile
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from consentkit.filtering import Judge, filter_file
from consentkit.registry import Registry
from consentkit.sources import lines, shards
from consentkit.testing import picture as digest

FOR = ("--purpose", "ai_training")
SIX = ("rows", "kept", "excluded", "unknown", "out_of_scope", "size")


def said(outcome):
    return json.loads(outcome.out.splitlines()[-1])


def counts(outcome):
    return tuple(said(outcome)[name] for name in SIX[:5])


def dropped(out):
    listed = [json.loads(line) for line in out.with_name(out.name + ".dropped.jsonl").read_text().splitlines()]
    return [(each["position"], each["key"], each["decision"], each["reason"]) for each in listed]


def bytes_of(number):
    """The file of which `digest(number)` is the digest."""
    return str(number).encode()


@pytest.fixture
def world(sim):
    """0 and 1 are permitted, 2 is withdrawn, 3 waits for a case, 4 is not covered; 9 is nobody's."""
    images = sim.grant([digest(number) for number in range(5)])
    for image, reason in zip(images[2:], ("remove", "wait", "not_covered"), strict=True):
        sim.withdraw(image, reason=reason)
    return images


# What was dropped, and why


def test_parquet_lists_what_was_dropped_in_order(world, shell, manifest, tmp_path):
    keys = [digest(0), digest(2), digest(9), None, 'a "word"\n', digest(1).upper(), digest(3), digest(1), digest(4)]
    out = tmp_path / "out.parquet"
    assert shell("filter", manifest(keys), "-o", out, *FOR).code == 0
    assert dropped(out) == [
        (1, digest(2), "excluded", "remove"),
        (2, digest(9), "unknown", None),
        (3, None, "unknown", None),
        (4, 'a "word"\n', "unknown", None),
        (5, digest(1).upper(), "unknown", None),
        (6, digest(3), "excluded", "wait"),
        (8, digest(4), "excluded", "not_covered"),
    ]


@pytest.mark.parametrize("form", [pa.binary(), pa.binary(32), pa.large_binary()])
def test_binary_keys_are_listed_in_hex(world, shell, manifest, tmp_path, form):
    out = tmp_path / "out.parquet"
    keys = pa.array([bytes.fromhex(digest(2)), None, bytes.fromhex(digest(0))], form)
    assert shell("filter", manifest(keys), "-o", out, *FOR).code == 0
    assert dropped(out) == [(0, digest(2), "excluded", "remove"), (1, None, "unknown", None)]


def test_words_of_a_dictionary_are_listed(world, shell, manifest, tmp_path):
    out = tmp_path / "out.parquet"
    keys = pa.array([digest(2), "x", None, digest(0)]).dictionary_encode()
    assert shell("filter", manifest(keys), "-o", out, *FOR).code == 0
    assert [(at, key) for at, key, *_ in dropped(out)] == [(0, digest(2)), (1, "x"), (2, None)]


def test_nothing_dropped_is_an_empty_list(world, shell, manifest, tmp_path):
    out = tmp_path / "out.parquet"
    assert shell("filter", manifest([digest(0)]), "-o", out, *FOR).code == 0
    assert dropped(out) == []


def test_keys_that_are_not_ours_list_nothing_either(world, shell, manifest, tmp_path):
    out = tmp_path / "out.parquet"
    assert shell("filter", manifest([digest(9)]), "-o", out, *FOR).code == 1
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith((".", "out"))] == []


# CSV


@pytest.mark.parametrize("block", [lines.BLOCK_BYTES, 50, 1])
def test_csv_rows_stay_byte_for_byte(world, shell, tmp_path, monkeypatch, block):
    monkeypatch.setattr(lines, "BLOCK_BYTES", block)
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    rows = [
        b'sha256,"the, words",n\r\n',
        digest(0).encode() + b',"two\r\nlines, ""quoted""",007\n',
        digest(2).encode() + b",x,1\n",
        b"\r\n",
        b'"' + digest(1).encode() + b'",\xff,1e5\r',
        digest(1).upper().encode() + b",,\n",
        b',"' + digest(0).encode() + b'",\n',
        digest(0).encode() + b",2026-01-01,NULL",
    ]
    source.write_bytes(b"".join(rows))
    done = shell("filter", source, "-o", out, *FOR, "--json")
    assert counts(done) == (6, 3, 1, 2, 0), done.err
    assert out.read_bytes() == b"".join([rows[0], rows[1], rows[4], rows[7]])
    assert [(at, key) for at, key, *_ in dropped(out)] == [(4, digest(2)), (7, digest(1).upper()), (8, None)]


def test_csv_of_a_spreadsheet_program(world, shell, tmp_path):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"\xef\xbb\xbfsha256;n\r\n" + digest(0).encode() + b";1\r\n")
    assert shell("filter", source, "-o", out, *FOR).code == 2
    source.write_bytes(b"\xef\xbb\xbfsha256,n\r\n" + digest(0).encode() + b",1\r\n")
    assert shell("filter", source, "-o", out, *FOR).code == 0
    assert out.read_bytes() == source.read_bytes()


def test_csv_by_scope(world, shell, tmp_path):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    rows = [(0, "registry"), (9, "registry"), (9, "web"), (2, "web"), (9, ""), (9, '"registry"'), (9, "Registry")]
    source.write_text("sha256,source\n" + "".join(f"{digest(number)},{whose}\n" for number, whose in rows))
    done = shell("filter", source, "-o", out, *FOR, "--scope", "source=registry", "--json")
    assert counts(done) == (7, 3, 1, 3, 2)


def test_a_csv_cut_in_its_last_cell_does_not_leave_the_scope(world, shell, tmp_path):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(f"sha256,source\n{digest(0)},registry\n{digest(9)},regist")
    done = shell("filter", source, "-o", out, *FOR, "--scope", "source=registry", "--json")
    assert counts(done) == (2, 1, 0, 1, 0)


def test_a_header_alone_is_an_empty_scope(world, shell, tmp_path):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("sha256,n\n")
    assert shell("filter", source, "-o", out, *FOR).code == 0
    assert out.read_text() == "sha256,n\n"


@pytest.mark.parametrize(
    ("code", "words", "text"),
    [
        (1, "line 1: no header", ""),
        (1, "line 3: 3 columns, where the header has 2", "sha256,n\n{0},1\n{1},2,3\n"),
        (1, "line 4: 1 columns, where the header has 2", "sha256,n\n\n{0},1\n{1}\n"),
        (1, "line 2: a quote", 'sha256,n\n{0},5" tall\n{1},6" tall\n'),
        (1, "line 2: a quote", 'sha256,n\n{0},5",x\n"{2}\n",1\n'),
        (1, "line 3: a quote", 'sha256,n\n{0},1\n{1},"never closed\n{2},3\n'),
        (1, "line 2: a quote", 'sha256,n\n{0},"a"b"\n'),
        (2, "no column 'sha256'", "sha256;n\n{0};1\n"),
        (2, "no column 'sha256', or several", "sha256,sha256\n{0},{2}\n"),
        (2, "no column 'sha256'", "SHA256,n\n{0},1\n"),
    ],
)
def test_a_csv_that_is_not_well_formed_is_refused_with_its_line(world, shell, tmp_path, code, words, text):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text(text.format(*map(digest, range(5))))
    for done in (shell("filter", source, "-o", out, *FOR), shell("audit", source, *FOR)):
        assert (done.code, words in done.err) == (code, True), done.err
    assert not list(tmp_path.glob("*out*"))


def test_a_row_without_end_is_refused(world, shell, tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "ROW_BYTES", 1000)
    monkeypatch.setattr(lines, "BLOCK_BYTES", 100)
    for name, text in (("in.csv", 'sha256\n"' + "x\n" * 1000), ("in.jsonl", '{"a": "' + "x" * 2000)):
        source = tmp_path / name
        source.write_text(text)
        done = shell("filter", source, "-o", tmp_path / "out", *FOR)
        assert (done.code, "more than 1000 bytes" in done.err) == (1, True), done.err


# JSON lines


@pytest.mark.parametrize("block", [lines.BLOCK_BYTES, 100, 1])
def test_json_lines_stay_byte_for_byte(world, shell, tmp_path, monkeypatch, block):
    monkeypatch.setattr(lines, "BLOCK_BYTES", block)
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [
        f'{{"n": 1e5,  "sha256":"{digest(0)}", "deep": {{"sha256": "{digest(2)}"}}}}\r\n',
        f'{{"sha256": "{digest(2)}"}}\n',
        "\n",
        '{"n": "2026-01-01"}\n',
        f'  {{"sha256": "{digest(1)}", "n": [1, "}}{{"]}} \n',
        f'{{"sha256": "{digest(1).upper()}"}}\n',
        '{"sha256": null}\n',
        f'{{"\\u0073ha256": "{digest(0)}"}}',
    ]
    source.write_bytes("".join(rows).encode())
    done = shell("filter", source, "-o", out, *FOR, "--json")
    assert counts(done) == (7, 3, 1, 3, 0), done.err
    assert out.read_bytes() == "".join([rows[0], rows[4], rows[7]]).encode()
    assert [(at, key) for at, key, *_ in dropped(out)] == [(2, digest(2)), (4, None), (6, digest(1).upper()), (7, None)]


def test_json_lines_by_key_and_scope(world, shell, tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    rows = [(0, "ours"), (9, "ours"), (9, "web"), (2, "web"), (9, None)]
    source.write_text("".join(json.dumps({"key": digest(number), "from": whose}) + "\n" for number, whose in rows))
    done = shell("filter", source, "-o", out, *FOR, "--key", "key", "--scope", "from=ours", "--json")
    assert counts(done) == (5, 2, 1, 2, 1)


@pytest.mark.parametrize(
    ("code", "words", "second"),
    [
        (1, "line 2: no JSON object", "[1]"),
        (1, "line 2: no JSON object", '"text"'),
        (1, "line 2: no JSON object", '{{"sha256": "{0}"'),
        (1, "line 2: no JSON object that can be read", '{{"sha256": "{0}",}}'),
        (1, "line 2: no JSON object that can be read: a name stands twice", '{{"sha256": "{0}", "sha256": "{2}"}}'),
        (1, "line 2: no JSON object that can be read", '{{"sha256": "{0}"}}{{"sha256": "{2}"}}'),
        (1, "line 2: 'sha256' is not text", '{{"sha256": 5}}'),
        (1, "line 2: 'sha256' is not text", '{{"sha256": ["{0}"]}}'),
        (1, "line 2: no JSON object", '\ufeff{{"sha256": "{0}"}}'),
        (1, "line 2: no JSON object", '{{"sha256":\n"{0}"}}'),
    ],
)
def test_a_line_that_is_no_json_object_is_refused_with_its_number(world, shell, tmp_path, code, words, second):
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(f'{{"sha256": "{digest(0)}"}}\n' + second.format(*map(digest, range(3))) + "\n")
    done = shell("filter", source, "-o", out, *FOR)
    assert (done.code, words in done.err) == (code, True), done.err
    assert not out.exists()


def test_two_objects_and_a_blank_line_are_not_two_lines(world, shell, tmp_path):
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(f'{{"sha256": "{digest(0)}"}}{{"sha256": "{digest(2)}"}}\n\n')
    assert shell("filter", source, "-o", out, *FOR).code == 1
    assert not out.exists()


def test_a_field_that_no_line_has(world, shell, tmp_path):
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(f'{{"sha256": "{digest(0)}"}}\n')
    done = shell("filter", source, "-o", out, *FOR, "--key", "sha")
    assert (done.code, "no line" in done.err, out.exists()) == (2, True, False)


# Folders of pictures


def folder(path, names):
    for name, data in names.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def files(path):
    return {str(each.relative_to(path)): each.read_bytes() for each in path.rglob("*") if each.is_file()}


def test_a_folder_keeps_the_files_whose_bytes_are_permitted(world, shell, tmp_path):
    source = folder(
        tmp_path / "in",
        {
            "a.jpg": b"0",
            "b/c.png": b"1",
            "b/d.webp": b"2",
            "e.jpg": b"9",
            "f.png": b"",
            ".g.jpg": b"3",
            "same.jpg": b"0",
        },
    )
    out = tmp_path / "out"
    done = shell("filter", source, "-o", out, *FOR, "--json")
    assert counts(done) == (7, 3, 2, 2, 0), done.err
    assert files(out) == {"a.jpg": b"0", "b/c.png": b"1", "same.jpg": b"0"}
    assert dropped(out)[0] == (".g.jpg", digest(3), "excluded", "wait")
    (out / "a.jpg").write_bytes(b"changed")
    assert (source / "a.jpg").read_bytes() == b"0"


@pytest.mark.parametrize("option", [("--key", "sha256"), ("--scope", "a=b")])
def test_a_folder_has_no_fields(world, shell, tmp_path, option):
    source = folder(tmp_path / "in", {"a.jpg": b"0"})
    assert shell("filter", source, "-o", tmp_path / "out", *FOR, *option).code == 2
    assert not (tmp_path / "out").exists()


def test_a_folder_of_strangers_is_not_ours(world, shell, tmp_path):
    source = folder(tmp_path / "in", {"a.jpg": b"9"})
    done = shell("filter", source, "-o", tmp_path / "out", *FOR)
    assert (done.code, "your keys are not ours" in done.err) == (1, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "in"]


def test_a_link_to_a_folder_is_no_silent_gap(world, shell, tmp_path):
    source = folder(tmp_path / "in", {"a.jpg": b"0"})
    (source / "more").symlink_to(tmp_path)
    done = shell("filter", source, "-o", tmp_path / "out", *FOR)
    assert (done.code, "link to a folder" in done.err) == (1, True)


@pytest.mark.parametrize("out", ["in/out", ".", "in", "full"])
def test_out_is_a_place_of_its_own(world, shell, tmp_path, out):
    source = folder(tmp_path / "in", {"a.jpg": b"0"})
    folder(tmp_path / "full", {"x": b""})
    assert shell("filter", source, "-o", tmp_path / out, *FOR).code == 2
    assert files(source) == {"a.jpg": b"0"}


# WebDataset shards


def shard(path, members, **named):
    with tarfile.open(path, "w", **named) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uname = len(data), 1_700_000_000, "somebody"
            tar.addfile(info, io.BytesIO(data))
    return path


def members(path):
    with tarfile.open(path) as tar:
        return [(each.name, tar.extractfile(each).read(), each.mtime, each.uname) for each in tar]


SAMPLES = [
    [("a/0.jpg", b"0"), ("a/0.json", b'{"sha256": "x", "source": "ours"}'), ("a/0.cls", b"7" * 1000)],
    [("a/1.txt", b"words"), ("a/1.PNG", b"1")],
    [("a/2.jpg", b"2"), ("a/2.txt", b"")],
    [("a/3.jpg", b"9")],
    [("a/4.txt", b"no picture")],
    [("README", b"0")],
    [("b/" + "long" * 40 + ".jpg", b"0")],
]


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize("batch", [1, 3, shards.BATCH_SAMPLES])
def test_samples_pass_whole_with_their_bytes_unchanged(world, shell, tmp_path, monkeypatch, form, batch):
    monkeypatch.setattr(shards, "BATCH_SAMPLES", batch)
    source, out = tmp_path / "in.tar", tmp_path / "out.tar"
    shard(source, [member for sample in SAMPLES for member in sample], format=form)
    done = shell("filter", source, "-o", out, *FOR, "--json")
    assert counts(done) == (7, 3, 1, 3, 0), done.err
    wanted = [member for at in (0, 1, 6) for member in SAMPLES[at]]
    assert members(out) == [(name, data, 1_700_000_000, "somebody") for name, data in wanted]
    assert out.read_bytes() == shard(tmp_path / "wanted.tar", wanted, format=form).read_bytes()
    assert [at for at, *_ in dropped(out)] == ["a/2", "a/3", "a/4", "README"]


def test_shards_by_a_field_and_a_scope(world, shell, tmp_path):
    source, out = tmp_path / "in.tar", tmp_path / "out.tar"
    rows = [(0, "ours"), (9, "ours"), (9, "web"), (2, "web"), (9, None)]
    shard(
        source,
        [
            member
            for at, (number, whose) in enumerate(rows)
            for member in (
                (f"{at}.jpg", b"0"),
                (f"{at}.other.jpg", b"1"),
                (f"{at}.json", json.dumps({"key": digest(number), "from": whose}).encode()),
            )
        ],
    )
    done = shell("filter", source, "-o", out, *FOR, "--key", "key", "--scope", "from=ours", "--json")
    assert counts(done) == (5, 2, 1, 2, 1), done.err
    assert [name for name, *_ in members(out)] == [
        f"{at}.{kind}" for at in (0, 2) for kind in ("jpg", "other.jpg", "json")
    ]


@pytest.mark.parametrize(
    ("words", "listed", "option"),
    [
        ("its JSON cannot be read", [("0.jpg", b"0"), ("0.json", b"{")], ("--key", "key")),
        ("a name stands twice", [("0.json", b'{"key": "a", "key": "b"}')], ("--key", "key")),
        ("is no object", [("0.json", b"[]")], ("--key", "key")),
        ("not plain text", [("0.json", b'{"key": 5}')], ("--key", "key")),
    ],
)
def test_a_sample_that_can_be_read_in_two_ways_is_refused(world, shell, tmp_path, words, listed, option):
    source, out = shard(tmp_path / "in.tar", [("first.jpg", b"0"), *listed]), tmp_path / "out.tar"
    done = shell("filter", source, "-o", out, *FOR, *option)
    assert (done.code, words in done.err, out.exists()) == (1, True, False), done.err


def _cut(data):
    return data[: len(data) // 2]


def _without_end(data):
    return data.rstrip(b"\0") + bytes(512 - len(data.rstrip(b"\0")) % 512)


def _damaged_header(data):
    return data[:1024] + b"x" + data[1025:]


@pytest.mark.parametrize("spoil", [_cut, _without_end, _damaged_header, lambda _: b"", lambda _: bytes(600)])
def test_a_shard_that_is_cut_or_damaged_is_refused(world, shell, tmp_path, spoil):
    source, out = shard(tmp_path / "in.tar", [("0.jpg", b"0"), ("1.jpg", b"1" * 30_000)]), tmp_path / "out.tar"
    source.write_bytes(spoil(source.read_bytes()))
    assert shell("filter", source, "-o", out, *FOR).code == 1
    assert not out.exists()


def test_a_link_in_a_shard_is_refused(world, shell, tmp_path):
    source = tmp_path / "in.tar"
    with tarfile.open(source, "w") as tar:
        info = tarfile.TarInfo("0.jpg")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(info)
    assert shell("filter", source, "-o", tmp_path / "out.tar", *FOR).code == 1


def test_folders_in_a_shard_belong_to_no_sample(world, shell, tmp_path):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "0.jpg").write_bytes(b"0")
    with tarfile.open(tmp_path / "in.tar", "w") as tar:
        tar.add(tmp_path / "made", "./")
    done = shell("filter", tmp_path / "in.tar", "-o", tmp_path / "out.tar", *FOR, "--json")
    assert counts(done) == (1, 1, 0, 0, 0), done.err
    assert [name for name, *_ in members(tmp_path / "out.tar")] == ["./0.jpg"]


@pytest.fixture
def many(tmp_path):
    """Shards s0 to s3, each of one picture that has its number and of one of a stranger."""
    (tmp_path / "in").mkdir()
    for number in range(4):
        shard(tmp_path / "in" / f"s{number}.tar", [("x.jpg", bytes_of(number)), ("y.jpg", b"9")])
    return tmp_path / "in"


def made(out):
    """When each shard was written."""
    return {path.name: path.stat().st_mtime_ns for path in out.glob("*.tar")}


def test_a_folder_of_shards(world, shell, many, tmp_path):
    out = tmp_path / "out"
    done = shell("filter", many, "-o", out, *FOR, "--json")
    assert counts(done) == (8, 2, 2, 4, 0), done.err
    assert {path.name: [name for name, *_ in members(path)] for path in out.glob("*.tar")} == {
        "s0.tar": ["x.jpg"],
        "s1.tar": ["x.jpg"],
        "s2.tar": [],
        "s3.tar": [],
    }
    assert dropped(out)[:3] == [
        ("s0.tar/y", digest(9), "unknown", None),
        ("s1.tar/y", digest(9), "unknown", None),
        ("s2.tar/x", digest(2), "excluded", "remove"),
    ]


def test_a_shard_that_still_holds_is_not_written_again(sim, world, shell, many, tmp_path):
    out = tmp_path / "out"
    first = shell("filter", many, "-o", out, *FOR, "--json")
    before, listed = made(out), dropped(out)
    sim.withdraw(world[1])
    again = shell("filter", many, "-o", out, *FOR, "--json")
    after = made(out)
    assert [name for name in after if after[name] != before[name]] == ["s1.tar"]
    assert (said(again)["size"], counts(again)) == (said(first)["size"] + 1, (8, 1, 3, 4, 0))
    assert members(out / "s1.tar") == []
    assert dropped(out) == sorted([*listed, ("s1.tar/x", digest(1), "excluded", "remove")])
    sim.grant(digest(9))
    assert counts(shell("filter", many, "-o", out, *FOR, "--json")) == (8, 5, 3, 0, 0)


def _longer(path):
    shard(path, [("x.jpg", b"0"), ("y.jpg", b"0"), ("z.jpg", b"0")])


def _touched(path):
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("where", ["in", "out"])
@pytest.mark.parametrize("change", [_longer, _touched])
def test_a_shard_that_was_changed_is_written_again(world, shell, many, tmp_path, where, change):
    out = tmp_path / "out"
    shell("filter", many, "-o", out, *FOR)
    before = made(out)
    change(tmp_path / where / "s2.tar")
    assert shell("filter", many, "-o", out, *FOR).code == 0
    after = made(out)
    assert [name for name in sorted(after) if after[name] != before[name]] == ["s2.tar"]
    assert len(members(out / "s2.tar")) == (3 if (where, change) == ("in", _longer) else 0)


def test_other_options_write_all_shards_again(world, shell, many, tmp_path):
    out = tmp_path / "out"
    shell("filter", many, "-o", out, *FOR)
    before = made(out)
    assert shell("filter", many, "-o", out, *FOR, "--scope", "source=ours").code == 0
    assert all(made(out)[name] != before[name] for name in before)


def test_an_interrupted_folder_goes_on_where_it_was(world, shell, many, tmp_path):
    out = tmp_path / "out"
    whole = (many / "s2.tar").read_bytes()
    (many / "s2.tar").write_bytes(whole[:1500])
    assert shell("filter", many, "-o", out, *FOR).code == 1
    before = made(out)
    assert sorted(before) == ["s0.tar", "s1.tar"]
    assert not (tmp_path / "out.dropped.jsonl").exists()
    (many / "s2.tar").write_bytes(whole)
    assert counts(shell("filter", many, "-o", out, *FOR, "--json")) == (8, 2, 2, 4, 0)
    assert {name: made(out)[name] for name in before} == before


def test_a_shard_whose_source_has_gone_does_not_stay(world, shell, many, tmp_path):
    out = tmp_path / "out"
    shell("filter", many, "-o", out, *FOR)
    (many / "s1.tar").unlink()
    done = shell("filter", many, "-o", out, *FOR)
    assert (done.code, "s1.tar" in done.err) == (2, True)


def test_shards_of_strangers_are_not_ours(world, shell, tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    shard(source / "s.tar", [("x.jpg", b"9"), ("y.json", b'{"source": "web"}')])
    done = shell("filter", source, "-o", out, *FOR, "--scope", "source=ours")
    assert (done.code, "your keys are not ours" in done.err) == (1, True)
    assert files(out) == {}
    assert not (tmp_path / "out.dropped.jsonl").exists()


# Folders of tables


def parquet(path, numbers, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"sha256": [digest(number) for number in numbers], **columns}), path)
    return path


@pytest.fixture
def tables(tmp_path):
    """Parts of three kinds and of different schemas, and files that are no parts."""
    at = tmp_path / "in"
    parquet(at / "0.parquet", [0, 2, 9], n=[1, 2, 3])
    parquet(at / "of=2025" / "1.parquet", [1, 0], words=["a", "b"])
    (at / "of=2026").mkdir()
    (at / "of=2026" / "2.csv").write_text(f"n,sha256\n1,{digest(3)}\n2,{digest(1)}\n")
    (at / "of=2026" / "3.jsonl").write_text(f'{{"sha256": "{digest(0)}"}}\n')
    (at / "_SUCCESS").touch()
    (at / ".0.parquet.crc").write_bytes(b"crc")
    parquet(at / "_temporary" / "4.parquet", [2])
    (at / "README.md").write_text("words")
    return at


PARTS = {"0.parquet", "of=2025/1.parquet", "of=2026/2.csv", "of=2026/3.jsonl"}


def parts(out):
    """The parts that were written, and when."""
    found = [path for path in out.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return {str(path.relative_to(out)): path.stat().st_mtime_ns for path in found}


def test_a_folder_of_tables_is_filtered_part_by_part(world, shell, tables, tmp_path):
    out = tmp_path / "out"
    done = shell("filter", tables, "-o", out, *FOR, "--json")
    assert counts(done) == (8, 5, 2, 1, 0), done.err
    assert set(parts(out)) == PARTS
    assert pq.read_table(out / "0.parquet").to_pylist() == [{"sha256": digest(0), "n": 1}]
    assert pq.ParquetFile(out / "of=2025" / "1.parquet").read()["words"].to_pylist() == ["a", "b"]
    assert (out / "of=2026" / "2.csv").read_text() == f"n,sha256\n2,{digest(1)}\n"
    assert dropped(out) == [
        ("0.parquet/1", digest(2), "excluded", "remove"),
        ("0.parquet/2", digest(9), "unknown", None),
        ("of=2026/2.csv/2", digest(3), "excluded", "wait"),
    ]
    assert said(shell("audit", tables, *FOR, "--json"))["kept"] == 5


def test_only_tables_whose_decisions_changed_are_written_again(sim, world, shell, tables, tmp_path):
    out = tmp_path / "out"
    shell("filter", tables, "-o", out, *FOR)
    before, listed = parts(out), dropped(out)
    assert shell("filter", tables, "-o", out, *FOR).code == 0
    assert (parts(out), dropped(out)) == (before, listed)
    sim.withdraw(world[1])
    assert counts(shell("filter", tables, "-o", out, *FOR, "--json")) == (8, 3, 4, 1, 0)
    after = parts(out)
    assert {name for name in after if after[name] != before[name]} == {"of=2025/1.parquet", "of=2026/2.csv"}
    assert len(dropped(out)) == 5
    parquet(tables / "0.parquet", [0, 0, 0, 0])
    assert counts(shell("filter", tables, "-o", out, *FOR, "--json")) == (9, 6, 3, 0, 0)


def test_an_interrupted_folder_of_tables_goes_on_where_it_was(world, shell, tables, tmp_path):
    out = tmp_path / "out"
    lines_of = (tables / "of=2026" / "3.jsonl").read_bytes()
    (tables / "of=2026" / "3.jsonl").write_bytes(lines_of[:-5])
    assert shell("filter", tables, "-o", out, *FOR).code == 1
    before = parts(out)
    assert set(before) == PARTS - {"of=2026/3.jsonl"}
    (tables / "of=2026" / "3.jsonl").write_bytes(lines_of)
    assert counts(shell("filter", tables, "-o", out, *FOR, "--json")) == (8, 5, 2, 1, 0)
    assert {name: parts(out)[name] for name in before} == before


def test_a_table_without_the_key_is_named(world, shell, tables, tmp_path):
    pq.write_table(pa.table({"hash": [digest(0)]}), tables / "of=2025" / "5.parquet")
    done = shell("filter", tables, "-o", tmp_path / "out", *FOR)
    assert done.code == 2
    assert f"--key: no column 'sha256', or several; {tables}/of=2025/5.parquet has hash" in done.err


def test_a_folder_with_a_picture_is_one_of_pictures(world, shell, tables, tmp_path):
    (tables / "x.jpg").write_bytes(bytes_of(0))
    out = tmp_path / "out"
    assert shell("filter", tables, "-o", out, *FOR).code == 0
    assert list(files(out)) == ["x.jpg"]


def test_auditing_reads_the_keys_alone(world, shell, tmp_path):
    """A wide table, damaged where its other column is."""
    source = parquet(tmp_path / "in.parquet", [0, 1], wide=[os.urandom(10_000), os.urandom(10_000)])
    column = pq.ParquetFile(source).metadata.row_group(0).column(1)
    with source.open("r+b") as file:
        file.seek(column.dictionary_page_offset or column.data_page_offset)
        file.write(bytes(200))
    assert shell("audit", source, *FOR).code == 0
    assert shell("filter", source, "-o", tmp_path / "out", *FOR).code == 1


# Any kind


@pytest.mark.parametrize("head", [b"", b"hello", b"\x1f\x8b\x08", b"PK\x03\x04", b"[1]"])
def test_an_unknown_kind_is_told_what_is_read(world, shell, tmp_path, head):
    source = tmp_path / "in.bin"
    source.write_bytes(head)
    done = shell("filter", source, "-o", tmp_path / "out", *FOR)
    assert (done.code, "Parquet, CSV" in done.err) == (2, True)


def test_content_decides_before_the_name(world, shell, manifest, tmp_path):
    source = manifest([digest(0), digest(2)]).rename(tmp_path / "in.csv")
    assert shell("filter", source, "-o", tmp_path / "out", *FOR).code == 0
    assert pq.read_table(tmp_path / "out").num_rows == 1


@pytest.mark.parametrize("name", ["in.csv", "in.jsonl", "in.tar", "in"])
def test_a_missing_in_is_an_error(world, shell, tmp_path, name):
    assert shell("filter", tmp_path / name, "-o", tmp_path / "out", *FOR).code == 1


def _table(tmp_path, numbers):
    path = tmp_path / "in.csv"
    path.write_text("sha256\n" + "".join(f"{digest(number)}\n" for number in numbers))
    return path


def _lines(tmp_path, numbers):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(f'{{"sha256": "{digest(number)}"}}\n' for number in numbers))
    return path


def _pictures(tmp_path, numbers):
    return folder(tmp_path / "in", {f"{at}.jpg": bytes_of(number) for at, number in enumerate(numbers)})


def _shard(tmp_path, numbers):
    return shard(tmp_path / "in.tar", [(f"{at}.jpg", bytes_of(number)) for at, number in enumerate(numbers)])


def _shards(tmp_path, numbers):
    (tmp_path / "in").mkdir()
    for at, number in enumerate(numbers):
        shard(tmp_path / "in" / f"{at}.tar", [("x.jpg", bytes_of(number))])
    return tmp_path / "in"


def _tables(tmp_path, numbers):
    for at, number in enumerate(numbers):
        parquet(tmp_path / "in" / f"shard={at}" / "0.parquet", [number])
    return tmp_path / "in"


KINDS = [_table, _lines, _pictures, _shard, _shards, _tables]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("numbers", "code", "reasons"),
    [
        ([0, 1], 0, {}),
        ([0, 2, 3, 9], 3, {"remove": 1, "wait": 1}),
        ([0, 4, 4], 3, {"not_covered": 2}),
        ([0, 9], 4, {}),
    ],
)
def test_audit_counts_by_reason_and_writes_nothing(world, shell, tmp_path, kind, numbers, code, reasons):
    source = kind(tmp_path, numbers)
    before = sorted(path.name for path in tmp_path.iterdir())
    done = shell("audit", source, *FOR, "--json")
    assert (done.code, said(done)["rows"]) == (code, len(numbers)), done.err
    assert said(done)["reasons"] == {"not_covered": 0, "wait": 0, "remove": 0, **reasons}
    assert set(said(done)) == {*SIX, "reasons"}
    assert sorted(path.name for path in tmp_path.iterdir()) in (before, sorted([*before, "home"]))
    assert shell("audit", source, *FOR).code == code


@pytest.mark.parametrize("kind", KINDS)
def test_audit_of_strangers_is_not_ours(world, shell, tmp_path, kind):
    done = shell("audit", kind(tmp_path, [9, 8]), *FOR, "--json")
    assert (done.code, said(done)["unknown"], "your keys are not ours" in done.err) == (1, 2, True)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_keeps_nothing_in_doubt(sim, world, shell, tmp_path, kind):
    source, out = kind(tmp_path, [0, 1, 2]), tmp_path / "out"
    assert shell("sync").code == 0
    sim.go_stale(2 * 86_400)
    for extra, code in (((), 7), (("--purpose", "data_mining"), 5)):
        assert shell("filter", source, "-o", out, *FOR, *extra).code in (code, 7)
        assert not out.exists()
    sim.tell_the_truth()
    shell.env["CONSENTKIT_MAX_AGE"] = "1"
    time.sleep(2.1)
    assert shell("filter", source, "-o", out, *FOR, "--offline").code == 7
    assert not out.exists()
    assert not (tmp_path / "out.dropped.jsonl").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_how_far_it_is(world, shell, tmp_path, kind):
    env = shell.env
    registry = Registry(
        env["CONSENTKIT_URL"], env["CONSENTKIT_KEY"], log_key=env["CONSENTKIT_LOG_KEY"], home=shell.home
    )
    judge = Judge(registry.sync(), "ai_training", 86_400, time.time)
    seen = []
    filter_file(
        kind(tmp_path, [0, 1, 2]), tmp_path / "out", judge=judge, progress=lambda done, of: seen.append((done, of))
    )
    assert seen == sorted(seen)
    # Empty blocks end a tar file.
    assert seen[-1][0] == seen[-1][1] or kind is _shard
