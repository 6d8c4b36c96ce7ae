"""An index made by Spark is the one that is made on one machine. Skipped where pyspark is not installed."""

import hashlib
import io
import json
import tarfile

import pyarrow.parquet as pq
import pytest

pytest.importorskip("pyspark", reason="pyspark is not installed here: make adapters runs this")

from consentkit.indexing import spark as indexing
from consentkit.indexing.building import build
from consentkit.indexing.index import Index
from consentkit.settings import Misuse

pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")


def jpeg(number):
    image = pytest.importorskip("PIL.Image").new("RGB", (80, 80))
    image.putdata([(x * number % 256, y * 3, x * y % 256) for y in range(80) for x in range(80)])
    file = io.BytesIO()
    image.save(file, "JPEG")
    return file.getvalue()


def add(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


@pytest.fixture
def shards(tmp_path):
    folder = tmp_path / "shards"
    folder.mkdir()
    for number in range(5):
        with tarfile.open(folder / f"{number}.tar", "w") as tar:
            for each in range(3):
                add(tar, f"{each}.jpg", jpeg(number * 3 + each) if each else b"damaged")
                source = hashlib.sha256(b"%d %d" % (number, each)).hexdigest()
                add(tar, f"{each}.json", json.dumps({"sha256": source}).encode())
    return folder


def test_the_same_index_as_on_one_machine(spark, shards, tmp_path):
    (shards / "bad.tar").write_bytes((shards / "0.tar").read_bytes()[:2000])
    here, there = build([shards], tmp_path / "here"), indexing.index(spark, [shards], tmp_path / "there")
    assert (here.shards, here.pictures, here.sources) == (5, 15, 15)
    assert vars(here) == vars(there)
    assert len(there.unread) == 1
    for number in range(5):
        part = f"{number}.tar.parquet"
        assert pq.read_table(tmp_path / "here" / part).equals(pq.read_table(tmp_path / "there" / part))
    assert Index.open(tmp_path / "here").digest == Index.open(tmp_path / "there").digest


def test_what_stands_is_left(spark, shards, tmp_path):
    out = tmp_path / "out"
    build([shards], out)
    before = {part: part.stat().st_mtime_ns for part in out.glob("*.parquet")}
    (shards / "4.tar").write_bytes((shards / "3.tar").read_bytes())
    assert indexing.index(spark, [shards], out).pictures == 15
    after = {part: part.stat().st_mtime_ns for part in out.glob("*.parquet")}
    assert {part.name for part in after if after[part] != before[part]} == {"4.tar.parquet"}


def test_a_place_that_is_taken(spark, shards, tmp_path):
    with pytest.raises(Misuse):
        indexing.index(spark, [shards], shards)
