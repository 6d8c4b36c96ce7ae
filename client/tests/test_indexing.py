"""`index`, and `filter` with it, as their users run them: re-encoded pictures in real shards, and no silent doubt."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageOps

from consentkit import lookers, looking, matches
from consentkit.fingerprints import asking, golden, views
from consentkit.indexing import building, copies

FOR = ("--purpose", "ai_training")
SLOWLY = """
import time
from consentkit.cli import main
from consentkit.indexing import building
made = building.build_unit
building.fit = lambda: False
building.build_unit = lambda *given, **more: (time.sleep(0.05), made(*given, **more))
main()
"""
SIX = ("rows", "kept", "excluded", "unknown", "out_of_scope", "size")


@pytest.fixture(autouse=True)
def _cores(monkeypatch):
    """Each process that looks takes half a second to start."""
    monkeypatch.setattr(lookers, "_cores", lambda: 1)


@pytest.fixture
def blind(monkeypatch):
    """Without the extra `fingerprints`."""
    monkeypatch.setattr(building, "fit", lambda: False)


def original(seed):
    """What a contributor gave: its bytes."""
    return jpeg(Image.fromarray(golden.drawn(seed, 320, 320)), 95)


def jpeg(image, quality):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def reencoded(data, *, mirrored=False):
    """What a downloader stores of it."""
    image = Image.open(io.BytesIO(data)).resize((256, 256))
    return jpeg(ImageOps.mirror(image) if mirrored else image, 85)


def sha(data):
    return hashlib.sha256(data).hexdigest()


def shard(path, samples):
    """As img2dataset writes it: of each sample a picture and what is known of it."""
    with tarfile.open(path, "w") as tar:
        for name, members in samples.items():
            for kind, data in members.items():
                held = data if isinstance(data, bytes) else json.dumps(data).encode()
                info = tarfile.TarInfo(f"{name}.{kind}")
                info.size = len(held)
                tar.addfile(info, io.BytesIO(held))
    return path


def sample(data, **stored):
    """A picture that came as `data`, and is stored anew."""
    return {"jpg": reencoded(data, **stored), "json": {"key": "x", "status": "success", "sha256": sha(data)}}


def names(path):
    with tarfile.open(path) as tar:
        return sorted({Path(name).stem for name in tar.getnames()})


def said(outcome):
    return json.loads(outcome.out.splitlines()[-1])


def counts(outcome):
    return tuple(said(outcome)[name] for name in SIX[:5])


def dropped(out):
    return [json.loads(line) for line in out.with_name(out.name + ".dropped.jsonl").read_text().splitlines()]


@pytest.fixture
def granted(sim):
    """The images of originals 0 to 3, all permitted."""
    return sim.grant([sha(original(seed)) for seed in range(4)])


@pytest.fixture
def shards(tmp_path):
    """Two shards: originals 0 to 3 stored anew, a stranger, and one as it came."""
    folder = tmp_path / "shards"
    folder.mkdir()
    shard(folder / "0.tar", {"a": sample(original(0)), "b": sample(original(1)), "c": sample(original(9))})
    shard(folder / "1.tar", {"d": sample(original(2)), "e": {"jpg": original(3), "txt": b"as it came"}})
    return folder


# By either digest


def test_stored_anew_is_not_ours_until_it_is_indexed(sim, shell, shards, granted, blind, tmp_path):
    folder, out, index = shards / "0.tar", tmp_path / "out.tar", tmp_path / "index"
    refused = shell("filter", folder, "-o", out, *FOR)
    assert refused.code == 1
    assert "your keys are not ours" in refused.err
    assert "try consentkit index" in refused.err
    assert not out.exists()
    assert shell("index", shards, "-o", index).code == 0
    done = shell("filter", folder, "-o", out, *FOR, "--index", index, "--json")
    assert (done.code, counts(done)) == (0, (3, 2, 0, 1, 0))
    assert set(said(done)) == set(SIX)
    assert names(out) == ["a", "b"]


def test_what_is_taken_back_is_dropped_by_either_digest(sim, shell, shards, granted, blind, tmp_path):
    out, index = tmp_path / "out", tmp_path / "index"
    shell("index", shards, "-o", index)
    assert shell("filter", shards, "-o", out, *FOR, "--index", index).code == 0
    assert names(out / "0.tar") + names(out / "1.tar") == ["a", "b", "d", "e"]
    sim.withdraw(granted[0])
    (stored,) = sim.grant(sha(reencoded(original(2))))  # the stored bytes are somebody's, too
    sim.withdraw(stored, reason="wait")
    again = shell("filter", shards, "-o", out, *FOR, "--index", index, "--json")
    assert counts(again) == (5, 2, 2, 1, 0)
    assert names(out / "0.tar") + names(out / "1.tar") == ["b", "e"]
    assert [(each["position"], each["reason"]) for each in dropped(out)] == [
        ("0.tar/a", "remove"),
        ("0.tar/c", None),
        ("1.tar/d", "wait"),
    ]


def test_a_manifest_of_either_digest(sim, shell, shards, granted, blind, manifest, tmp_path):
    """Some lists have what was downloaded, some what is stored; the one in doubt is never kept."""
    (other,) = sim.grant(sha(reencoded(original(1))))
    sim.withdraw(other, reason="unknown")  # known, and in doubt
    index = tmp_path / "index"
    shell("index", shards, "-o", index)
    data = [original(0), reencoded(original(0)), original(1), reencoded(original(1)), original(9)]
    listed = manifest([sha(each) for each in data] + [sha(original(0)).upper(), None], source=["r"] * 6 + ["x"])
    audited = shell("audit", listed, *FOR, "--index", index, "--json")
    assert counts(audited) == (7, 2, 0, 5, 0)
    assert counts(shell("audit", listed, *FOR, "--scope", "source=r", "--index", index, "--json")) == (7, 3, 0, 4, 1)


def test_out_of_scope_an_original_taken_back_is_dropped(sim, shell, shards, granted, blind, manifest, tmp_path):
    index, out = tmp_path / "index", tmp_path / "out.parquet"
    shell("index", shards, "-o", index)
    sim.withdraw(granted[0])
    keys = [sha(reencoded(original(seed))) for seed in (0, 1, 9)]
    listed = manifest(keys, source=["x", "x", "x"])
    done = shell("filter", listed, "-o", out, *FOR, "--scope", "source=r", "--index", index, "--json")
    assert counts(done) == (3, 2, 1, 0, 2)
    assert pq.read_table(out)["sha256"].to_pylist() == keys[1:]


def test_strangers_are_not_ours_through_an_index_either(sim, shell, granted, blind, tmp_path):
    strangers, index = shard(tmp_path / "s.tar", {"a": sample(original(9))}), tmp_path / "index"
    shell("index", strangers, "-o", index)
    done = shell("filter", strangers, "-o", tmp_path / "out.tar", *FOR, "--index", index, "--json")
    assert (done.code, counts(done)) == (1, (1, 0, 0, 1, 0))
    assert "nor what the index has beside them" in done.err


def test_pictures_in_folders_with_their_json(sim, shell, granted, blind, tmp_path):
    folder, index = tmp_path / "faces", tmp_path / "index"
    for seed, place in enumerate(["one.jpg", "deep/two.jpg", "deep/er/three"]):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(reencoded(original(seed)))
        (folder / place).with_suffix(".json").write_text(json.dumps({"was": sha(original(seed)).upper()}))
    done = shell("index", folder, "-o", index, "--source-field", "was", "--json")
    assert (said(done)["shards"], said(done)["pictures"], said(done)["sources"]) == (3, 3, 3)
    kept = shell("filter", folder, "-o", tmp_path / "out", *FOR, "--index", index, "--json")
    assert counts(kept) == (3, 3, 0, 0, 0)
    assert (tmp_path / "out" / "deep" / "two.json").is_file()
    assert (tmp_path / "out" / "deep" / "er" / "three").read_bytes() == reencoded(original(2))


# Making it


def test_an_index_says_what_it_has(shell, shards, tmp_path):
    index = tmp_path / "index"
    done = shell("index", shards, "-o", index)
    assert (done.code, done.err) == (0, "")
    assert done.out == "5 pictures in 2 parts: 4 tell their original, 5 have fingerprints, 0 have a problem.\n"
    row = pq.read_table(index / "0.tar.parquet").to_pylist()[0]
    assert (row["position"], row["problem"]) == ("a", None)
    assert row["stored"].hex() == sha(reencoded(original(0)))
    assert row["source"].hex() == sha(original(0))
    file = tmp_path / "one.jpg"
    file.write_bytes(reencoded(original(0)))
    assert row["views"] == looking.bits(looking.look(file), looking.VIEWS)


def test_damaged_pictures_are_listed_and_the_run_goes_on(shell, tmp_path):
    cut = reencoded(original(1))[:2000]
    data = shard(
        tmp_path / "d.tar",
        {
            "cut": {"jpg": cut, "json": {"sha256": sha(original(1))}},
            "none": {"jpg": b"not a picture", "json": {"sha256": None}},
            "nojson": {"jpg": reencoded(original(2)), "json": b"{"},
            "nodigest": {"jpg": reencoded(original(3)), "json": {"sha256": "a" * 32}},
            "text": {"txt": b"no picture at all"},
            "fine": sample(original(0)),
        },
    )
    done = shell("index", data, "-o", tmp_path / "index", "--json")
    assert (done.code, "looked at 1 of 5 pictures" in done.err) == (4, True)
    assert {name: said(done)[name] for name in ("pictures", "sources", "views", "damaged")} == {
        "pictures": 5,
        "sources": 2,
        "views": 3,
        "damaged": 4,
    }
    listed = [json.loads(line) for line in (tmp_path / "index" / "damaged.jsonl").read_text().splitlines()]
    assert [(each["shard"], each["position"]) for each in listed] == [
        ("d.tar", name) for name in ("cut", "none", "nojson", "nodigest")
    ]
    for each, words in zip(
        listed,
        ("damaged", "no picture that is read here", "its JSON cannot be read", "'sha256' is no SHA-256"),
        strict=True,
    ):
        assert words in each["problem"]


def test_a_shard_that_cannot_be_read_is_told_and_the_others_are_indexed(shell, shards, blind, tmp_path):
    whole = (shards / "0.tar").read_bytes()
    (shards / "0.tar").write_bytes(whole[:-12_000])
    done = shell("index", shards, "-o", tmp_path / "index", "--json")
    assert (done.code, said(done)["shards"], said(done)["pictures"]) == (1, 1, 2)
    assert "0.tar" in done.err
    (shards / "0.tar").write_bytes(whole)
    assert said(shell("index", shards, "-o", tmp_path / "index", "--json"))["pictures"] == 5
    (shards / "0.tar").write_bytes(whole[:-12_000])
    assert said(shell("index", shards, "-o", tmp_path / "index", "--json"))["pictures"] == 2


def test_what_stands_is_left_and_what_was_changed_is_made_again(shell, shards, blind, tmp_path):
    index = tmp_path / "index"

    def made():
        assert shell("index", shards, "-o", index).code == 0
        return [(index / name).stat().st_mtime_ns for name in ("0.tar.parquet", "1.tar.parquet")]

    first = made()
    assert made() == first
    os.utime(shards / "1.tar", ns=(1, 1))
    second = made()
    assert (second[0] == first[0], second[1] == first[1]) == (True, False)
    assert shell("index", shards, "-o", index, "--source-field", "md5").code == 0
    assert pq.read_table(index / "0.tar.parquet")["source"].null_count == 3


def test_fingerprints_come_later_and_stay(shell, shards, tmp_path, monkeypatch):
    index = tmp_path / "index"
    with monkeypatch.context() as without:
        without.setattr(building, "fit", lambda: False)
        done = shell("index", shards, "-o", index)
        assert "0 have fingerprints" in done.out
        assert "pip install 'consentkit[fingerprints]'" in done.err
    assert "5 have fingerprints" in shell("index", shards, "-o", index).out
    with monkeypatch.context() as without:
        without.setattr(building, "fit", lambda: False)
        assert "5 have fingerprints" in shell("index", shards, "-o", index).out


def test_a_run_that_was_killed_goes_on(shell, shards, blind, tmp_path):
    """No part is half, there is no index before the end, and what was done is not done again."""
    for number in range(2, 12):
        shard(shards / f"{number:02}.tar", {"x": sample(original(number % 3))})
    index = tmp_path / "index"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    argv = [sys.executable, "-c", SLOWLY, "index", str(shards), "-o", str(index)]
    run = subprocess.Popen(argv, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(list(index.glob("*.parquet"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.002)
    run.send_signal(signal.SIGKILL)
    run.wait()
    parts = {part: part.stat().st_mtime_ns for part in index.glob("*.parquet")}
    assert 3 <= len(parts) < 12
    for part in parts:
        assert pq.read_table(part).num_rows
    assert "no finished index" in shell("audit", shards, *FOR, "--index", index, "--offline").err
    assert said(shell("index", shards, "-o", index, "--json"))["pictures"] == 15
    assert {part: part.stat().st_mtime_ns for part in parts} == parts
    assert not list(index.glob(".*.part"))


def test_a_shard_that_changes_meanwhile_is_no_part(shell, shards, blind, tmp_path, monkeypatch):
    of_shard = building.Unit.members

    def changing(self, **options):
        yield from of_shard(self, **options)
        os.utime(self.path)

    monkeypatch.setattr(building.Unit, "members", changing)
    done = shell("index", shards / "0.tar", "-o", tmp_path / "index")
    assert done.code == 1
    assert "was changed while it was read" in done.err
    assert not list((tmp_path / "index").glob("*.parquet"))


@pytest.mark.parametrize("place", ["full", "file", "nowhere/index", "shards", "shards/index"])
def test_an_index_has_a_place_of_its_own(shell, shards, blind, tmp_path, place):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "other.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    assert shell("index", shards, "-o", tmp_path / place).code == 2
    assert (tmp_path / "full" / "other.txt").read_text() == (tmp_path / "file").read_text() == "mine"


def test_two_shards_of_one_name(shell, shards, blind, tmp_path):
    (tmp_path / "more").mkdir()
    other = shard(tmp_path / "more" / "0.tar", {"a": sample(original(5))})
    done = shell("index", shards, other, "-o", tmp_path / "index")
    assert (done.code, "same name" in done.err) == (2, True)


# Attested


def test_what_was_filtered_by_an_index_is_attested_by_it(sim, shell, shards, granted, blind, tmp_path):
    """Else the registry would not hear of originals, and never tell when one is taken back."""
    out, index, other = tmp_path / "out", tmp_path / "index", tmp_path / "other"
    shell("index", shards, "-o", index)
    shell("index", shards / "0.tar", "-o", other)
    assert shell("filter", shards, "-o", out, *FOR, "--index", index).code == 0
    attest = ("attest", tmp_path / "out.manifest.json", "--model", "m", "--input", shards)
    for options in ((), ("--index", other)):
        refused = shell(*attest, *options)
        assert (refused.code, "was filtered by an index" in refused.err) == (2, True)
    assert shell(*attest, "--index", index).code == 0
    (kept,) = sim.manifests.values()
    assert kept.statement.keys.count == 4
    sim.withdraw(granted[0])
    told = shell("affected", tmp_path / "out.manifest.json", "--json")
    assert (told.code, sha(original(0)) in told.out) == (3, True)


# Copies


@pytest.fixture
def seen(sim, shell, granted, tmp_path):
    """A shard of which `b` is a mirrored copy of an image that was withdrawn: only by sight, by no digest."""
    portrait, (gone,) = tmp_path / "portrait.jpg", sim.grant(sha(original(7)))
    portrait.write_bytes(original(7))
    sim.show(gone, portrait)
    sim.withdraw(gone)
    copy = {"jpg": reencoded(original(7), mirrored=True), "json": {"sha256": sha(original(1))}}
    hidden = {"jpg": b"damaged", "json": {"sha256": sha(original(2))}}
    data = shard(tmp_path / "seen.tar", {"a": sample(original(0)), "b": copy, "c": hidden, "d": sample(original(9))})
    shell("index", data, "-o", tmp_path / "index")
    return data


def test_what_looks_like_a_protected_image_is_dropped(sim, shell, seen, tmp_path):
    index, out = tmp_path / "index", tmp_path / "out.tar"
    assert counts(shell("audit", seen, *FOR, "--index", index, "--json")) == (4, 3, 0, 1, 0)
    done = shell("filter", seen, "-o", out, *FOR, "--index", index, "--copies", "--json")
    assert (done.code, counts(done)) == (4, (4, 1, 1, 2, 0))  # not everything was looked at
    assert (said(done)["copies"], said(done)["unseen"]) == (1, 1)
    assert names(out) == ["a"]
    told = {each["position"]: each for each in dropped(out)}
    assert set(told) == {"b", "c", "d"}
    assert {name: told["b"][name] for name in ("decision", "reason", "copy")} == {
        "decision": "excluded",
        "reason": "remove",
        "copy": True,
    }
    assert (told["c"]["decision"], told["c"]["reason"]) == ("unknown", None)
    assert "copy" not in told["c"] | told["d"]
    words = shell("audit", seen, *FOR, "--index", index, "--copies")
    assert (words.code, "1 excluded (1 of them as copies)" in words.out) == (3, True)
    assert "1 could not be looked at" in words.out


def test_out_of_scope_copies_are_dropped_too(sim, shell, seen, manifest, tmp_path):
    keys = [sha(original(1)), sha(reencoded(original(9))), sha(b"damaged"), sha(b"never indexed")]
    listed = manifest(keys, source=["x"] * 4)
    scope = ("--scope", "source=r")
    done = shell("audit", listed, *FOR, *scope, "--index", tmp_path / "index", "--copies", "--json")
    assert counts(done) == (4, 3, 1, 0, 3)
    assert (said(done)["copies"], said(done)["unseen"]) == (1, 2)


def test_a_permitted_picture_that_nobody_has_looked_at_is_unknown(sim, shell, seen, manifest, tmp_path):
    listed = manifest([sha(original(3)), sha(original(0))])
    done = shell("audit", listed, *FOR, "--index", tmp_path / "index", "--copies", "--json")
    assert (counts(done), said(done)["unseen"]) == ((2, 1, 0, 1, 0), 1)


def test_only_what_would_pass_is_asked_about_and_by_numbers(sim, shell, seen, tmp_path, monkeypatch):
    bodies, answer = [], sim.matches
    monkeypatch.setattr(sim, "matches", lambda asked: (bodies.append(asked), answer(asked))[1])
    monkeypatch.setattr(copies, "PICTURES_AT_ONCE", 1)
    shell("audit", seen, *FOR, "--index", tmp_path / "index", "--copies")
    assert [[each["key"] for each in body["pictures"]] for body in bodies] == [["0"], ["1"]]
    assert not any(body["deposit"] for body in bodies)


def _no_answer(sim):
    sim.spoil_matches(lambda answer: answer["pictures"].pop())


def _breaks_off(sim):
    sim.spoil_matches(lambda _answer: (_ for _ in ()).throw(ConnectionError))


DOUBTS = [
    (1, lambda sim: sim.be_incomplete()),
    (6, _no_answer),
    (6, lambda sim: sim.spoil_matches(lambda answer: answer.update(purpose="evaluation"))),
    (6, lambda sim: sim.spoil_matches(lambda answer: answer.pop("complete"))),
    (5, _breaks_off),
]


def test_a_registry_in_doubt_about_copies_keeps_nothing(sim, shell, seen, tmp_path, monkeypatch):
    monkeypatch.setattr("consentkit.transport.ATTEMPTS", 1)
    out = tmp_path / "out.tar"
    for code, spoil in DOUBTS:
        sim.tell_the_truth()
        sim.copies.complete = True
        spoil(sim)
        assert shell("filter", seen, "-o", out, *FOR, "--index", tmp_path / "index", "--copies").code == code
        assert not out.exists()


def test_copies_need_what_they_are_asked_by(sim, shell, shards, seen, tmp_path, monkeypatch):
    index, blind = tmp_path / "index", tmp_path / "blind"
    monkeypatch.setattr(building, "fit", lambda: False)
    shell("index", shards, "-o", blind)
    for words, options in {
        "cannot be --offline": ("--copies", "--offline", "--index", index),
        "needs --index": ("--copies",),
        "has no fingerprints": ("--copies", "--index", blind),
        "no finished index": ("--copies", "--index", tmp_path),
    }.items():
        done = shell("filter", seen, "-o", tmp_path / "out.tar", *FOR, *options)
        assert (done.code, words in done.err) == (2, True), done.err


def test_the_numbers_are_those_of_the_views():
    assert copies.VIEWS_BYTES == views.ASKED * asking.VIEW_BYTES
    assert matches.PICTURES_AT_ONCE == copies.PICTURES_AT_ONCE
