"""From `filter` by `attest` to `affected`: what is signed, what is refused, and what comes back."""

import hashlib
import io
import json
import os
import stat
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentkit import attesting, canonical, signing
from consentkit.errors import BadProof, BadSignature, Malformed
from consentkit.filtered import Filtered, Stamp
from consentkit.manifests import Counts, Keys, Made, Statement, open_statement, sign_statement
from consentkit.notes import Signer, parse_note
from consentkit.receipts import verify
from consentkit.registry import Registry
from consentkit.settings import Misuse
from consentkit.testing import picture as digest

FOR = ("--purpose", "ai_training")
SIGNER = Signer("pipeline-1", bytes(32))
ORIGIN = "registry.test/log"
DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)
WHOLE = st.integers(0, 2**53 - 1)
NAMES = st.text(st.characters(exclude_characters="/", exclude_categories=["C", "Z"]), min_size=1, max_size=200)
MADE = st.builds(Made, NAMES, WHOLE, WHOLE, DIGESTS)
COUNTS = st.builds(
    lambda kept, excluded, unknown: Counts(kept + excluded + unknown, kept, excluded, unknown, kept // 2),
    *[st.integers(0, 2**40)] * 3,
)
STATEMENTS = st.builds(
    Statement,
    name=st.just("") | NAMES,
    model=NAMES,
    purpose=st.sampled_from(["ai_training", "evaluation"]),
    size=WHOLE,
    key=st.none() | NAMES,
    scope=st.none() | NAMES,
    inputs=st.lists(MADE, min_size=1, max_size=3).map(tuple),
    outputs=st.lists(MADE, min_size=1, max_size=3).map(tuple),
    counts=COUNTS,
    reasons=st.fixed_dictionaries({"not_covered": WHOLE, "remove": WHOLE, "wait": WHOLE}),
    filtered_at=WHOLE,
    keys=st.builds(Keys, WHOLE, DIGESTS),
)
SOME = Statement(
    name="",
    model="face-1",
    purpose="ai_training",
    size=7,
    key=None,
    scope="source=registry",
    inputs=(Made("in.parquet", 1, 9, "aa" * 32),),
    outputs=(Made("out.parquet", 1, 5, "bb" * 32),),
    counts=Counts(4, 2, 1, 1, 0),
    reasons={"not_covered": 0, "remove": 1, "wait": 0},
    filtered_at=1_790_000_000,
    keys=Keys(2, "cc" * 32),
)


# The statement


@given(STATEMENTS)
def test_statements_round_trip(statement):
    found, verifier = open_statement(sign_statement(statement, SIGNER, origin=ORIGIN), origin=ORIGIN)
    assert (found, verifier) == (statement, SIGNER.verifier)


@given(st.text() | st.binary().map(lambda data: data.decode("latin-1")))
def test_junk_is_malformed(junk):
    with pytest.raises(Malformed):
        open_statement(junk, origin=ORIGIN)


def test_the_bytes_of_a_statement_are_pinned():
    note = sign_statement(SOME, SIGNER, origin=ORIGIN)
    assert parse_note(note).text == (
        'registry.test/log/manifest\n{"counts":{"excluded":1,"kept":2,"out_of_scope":0,"rows":4,"unknown":1},'
        '"filtered_at":1790000000,"inputs":[{"bytes":9,"files":1,"name":"in.parquet","sha256":"' + "aa" * 32 + '"}],'
        '"key":null,"keys":{"count":2,"sha256":"' + "cc" * 32 + '"},"model":"face-1","name":"","outputs":[{"bytes":5,'
        '"files":1,"name":"out.parquet","sha256":"' + "bb" * 32 + '"}],"purpose":"ai_training","reasons":'
        '{"not_covered":0,"remove":1,"wait":0},"scope":"source=registry","size":7,"v":1,"verifier":"'
        + str(SIGNER.verifier)
        + '"}\n'
    )


def test_no_byte_of_a_statement_can_change():
    note = sign_statement(SOME, SIGNER, origin=ORIGIN)
    for at in range(0, len(note), 7):
        other = "0" if note[at] != "0" else "1"
        with pytest.raises((Malformed, BadProof)):
            open_statement(note[:at] + other + note[at + 1 :], origin=ORIGIN)
    with pytest.raises(Malformed, match="no statement about the registry"):
        open_statement(note, origin="another.example/log")


def test_nobody_signs_in_another_name():
    note = sign_statement(SOME, SIGNER, origin=ORIGIN)
    text = parse_note(note).text
    forged = Signer("pipeline-1", bytes([1] * 32)).sign(text)
    with pytest.raises(BadSignature):
        open_statement(forged, origin=ORIGIN)


@given(st.builds(Stamp, NAMES, WHOLE, WHOLE, WHOLE), COUNTS)
def test_what_filter_leaves_round_trips(stamp, counts):
    reasons = {"not_covered": 1, "remove": 2, "wait": 3}
    said = Filtered(ORIGIN, ("ai_training",), 3, None, "a=b", None, stamp, stamp, counts, reasons, 4)
    assert Filtered.decode(said.encode()) == said
    for cut in (b"", said.encode()[:-3], b"{}", said.encode().replace(b'"v":3', b'"v":2')):
        with pytest.raises(Malformed):
            Filtered.decode(cut)


# The signing key


def test_the_key_is_made_once_and_for_us_alone(tmp_path):
    first = signing.signer(tmp_path / "home")
    path = tmp_path / "home" / "signing.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert signing.signer(tmp_path / "home") == first
    path.chmod(0o640)
    with pytest.raises(Misuse, match="chmod 600"):
        signing.signer(tmp_path / "home")
    path.chmod(0o600)
    path.write_text("PRIVATE+KEY+x")
    with pytest.raises(Misuse, match="remove it"):
        signing.signer(tmp_path / "home")
    assert [each.name for each in path.parent.iterdir()] == ["signing.key"]


# By the command line


def test_filter_leaves_word_of_what_it_did(sim, shell, manifest, tmp_path):
    sim.grant([digest(1), digest(2)])
    (gone,) = sim.grant(digest(3))
    sim.withdraw(gone)
    source = manifest([digest(n) for n in (1, 2, 3, 9)], source=["ours"] * 4)
    assert shell("filter", source, "-o", tmp_path / "out.parquet", *FOR, "--scope", "source=ours").code == 0
    said = Filtered.decode((tmp_path / "out.parquet.manifest.json").read_bytes())
    assert (said.log, said.purposes, said.size, said.key, said.scope) == (
        ORIGIN,
        ("ai_training",),
        4,
        None,
        "source=ours",
    )
    assert said.counts == Counts(4, 2, 1, 1, 0)
    assert said.reasons == {"not_covered": 0, "remove": 1, "wait": 0}
    assert (said.input.name, said.input.bytes) == ("in.parquet", source.stat().st_size)
    assert str(tmp_path) not in (tmp_path / "out.parquet.manifest.json").read_text()


def filtered_(sim, shell, manifest, tmp_path, *numbers):
    """The manifest that `filter` leaves, and the images of these pictures."""
    images = [sim.grant(digest(number))[0] for number in numbers]
    source = manifest([digest(number) for number in (*numbers, 99)])
    assert shell("filter", source, "-o", tmp_path / "out.parquet", *FOR).code == 0
    return tmp_path / "out.parquet.manifest.json", images


def test_attested_withdrawn_told_and_affected(sim, shell, manifest, tmp_path):
    said, images = filtered_(sim, shell, manifest, tmp_path, 1, 2)
    done = shell("attest", said, "--model", "face-1", "--name", "run 7", "--json")
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    assert (answer["index"], answer["proved"]) == (3, True)
    kept = canonical.decode((tmp_path / "out.parquet.attested.json").read_bytes().removesuffix(b"\n"))
    statement, verifier = open_statement(kept["statement"], origin=ORIGIN)
    assert verifier == signing.signer(shell.home).verifier
    assert (statement.model, statement.name, statement.keys.count) == ("face-1", "run 7", 2)
    for made, path in ((statement.inputs, "in.parquet"), (statement.outputs, "out.parquet")):
        (file,) = made
        assert file.sha256 == hashlib.sha256((tmp_path / path).read_bytes()).hexdigest()
    assert verify(kept["receipt"].encode(), sim.signer.verifier).index == 3
    again = shell("attest", said, "--model", "face-1", "--name", "run 7", "--json")
    assert json.loads(again.out)["manifest"] == answer["manifest"]
    assert sim.size == 4
    clean = shell("affected", said)
    assert (clean.code, clean.out) == (0, "Nothing is affected, at log size 4.\n")
    sim.withdraw(images[0])
    for given_ in (said, answer["manifest"], tmp_path / "out.parquet.attested.json"):
        found = shell("affected", given_, "--json")
        assert found.code == 3
        line, end = map(json.loads, found.out.splitlines())
        assert line == {"image": str(images[0]), "sha256": digest(1), "reason": "remove", "since": 4}
        assert end["counts"] == {"remove": 1, "wait": 0, "not_covered": 0, "unknown": 0}
    assert "delete it" in shell("affected", said).out
    (told,) = map(json.loads, shell("notifications", "--json").out.splitlines())
    assert (told["kind"], told["manifest"], told["count"]) == ("manifest", answer["manifest"], 1)
    assert told["images"] == [{"image": str(images[0]), "sha256": digest(1), "reason": "remove"}]
    assert "1 image may no longer be used" in shell("notifications").out
    assert shell("notifications", "answer", told["id"], "retrained").code == 0
    assert "retrained" in shell("notifications").out


def test_withdrawn_between_filter_and_attest_is_told_at_once(sim, shell, manifest, tmp_path):
    said, images = filtered_(sim, shell, manifest, tmp_path, 1, 2)
    sim.withdraw(images[1])
    assert shell("attest", said, "--model", "face-1").code == 0
    (told,) = map(json.loads, shell("notifications", "--json").out.splitlines())
    assert [each["image"] for each in told["images"]] == [str(images[1])]


def test_nothing_that_changed_is_attested(sim, shell, manifest, tmp_path):
    said, _ = filtered_(sim, shell, manifest, tmp_path, 1)
    out, source = tmp_path / "out.parquet", tmp_path / "in.parquet"
    for path in (out, source):
        before, times = path.read_bytes(), (path.stat().st_atime_ns, path.stat().st_mtime_ns)
        for changed in (before + b"x", b"x" + before[1:]):
            path.write_bytes(changed)
            done = shell("attest", said, "--model", "m")
            assert (done.code, "has changed since" in done.err) == (1, True)
        path.write_bytes(before)
        os.utime(path, ns=times)
    assert not sim.manifests
    assert shell("attest", said, "--model", "m").code == 0


def test_in_may_lie_elsewhere_and_must_be_named(sim, shell, manifest, tmp_path):
    said, _ = filtered_(sim, shell, manifest, tmp_path, 1)
    (tmp_path / "raw").mkdir()
    (tmp_path / "in.parquet").rename(tmp_path / "raw" / "in.parquet")
    done = shell("attest", said, "--model", "m")
    assert (done.code, "--input" in done.err) == (2, True)
    assert shell("attest", said, "--model", "m", "--input", tmp_path / "out.parquet").code == 2
    assert shell("attest", said, "--model", "m", "--input", tmp_path / "raw" / "in.parquet").code == 0


def test_what_cannot_be_attested_is_refused(sim, shell, manifest, tmp_path):
    said, _ = filtered_(sim, shell, manifest, tmp_path, 1)
    assert shell("attest", tmp_path / "out.parquet", "--model", "m").code == 2
    assert shell("attest", tmp_path / "no.manifest.json", "--model", "m").code == 1
    for words in (("--model", ""), ("--model", "a\nb"), ("--model", "m", "--name", "n" * 201)):
        assert shell("attest", said, *words).code == 2
    other = tmp_path / "other.parquet.manifest.json"
    other.write_bytes(said.read_bytes()[:-9])
    assert shell("attest", other, "--model", "m").code == 6
    said.write_bytes(said.read_bytes().replace(b"registry.test/log", b"registry.best/log"))
    done = shell("attest", said, "--model", "m")
    assert (done.code, "another registry" in done.err) == (2, True)
    assert not sim.manifests
    assert shell("affected", "x").code == 2
    assert shell("affected", said).code == 1
    assert shell("affected", "0" * 8 + "-0000-0000-0000-" + "0" * 12).code == 5


def test_no_registry_no_attestation(sim, shell, manifest, tmp_path):
    said, _ = filtered_(sim, shell, manifest, tmp_path, 1)
    for status in (500, 401):
        sim.answer(status)
        assert shell("attest", said, "--model", "m").code == 5
    sim.tell_the_truth()
    assert not (tmp_path / "out.parquet.attested.json").exists()


def test_a_receipt_for_something_else_is_no_proof(sim, shell, manifest, tmp_path, monkeypatch):
    said, _ = filtered_(sim, shell, manifest, tmp_path, 1)
    assert shell("attest", said, "--model", "first").code == 0
    (first,) = sim.manifests
    truly = sim.receipt
    monkeypatch.setattr(sim, "receipt", lambda _number: truly(first))
    assert shell("attest", said, "--model", "second").code == 6


def test_a_checkpoint_may_come_later(sim, shell, manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(attesting, "_RECEIPT_SECONDS", 0.1)
    said, _ = filtered_(sim, shell, manifest, tmp_path, 1)
    sim.publish_after = 60
    done = shell("attest", said, "--model", "m", "--json")
    assert (done.code, json.loads(done.out)["proved"]) == (0, False)


# Of every kind


def parquet(path, keys):
    pq.write_table(pa.table({"digest": [bytes.fromhex(key) for key in keys]}), path)
    return ("--key", "digest")


def csv(path, keys):
    path.write_text("sha256,n\n" + "".join(f"{key},{at}\n" for at, key in enumerate(keys)))
    return ()


def lines(path, keys):
    path.write_text("".join(json.dumps({"sha256": key}) + "\n" for key in keys))
    return ()


def shard(path, numbers):
    with tarfile.open(path, "w") as tar:
        for number in numbers:
            info = tarfile.TarInfo(f"{number}.jpg")
            info.size = len(str(number))
            tar.addfile(info, io.BytesIO(str(number).encode()))


@pytest.mark.parametrize(("name", "write"), [("in.parquet", parquet), ("in.csv", csv), ("in.jsonl", lines)])
def test_rows_of_every_kind(sim, shell, tmp_path, name, write):
    sim.grant([digest(n) for n in range(5)])
    options = write(tmp_path / name, [digest(n) for n in range(7)])
    assert shell("filter", tmp_path / name, "-o", tmp_path / f"out-{name}", *FOR, *options).code == 0
    done = shell("attest", tmp_path / f"out-{name}.manifest.json", "--model", "m")
    assert done.code == 0, done.err
    (held,) = sim.manifests.values()
    assert (held.statement.keys.count, len(held.images)) == (5, 5)


@pytest.mark.parametrize("kind", ["folder", "shard", "shards", "tables"])
def test_files_of_every_kind(sim, shell, tmp_path, kind):
    sim.grant([digest(n) for n in range(5)])
    source, out = tmp_path / "in", tmp_path / "out"
    if kind == "shard":
        source, out = tmp_path / "in.tar", tmp_path / "out.tar"
        shard(source, range(7))
    else:
        (source / "a").mkdir(parents=True)
    if kind == "folder":
        for n in range(7):
            (source / "a" / f"{n}.jpg").write_text(str(n))
    if kind == "shards":
        (source / "a").rmdir()
        shard(source / "0.tar", range(4))
        shard(source / "1.tar", range(4, 7))
    if kind == "tables":
        pq.write_table(pa.table({"sha256": [digest(n) for n in range(4)]}), source / "a" / "0.parquet")
        csv(source / "1.csv", [digest(n) for n in range(4, 7)])
    assert shell("filter", source, "-o", out, *FOR).code == 0
    done = shell("attest", f"{out}.manifest.json", "--model", "m")
    assert done.code == 0, done.err
    (held,) = sim.manifests.values()
    assert (held.statement.keys.count, len(held.images)) == (5, 5)
    if kind == "folder":
        listed = "".join(f"{digest(n)}  a/{n}.jpg\n" for n in range(7))
        assert held.statement.inputs[0].sha256 == hashlib.sha256(listed.encode()).hexdigest()
        (source / "a" / "more").write_text("more")
        assert shell("attest", f"{out}.manifest.json", "--model", "m").code == 1


# In Python


@pytest.fixture
def registry(sim, tmp_path):
    return Registry(sim.url, sim.key, log_key=sim.log_key, home=tmp_path / "home")


def test_in_python(sim, shell, manifest, tmp_path, registry):
    said, images = filtered_(sim, shell, manifest, tmp_path, *range(1, 31))
    sim.page_rows = 7
    done = registry.attest(said, model="face-1", name="run 7")
    assert done.receipt is not None
    assert registry.affected(done.manifest) == []
    for image in images[:15]:
        sim.withdraw(image)
    found = registry.affected(done.manifest)
    assert sorted(each.image for each in found) == sorted(map(str, images[:15]))
    assert {each.reason for each in found} == {"remove"}
    told = list(registry.notifications())
    assert [each.count for each in told] == [1] * 15
    registry.answer(told[0].id, outcome="excluded")


@pytest.mark.parametrize(
    "change",
    [
        {"counts": {}},
        {"size": -1},
        {"images": [{"image": "x", "sha256": "00" * 32, "reason": "remove", "since": 1}]},
        {"images": None},
        {"next": "0f8fad5b-d9cb-469f-a165-70867728950e"},
    ],
)
def test_what_is_no_answer_about_what_is_affected(sim, shell, manifest, tmp_path, registry, monkeypatch, change):
    said, (image,) = filtered_(sim, shell, manifest, tmp_path, 1)
    done = registry.attest(said, model="m")
    sim.withdraw(image)
    truly = sim.affected
    monkeypatch.setattr(sim, "affected", lambda number, *, after: {**truly(number, after=after), **change})
    with pytest.raises(Malformed):
        registry.affected(done.manifest)
