"""`rewrite`: what is not permitted goes, in place; what needs no change is not touched, and no crash tears a part."""

import io
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from consentkit.testing import picture as digest

FOR = ("--purpose", "ai_training")


@pytest.fixture
def world(sim):
    """0 to 4 are permitted; 9 is nobody's."""
    return sim.grant([digest(number) for number in range(5)])


def csv(path, numbers):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("sha256,n\n" + "".join(f"{digest(number)},{at}\n" for at, number in enumerate(numbers)))
    return path


def add(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def standing(place):
    """Every file: its inode, its time and its bytes."""
    found = [path for path in sorted(place.rglob("*")) if path.is_file()]
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def listed(place):
    return [json.loads(line) for line in Path(f"{place}.dropped.jsonl").read_text().splitlines()]


@pytest.fixture
def data(tmp_path):
    """Four parts; 1 is in the second and the fourth."""
    place = tmp_path / "data"
    csv(place / "0.csv", [0, 2, 3])
    csv(place / "deep" / "1.csv", [0, 1, 2])
    pq.write_table(pa.table({"sha256": [digest(4)], "n": [4]}), place / "2.parquet")
    pq.write_table(pa.table({"sha256": [digest(1), digest(0)], "n": [5, 6]}), place / "3.parquet")
    return place


def test_what_is_no_part_is_told(world, shell, data, tmp_path):
    """It may hold the same rows. Markers of Spark, and hidden files, are nobody's data."""
    (data / "4.arrow").write_bytes(b"ARROW1")
    for name in ("_SUCCESS", ".0.csv.crc"):
        (data / name).write_bytes(b"")
    words = "consentkit: not looked at: one file that is no part, 4.arrow first\n"
    assert shell("audit", data, *FOR).err == words
    assert shell("filter", data, "-o", tmp_path / "out", *FOR).err == words
    (data / "deep" / "5.feather").write_bytes(b"ARROW1")
    assert shell("rewrite", data, *FOR).err == words.replace("one file that is no part", "2 files that are no parts")


def test_nothing_to_take_out_touches_nothing(world, shell, data):
    before = standing(data.parent)
    done = shell("rewrite", data, *FOR)
    assert (done.code, "9 rows: 9 kept" in done.out, "0 of 4 parts rewritten." in done.out) == (0, True, True), done
    assert {name: held for name, held in standing(data.parent).items() if name in before} == before
    assert not Path(f"{data}.dropped.jsonl").exists()


def test_only_the_parts_that_a_withdrawal_hits_are_written(sim, world, shell, data):
    (data / "3.parquet").chmod(0o640)
    before = standing(data)
    sim.withdraw(world[1])
    done = shell("rewrite", data, *FOR, "--json")
    said = json.loads(done.out.splitlines()[-1])
    assert (done.code, said["rows"], said["kept"], said["excluded"]) == (0, 9, 7, 2)
    assert (said["parts"], said["rewritten"]) == (4, 2)
    after = standing(data)
    assert {name for name in after if after[name] != before[name]} == {"1.csv", "3.parquet"}
    assert (data / "deep" / "1.csv").read_text() == f"sha256,n\n{digest(0)},0\n{digest(2)},2\n"
    assert pq.read_table(data / "3.parquet").to_pylist() == [{"sha256": digest(0), "n": 6}]
    assert (data / "3.parquet").stat().st_mode & 0o777 == 0o640
    assert [(each["position"], each["key"], each["reason"]) for each in listed(data)] == [
        ("3.parquet/0", digest(1), "remove"),
        ("deep/1.csv/3", digest(1), "remove"),
    ]


def test_shards_keep_their_other_samples_byte_for_byte(sim, shell, tmp_path):
    """Their keys are digests of pictures; by an index also those of the originals."""
    place, index, pictures = tmp_path / "shards", tmp_path / "index", [b"a", b"b", b"c", b"d"]
    originals = sim.grant([digest(number) for number in range(4)])
    place.mkdir()
    for name, numbers in (("0.tar", [0, 1]), ("1.tar", [2, 3])):
        with tarfile.open(place / name, "w") as tar:
            for number in numbers:
                add(tar, f"{number}.jpg", pictures[number])
                add(tar, f"{number}.json", json.dumps({"sha256": digest(number)}).encode())
    assert shell("rewrite", place, *FOR).code == 1  # the stored pictures are nobody's
    assert shell("index", place, "-o", index).code == 4  # these bytes show nothing
    before = standing(place)
    assert shell("rewrite", place, *FOR, "--index", index).code == 0
    assert standing(place) == before
    sim.withdraw(originals[2])
    done = shell("rewrite", place, *FOR, "--index", index)
    assert (done.code, "1 of 2 parts rewritten" in done.out) == (0, True), done.err
    assert standing(place)["0.tar"] == before["0.tar"]
    with tarfile.open(place / "1.tar") as tar:
        assert {member.name: tar.extractfile(member).read() for member in tar} == {
            "3.jpg": b"d",
            "3.json": json.dumps({"sha256": digest(3)}).encode(),
        }
    assert [(each["position"], each["reason"]) for each in listed(place)] == [("1.tar/2", "remove")]


def test_the_list_grows_by_each_run(sim, world, shell, data):
    for image in world[1:3]:
        sim.withdraw(image)
        assert shell("rewrite", data, *FOR).code == 0
    assert [each["key"] for each in listed(data)] == [digest(1)] * 2 + [digest(2)] * 2
    assert shell("rewrite", data, *FOR).code == 0
    assert len(listed(data)) == 4


def test_one_file_is_rewritten_by_itself(sim, world, shell, tmp_path):
    source = csv(tmp_path / "one.csv", [0, 1])
    sim.withdraw(world[1])
    assert shell("rewrite", source, *FOR).code == 0
    assert source.read_text() == f"sha256,n\n{digest(0)},0\n"
    assert [each["position"] for each in listed(source)] == [3]


def test_out_of_scope_stays_unless_it_is_excluded(sim, world, shell, tmp_path):
    source = tmp_path / "one.jsonl"
    rows = [(0, "ours"), (9, "ours"), (9, "web"), (1, "web"), (2, "web")]
    lines = [json.dumps({"sha256": digest(number), "source": whose}) + "\n" for number, whose in rows]
    source.write_text("".join(lines))
    sim.withdraw(world[1])
    assert shell("rewrite", source, *FOR, "--scope", "source=ours").code == 0
    assert source.read_text() == "".join(lines[at] for at in (0, 2, 4))


def test_strangers_and_doubt_touch_nothing(sim, world, shell, tmp_path, data):
    strangers = csv(tmp_path / "others" / "0.csv", [9, 8])
    before = standing(tmp_path / "others"), standing(data)
    done = shell("rewrite", strangers, *FOR)
    assert (done.code, "your keys are not ours" in done.err) == (1, True)
    sim.withdraw(world[1])
    sim.go_stale(2 * 86_400)
    assert shell("rewrite", data, *FOR).code == 7
    sim.tell_the_truth()
    (data / "9.csv").write_text("a,b\n")
    assert shell("rewrite", data, *FOR).code == 2
    (data / "9.csv").unlink()
    assert (standing(tmp_path / "others"), standing(data)) == before


def test_a_folder_of_pictures_is_refused(world, shell, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "0.jpg").write_bytes(b"0")
    done = shell("rewrite", tmp_path / "in", *FOR)
    assert (done.code, "is a folder of pictures, or has no table: filter it" in done.err) == (2, True)
    done = shell("rewrite", tmp_path / "nothing", *FOR)
    assert (done.code, "nothing cannot be read: it is not there" in done.err) == (1, True)


def test_killed_at_any_moment_every_part_is_old_or_new(sim, world, shell, tmp_path):
    place = tmp_path / "data"
    old = {csv(place / f"{at}.csv", [0, 1] * 2_000): 0 for at in range(30)}
    old = {path: path.read_bytes() for path in old}
    sim.withdraw(world[1])
    assert shell("audit", place, *FOR).code == 3
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[1] / "src"), **shell.env}
    slow = "import os, time; to_disk = os.fsync; os.fsync = lambda file: (time.sleep(0.02), to_disk(file));"
    command = [sys.executable, "-c", slow + "from consentkit.cli import main; main()", "rewrite", str(place), *FOR]
    dice, torn = random.Random(7), 0  # noqa: S311 - moments, not secrets

    def new() -> set[Path]:
        return {path for path, held in old.items() if path.read_bytes() != held}

    for _ in range(len(old)):
        run = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = len(new())
        while run.poll() is None and len(new()) == before:
            time.sleep(0.001)
        time.sleep(dice.random() * 0.2)
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert {path.read_text().count(digest(1)) for path in new()} <= {0}
        assert {path.read_text().count(digest(0)) for path in new()} <= {2_000}
        torn += 0 < len(new()) < len(old)
        if len(new()) == len(old):
            break
    assert torn
    assert shell("rewrite", place, *FOR).code == 0
    assert all(path.read_text().count("\n") == 2_001 for path in old)
    assert {(each["position"], each["key"]) for each in listed(place)} == {
        (f"{path.name}/{line}", digest(1)) for path in old for line in range(3, 4_003, 2)
    }
