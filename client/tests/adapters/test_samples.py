"""WebDataset samples with several pictures. Skipped where webdataset is not installed."""

import hashlib
import io
import tarfile
from importlib import import_module

import pytest

pytest.importorskip("webdataset", reason="webdataset is not installed here: make adapters runs this")

from consentkit.sources.batches import Scope, Unreadable
from consentkit.testing import Simulator

FOR = "ai_training"
JPEG = b"\xff\xd8\xff\xe0"


def digest(data):
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def stage(registry: tuple[Simulator, object]):
    sim, client = registry
    sim.grant([digest(JPEG + b"0"), digest(JPEG + b"1")])
    sim.withdraw(sim.grant(digest(JPEG + b"5"))[0])
    adapter = import_module("consentkit.adapters.webdataset")
    return lambda **options: adapter.allowed(client, purpose=FOR, **options)


def passing(stage, tmp_path, samples):
    """The names of the samples that come out of a shard of these."""
    webdataset = import_module("webdataset")
    with tarfile.open(tmp_path / "in.tar", "w") as tar:
        for name, members in samples.items():
            for kind, data in members.items():
                info = tarfile.TarInfo(f"{name}.{kind}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    found = webdataset.WebDataset(str(tmp_path / "in.tar"), shardshuffle=False, empty_check=False).compose(stage)
    return [sample["__key__"] for sample in found]


@pytest.mark.parametrize("suffix", ["jfif", "jpe", "orig", "jpg.bak", "bin", "mask.png", "cls"])
def test_every_picture_of_a_sample_is_judged_whatever_its_name(stage, tmp_path, suffix):
    samples = {f"s{number}": {"jpg": JPEG + b"0", suffix: JPEG + b"%d" % number, "txt": b"BM"} for number in (1, 5, 9)}
    assert passing(stage(), tmp_path, samples) == ["s1"]
    vouched = {"json": b'{"sha256": "%s"}' % digest(JPEG + b"0").encode()}
    assert passing(stage(key="sha256"), tmp_path, {name: vouched | each for name, each in samples.items()}) == ["s1"]


def test_out_of_scope_only_what_is_excluded_goes(stage, tmp_path):
    whose = {"json": b'{"source": "web"}'}
    samples = {f"s{number}": whose | {"jpg": JPEG + b"0", "orig": JPEG + b"%d" % number} for number in (5, 9)}
    assert passing(stage(scope=Scope("source", "registry")), tmp_path, samples) == ["s9"]


def test_what_was_decoded_before_is_refused(stage):
    for member in (object(), bytearray(JPEG)):
        with pytest.raises(Unreadable, match="before decode"):
            list(stage()([{"__key__": "0", "jpg": JPEG + b"0", "orig": member}]))
