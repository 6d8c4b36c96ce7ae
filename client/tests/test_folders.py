"""Folders that are more than their files: tables of other libraries, captions, lists, partitions, sidecars."""

import csv
import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from consentkit.indexing.units import units_of
from consentkit.settings import Misuse
from consentkit.sources.tables import require_plain
from consentkit.testing import picture as digest

FOR = ("--purpose", "ai_training")
JPEG = b"\xff\xd8\xff\xe0"


def sha256_of(data):
    return hashlib.sha256(data).hexdigest()


def jpeg(number):
    """Bytes that begin as a JPEG does."""
    return JPEG + b"%d" % number


@pytest.fixture
def world(sim):
    """Pictures 0 to 4 are permitted, 5 to 7 withdrawn; 9 is nobody's."""
    images = sim.grant([sha256_of(jpeg(number)) for number in range(8)])
    for image in images[5:]:
        sim.withdraw(image)
    return sim


def files(path):
    return {str(each.relative_to(path)): each.read_bytes() for each in path.rglob("*") if each.is_file()}


def folder(path, names):
    for name, data in names.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def shard(path, members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def names_of(path):
    with tarfile.open(path) as tar:
        return tar.getnames()


# Tables of other libraries

TABLES = {
    "Delta Lake": ["_delta_log/00000000000000000000.json"],
    "Apache Iceberg": ["metadata/v3.metadata.json"],
    "Apache Hudi": [".hoodie/hoodie.properties"],
    "Lance": ["_versions/1.manifest"],
    "Hugging Face datasets": ["state.json", "dataset_info.json", "data-00000-of-00001.arrow"],
    "Apache Paimon": ["snapshot/snapshot-1", "schema/schema-0"],
    "DuckLake": ["ducklake-0190.parquet"],
}


@pytest.fixture(params=TABLES)
def table(request, tmp_path):
    """A table of each format with a part, or with parts in folders of it."""
    place = folder(tmp_path / "lake" / "table", dict.fromkeys(TABLES[request.param], b"{}"))
    (place / "data" / "source=web").mkdir(parents=True)
    for part in ("part-0.parquet", "data/source=web/part-1.parquet"):
        pq.write_table(pa.table({"sha256": [sha256_of(jpeg(5))]}), place / part)
    return place, request.param


@pytest.mark.parametrize("within", ["", "data", "part-0.parquet", "data/source=web/part-1.parquet", ".."])
def test_a_table_is_refused_wherever_it_is_met(table, within):
    place, kind = table
    with pytest.raises(Misuse, match=f"is a table of {kind}"):
        require_plain(place / within)
    with pytest.raises(Misuse, match="is a table of"):
        units_of([place / within])


@pytest.mark.parametrize(
    "command", [("filter", "-o", "out"), ("audit",), ("rewrite",), ("index", "-o", "made")], ids=lambda each: each[0]
)
def test_no_command_touches_a_table(world, shell, table, tmp_path, command, monkeypatch):
    place, kind = table
    monkeypatch.chdir(tmp_path)
    before = files(place)
    name, *options = command
    done = shell(name, place, *options, *(FOR if name != "index" else ()))
    assert (done.code, f"is a table of {kind}" in done.err) == (2, True), done.err
    assert (files(place), (tmp_path / "out").exists()) == (before, False)


def test_a_link_into_a_table_is_followed_before_anything_is_written(table, tmp_path):
    place, _ = table
    (linked := tmp_path / "linked").mkdir()
    (linked / "0.parquet").symlink_to(place / "part-0.parquet")
    for path in (linked, linked / "0.parquet"):
        with pytest.raises(Misuse, match="is a table of"):
            require_plain(path)


def test_no_file_is_written_into_a_table(world, shell, table, tmp_path):
    place, _ = table
    pq.write_table(pa.table({"sha256": [sha256_of(jpeg(0))]}), tmp_path / "in.parquet")
    assert shell("filter", tmp_path / "in.parquet", "-o", place / "part-0.parquet", *FOR).code == 2


def test_what_only_looks_like_a_table_is_read(world, shell, tmp_path):
    source = folder(tmp_path / "in", {"metadata/notes.json": b"{}", "a.jpg": jpeg(0), "state.json": b"{}"})
    assert shell("filter", source, "-o", tmp_path / "out", *FOR).code == 0


def test_what_readers_keep_of_a_part_does_not_outlive_it(world, shell, tmp_path):
    """Spark compares a file with its checksum, and a summary says where each row of each part stands."""
    place = tmp_path / "data"
    place.mkdir()
    rows = pa.table({"sha256": [sha256_of(jpeg(0)), sha256_of(jpeg(5))]})
    for name in ("0.parquet", "_metadata"):
        pq.write_table(rows, place / name)
    (place / ".0.parquet.crc").write_bytes(b"crc")
    done = shell("rewrite", place, *FOR)
    assert (done.code, pq.read_metadata(place / "0.parquet").num_rows) == (2, 2)
    (place / "_metadata").unlink()
    assert shell("rewrite", place, *FOR).code == 0
    assert list(files(place)) == ["0.parquet"]


# Samples


LEAKS = ["jfif", "jpe", "orig", "jpg.bak", "bin", "mask.png", "PNG", "cls", "jpg.gz", "seg.tiff"]


def hidden(suffix, number):
    return gzip.compress(jpeg(number)) if suffix.endswith("gz") else jpeg(number)


@pytest.mark.parametrize("suffix", LEAKS)
def test_every_picture_of_a_sample_is_judged_whatever_its_name(world, shell, tmp_path, suffix):
    found = [
        member
        for at, number in enumerate((1, 5, 9))
        for member in ((f"{at}.jpg", jpeg(0)), (f"{at}.{suffix}", hidden(suffix, number)), (f"{at}.txt", b"BM words"))
    ]
    source, out = shard(tmp_path / "in.tar", found), tmp_path / "out.tar"
    done = shell("filter", source, "-o", out, *FOR, "--json")
    told = json.loads(done.out.splitlines()[-1])
    assert (told["rows"], told["kept"], told["excluded"], told["unknown"]) == (3, 1, 1, 1), done.err
    assert names_of(out) == ["0.jpg", f"0.{suffix}", "0.txt"]
    listed = [json.loads(line) for line in Path(f"{out}.dropped.jsonl").read_text().splitlines()]
    assert [(each["position"], each["key"]) for each in listed] == [
        ("1", sha256_of(jpeg(5))),
        ("2", sha256_of(jpeg(9))),
    ]


@pytest.mark.parametrize("suffix", LEAKS)
def test_the_digest_in_a_samples_json_vouches_for_one_picture_only(world, shell, tmp_path, suffix):
    """Its own bytes may be new ones; those that are excluded exclude, and a second picture needs its own permission."""
    vouched = json.dumps({"sha256": sha256_of(jpeg(0))}).encode()
    pictures = {"new": [9], "taken back": [5], "beside": [9, 1], "two": [0, 1], "two, one taken back": [0, 5]}
    found = [
        member
        for name, numbers in pictures.items()
        for member in (
            (f"{name}.json", vouched),
            *((f"{name}.{kind}", hidden(kind, at)) for kind, at in zip(("jpg", suffix), numbers, strict=False)),
        )
    ]
    source, out = shard(tmp_path / "in.tar", found), tmp_path / "out.tar"
    assert shell("filter", source, "-o", out, *FOR, "--key", "sha256").code == 0
    assert {name.partition(".")[0] for name in names_of(out)} == {"new", "two"}


def test_a_sample_of_several_pictures_is_taken_out_and_judged_again(world, shell, tmp_path):
    place = tmp_path / "in"
    shard(place / "0.tar", [("a.jpg", jpeg(0)), ("a.orig", jpeg(5)), ("b.jpg", jpeg(0)), ("b.orig", jpeg(1))])
    out = tmp_path / "out"
    assert shell("filter", place, "-o", out, *FOR).code == 0
    assert names_of(out / "0.tar") == ["b.jpg", "b.orig"]
    before = (out / "0.tar").stat().st_mtime_ns
    assert shell("filter", place, "-o", out, *FOR).code == 0
    assert (out / "0.tar").stat().st_mtime_ns == before
    world.grant([sha256_of(jpeg(1))])
    assert shell("rewrite", place, *FOR).code == 0
    assert names_of(place / "0.tar") == ["b.jpg", "b.orig"]


@pytest.mark.parametrize("tail", [b"x", bytes(10240) + b"x", "again"])
def test_a_shard_is_read_to_its_very_end_or_refused(world, shell, tmp_path, tail):
    source = shard(tmp_path / "in.tar", [("0.jpg", jpeg(0))])
    source.write_bytes(source.read_bytes() + (source.read_bytes() if tail == "again" else tail))
    for command in (("filter", source, "-o", tmp_path / "out.tar"), ("audit", source), ("rewrite", source)):
        done = shell(*command, *FOR)
        assert (done.code, "goes on behind the end" in done.err) == (1, True), done.err


# Side files


CAPTIONED = {
    "a.jpg": jpeg(0),
    "a.txt": b"words",
    "a.json": b"{}",
    "a.jpg.npz": b"PK\3\4",
    "b.jpg": jpeg(5),
    "b.txt": b"withdrawn words",
    "deep/c.jfif": jpeg(1),
    "deep/c.caption": b"words",
    "deep/d": jpeg(6),
    "deep/d.txt": b"withdrawn words",
    "a.mask.png": jpeg(7),
    "a.b.jpg": jpeg(5),
    "a.b.txt": b"withdrawn words",
    "two.jpg": jpeg(0),
    "two.png": jpeg(6),
    "two.txt": b"withdrawn words",
    "readme.md": b"#",
    "labels.csv": b"b,withdrawn",
}


def test_side_files_go_with_their_picture(world, shell, tmp_path):
    source, out = folder(tmp_path / "in", CAPTIONED), tmp_path / "out"
    done = shell("filter", source, "-o", out, *FOR, "--json")
    assert (done.code, json.loads(done.out)["rows"]) == (0, 8), done.err
    assert sorted(files(out)) == ["a.jpg", "a.jpg.npz", "a.json", "a.txt", "deep/c.caption", "deep/c.jfif", "two.jpg"]
    assert "not looked at: 2 files" in done.err
    assert json.loads(done.out)["not_looked_at"] == 1  # the labels
    assert shell("audit", out, *FOR).code == 0


ROWS = [{"file_name": f"{name}.jpg", "text": f"of {name}, a\n line"} for name in "abx"]


def _jsonl(path):
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))


def _csv(path):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["text", "file_name"])
        writer.writeheader()
        writer.writerows(ROWS)


def _parquet(path):
    pq.write_table(pa.Table.from_pylist(ROWS), path)


@pytest.mark.parametrize("write", [_jsonl, _csv, _parquet])
@pytest.mark.parametrize("within", ["", "train/"])
def test_a_list_of_pictures_keeps_the_rows_of_those_kept(world, shell, tmp_path, write, within):
    source = folder(tmp_path / "in", {f"{within}a.jpg": jpeg(0), f"{within}b.jpg": jpeg(5)})
    name = f"{within}metadata.{write.__name__[1:]}"
    write(source / name)
    out = tmp_path / "out"
    assert shell("filter", source, "-o", out, *FOR).code == 0
    assert sorted(files(out)) == [f"{within}a.jpg", name]
    data = (out / name).read_bytes() if write is not _parquet else repr(pq.read_table(out / name).to_pylist()).encode()
    assert (b"of a" in data, b"of b" in data, b"of x" in data) == (True, False, False)


@pytest.mark.parametrize("data", [b'{"text": "no name"}\n', b"{", b'{"file_name": 5}\n'])
def test_a_list_that_cannot_be_followed_is_refused(world, shell, tmp_path, data):
    source = folder(tmp_path / "in", {"a.jpg": jpeg(0), "b.jpg": jpeg(5), "metadata.jsonl": data})
    assert shell("filter", source, "-o", tmp_path / "out", *FOR).code == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("names", [{}, {"a.arrow": b"ARROW1"}, {"deep/a.tar": b"x"}, {"a.txt": b"words"}])
def test_where_nothing_is_looked_at_nothing_is_found_fine(world, shell, tmp_path, names):
    (source := tmp_path / "in").mkdir()
    folder(source, names)
    for command in (("audit", source), ("filter", source, "-o", tmp_path / "out"), ("rewrite", source)):
        assert shell(*command, *FOR).code == 2
    assert shell("index", source, "-o", tmp_path / "index").code == 1


def test_an_audit_that_passed_something_over_is_not_done(world, shell, tmp_path):
    source = folder(tmp_path / "in", {"a.csv": b"sha256\n" + sha256_of(jpeg(0)).encode() + b"\n", "README.md": b""})
    assert shell("audit", source, *FOR).code == 0
    (source / "b.arrow").write_bytes(b"ARROW1")
    done = shell("audit", source, *FOR, "--json")
    assert (done.code, json.loads(done.out)["not_looked_at"]) == (4, 1)


# Sidecars of shards


@pytest.fixture
def downloaded(tmp_path):
    """As img2dataset writes it: a shard, a table of its samples and what failed, and counts."""
    place = tmp_path / "data"
    for name, numbers in {"00000": (0, 5), "00001": (1, 2)}.items():
        rows = [{"key": f"{name}{at}", "url": f"u{number}"} for at, number in enumerate((*numbers, 9))]
        shard(place / f"{name}.tar", [(f"{name}{at}.jpg", jpeg(number)) for at, number in enumerate(numbers)])
        pq.write_table(pa.Table.from_pylist(rows), place / f"{name}.parquet")
        (place / f"{name}_stats.json").write_text("{}")
    return place


def urls(path):
    return pq.read_table(path).column("url").to_pylist()


@pytest.mark.parametrize("part", ["", "00000.tar"])
def test_a_row_goes_with_its_sample(world, shell, downloaded, part):
    assert shell("rewrite", downloaded / part, *FOR).code == 0
    assert names_of(downloaded / "00000.tar") == ["000000.jpg"]
    assert urls(downloaded / "00000.parquet") == ["u0"]
    assert urls(downloaded / "00001.parquet") == ["u1", "u2", "u9"]


def test_the_rows_of_the_samples_that_pass_are_written(world, shell, downloaded, tmp_path):
    out = tmp_path / "out"
    for _ in range(2):  # the second run leaves the shards as they stand
        assert shell("filter", downloaded, "-o", out, *FOR).code == 0
        assert (urls(out / "00000.parquet"), urls(out / "00001.parquet")) == (["u0"], ["u1", "u2"])


@pytest.mark.parametrize("name", ["00000.csv", "00000.parquet", "00000.idx"])
def test_a_sidecar_that_cannot_be_followed_is_no_silent_gap(world, shell, downloaded, name):
    (downloaded / name).unlink(missing_ok=True)
    (downloaded / name).write_bytes(b"0,u5")
    for part in ("", "00000.tar"):
        done = shell("rewrite", downloaded / part, *FOR)
        assert (done.code, name in done.err) == (4, True), done.err


# Tables


@pytest.mark.parametrize(("source", "kept"), [("registry", 1), ("web", 2), ("__HIVE_DEFAULT_PARTITION__", 1)])
def test_a_partition_folder_is_a_column(world, shell, tmp_path, source, kept):
    place = tmp_path / "in" / f"source={source}" / "year=2020"
    place.mkdir(parents=True)
    pq.write_table(pa.table({"sha256": [sha256_of(jpeg(number)) for number in (0, 5, 9)]}), place / "0.parquet")
    for given, out in ((tmp_path / "in", tmp_path / "out"), (place / "0.parquet", tmp_path / "out.parquet")):
        done = shell("filter", given, "-o", out, *FOR, "--scope", "source=registry", "--json")
        assert json.loads(done.out)["kept"] == kept, done.err
    assert (tmp_path / "out" / f"source={source}" / "year=2020" / "0.parquet").is_file()


def test_a_column_in_file_and_folder_is_refused(world, shell, tmp_path):
    place = tmp_path / "in" / "source=web"
    place.mkdir(parents=True)
    pq.write_table(pa.table({"sha256": [digest(0)], "source": ["registry"]}), place / "0.parquet")
    assert shell("audit", tmp_path / "in", *FOR, "--scope", "source=registry").code == 2


def test_pictures_in_a_table_are_hashed(world, shell, tmp_path):
    rows = [{"bytes": jpeg(number), "path": f"{number}.jpg"} for number in (0, 5, 9)] + [None, {"path": "x.jpg"}]
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    pq.write_table(pa.table({"image": pa.array(rows, kind), "n": range(5)}), tmp_path / "in.parquet")
    out = tmp_path / "out.parquet"
    done = shell("filter", tmp_path / "in.parquet", "-o", out, *FOR, "--key", "image", "--json")
    told = json.loads(done.out)
    assert (told["kept"], told["excluded"], told["unknown"]) == (1, 1, 3), done.err
    assert pq.read_table(out).column("n").to_pylist() == [0]
    assert shell("audit", tmp_path / "in.parquet", *FOR, "--key", "image").code == 3
