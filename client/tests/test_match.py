"""Altered copies, asked about over real sockets: what is found, what leaves the machine, and no silent doubt."""

import hashlib
import itertools
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from consentkit import Registry, lookers, matches
from consentkit import testing as kit
from consentkit.cli.copies import Outcome
from consentkit.errors import Malformed
from consentkit.fingerprints import golden, views
from consentkit.looking import VIEWS
from consentkit.matches import Found
from consentkit.notifications import OUTCOMES
from consentkit.pictures import Picture
from consentkit.settings import Misuse
from consentkit.transport import Transport

FOR = ("--purpose", "ai_training")
IMAGE = "00000000-0000-4000-8000-000000000001"


def drawn(seed: int) -> Image.Image:
    return Image.fromarray(golden.drawn(seed, 256, 256))


@pytest.fixture(autouse=True)
def _cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each process that looks takes half a second to start."""
    monkeypatch.setattr(lookers, "_cores", lambda: 1)


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """A folder with a portrait, a mirrored copy of it deeper down, and somebody else; and what is no picture."""
    folder = tmp_path / "faces"
    (folder / "deep" / "er").mkdir(parents=True)
    drawn(1).save(folder / "one.jpg", quality=90)
    ImageOps.mirror(drawn(1)).save(folder / "deep" / "er" / "copy.webp", quality=60)
    drawn(2).save(folder / "deep" / "other.of.no.suffix", "PNG")
    (folder / "labels.csv").write_text("one.jpg,1\n")
    return folder


@pytest.fixture
def gone(sim: kit.Simulator, faces: Path) -> str:
    """The image of one.jpg, withdrawn."""
    (image,) = sim.grant(kit.picture(1))
    sim.show(image, faces / "one.jpg")
    sim.withdraw(image)
    return str(image)


@pytest.fixture
def registry(sim: kit.Simulator, tmp_path: Path) -> Registry:
    return Registry(sim.url, sim.key, log_key=sim.log_key, home=tmp_path / "home")


@pytest.fixture
def sent(sim: kit.Simulator, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What arrived at the registry."""
    bodies: list[dict[str, Any]] = []
    answer = sim.matches
    monkeypatch.setattr(sim, "matches", lambda asked: (bodies.append(asked), answer(asked))[1])
    return bodies


def lines(out: str) -> dict[str, dict[str, Any]]:
    return {Path(line["input"]).name: line for line in map(json.loads, out.splitlines())}


def test_the_words_are_those_of_the_formats() -> None:
    assert (matches.VERSION, VIEWS) == (views.VERSION, views.ALGORITHM)
    assert tuple(Outcome) == OUTCOMES


# What is found


def test_a_folder_is_searched_for_altered_copies(sim, shell, faces, gone):
    done = shell("match", faces, *FOR, "--json")
    assert done.code == 3
    told = lines(done.out)
    assert set(told) == {"one.jpg", "copy.webp", "other.of.no.suffix"}
    assert told["one.jpg"] == {
        "input": str(faces / "one.jpg"),
        "decision": "excluded",
        "reason": "remove",
        "matches": [{"image": gone, "distance": 0, "alteration": "none"}],
        "size": 2,
    }
    assert told["copy.webp"]["decision"] == "excluded"
    assert told["copy.webp"]["matches"][0]["alteration"] == "mirrored"
    other = told["other.of.no.suffix"]
    assert (other["decision"], other["reason"], other["matches"]) == ("unknown", None, [])
    assert done.err == "consentkit: looked at 3 of 3 pictures\n"  # labels.csv is surely none


def test_words_say_what_to_do(sim, shell, faces, gone):
    done = shell("match", faces / "deep" / "er" / "copy.webp", faces / "deep" / "other.of.no.suffix", *FOR)
    first, second = done.out.splitlines()
    assert "excluded (remove: its permission was taken back" in first
    assert f"a copy of {gone} (mirrored, " in first
    assert second.endswith("unknown; nothing matched")


def test_nothing_matched(sim, shell, faces):
    assert shell("match", faces, *FOR, "--json").code == 0
    assert shell("match", faces / "deep" / "er" / "copy.webp", *FOR).code == 0


def test_an_open_case_says_wait_and_a_permitted_picture_nothing(sim, shell, faces):
    images = sim.grant([kit.picture(1), kit.picture(2)])
    for image in images:
        sim.show(image, faces / "one.jpg")
    assert shell("match", faces, *FOR).code == 0
    sim.withdraw(images[0], reason="wait")
    done = shell("match", faces / "one.jpg", *FOR, "--json")
    assert (done.code, json.loads(done.out)["reason"]) == (3, "wait")
    sim.withdraw(images[1])
    told = json.loads(shell("match", faces / "one.jpg", *FOR, "--json").out)
    assert (told["reason"], {each["image"] for each in told["matches"]}) == ("remove", set(map(str, images)))


def test_a_registry_that_could_not_look_at_everything(sim, shell, faces, gone):
    sim.be_incomplete()
    done = shell("match", faces / "deep" / "other.of.no.suffix", *FOR)
    assert done.code == 4
    assert "nothing matched so far: the registry compared 1 of 2 images; ask again later" in done.out
    told = json.loads(shell("match", faces / "deep" / "other.of.no.suffix", *FOR, "--json").out)
    assert (told["compared"], told["protected"]) == (1, 2)
    assert shell("match", faces, *FOR).code == 3


# Files as they are


@pytest.fixture
def damaged(faces: Path) -> Path:
    """Cut in the middle."""
    path = faces / "cut.png"
    data = (faces / "deep" / "other.of.no.suffix").read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


def test_a_damaged_picture_is_reported_and_the_run_goes_on(sim, shell, faces, damaged):
    done = shell("match", faces, *FOR, "--json")
    assert done.code == 4
    assert len(lines(done.out)) == 3
    assert f"consentkit: {damaged}: it cannot be read, or is damaged" in done.err
    assert "consentkit: looked at 3 of 4 pictures\nconsentkit: passed over 1: it cannot be read" in done.err


@pytest.mark.parametrize(
    ("name", "kind"), [("a.avif", "AVIF"), ("a.gif", "GIF"), ("a.tiff", "TIFF"), ("a.bmp", "BMP"), ("a.jpg", "AVIF")]
)
def test_a_copy_in_a_format_that_no_registry_takes_is_found(sim, shell, faces, gone, tmp_path, name, kind):
    drawn(1).convert("L" if kind == "GIF" else "RGB").save(tmp_path / name, kind)
    told = json.loads(shell("match", tmp_path / name, *FOR, "--json").out)
    assert (told["decision"], [each["image"] for each in told["matches"]]) == ("excluded", [gone])


def test_samples_that_would_be_clipped_are_not_looked_at(sim, shell, gone, tmp_path):
    Image.fromarray(np.asarray(drawn(1).convert("L"), np.float32) * 1000).save(tmp_path / "a.tiff")
    done = shell("match", tmp_path / "a.tiff", *FOR)
    assert (done.code, "samples of kind F are not read here" in done.err) == (4, True)


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.heic", b"\0\0\0\x18ftypheic" + bytes(100), "HEIC pictures are not read here"),
        ("no_suffix", b"\0\0\0\x18ftypmif1" + bytes(100), "HEIC pictures are not read here"),
        ("a.jxl", b"\xff\x0a" + bytes(100), "JPEG XL pictures are not read here"),
        ("a.zip", b"PK\3\4" + bytes(100), "it is no picture that is read here"),
        ("lfs.jpg", b"version https://git-lfs.github.com/spec/v1\n", "it is no picture that is read here"),
        (".hidden/a.jpg", b"", "it is no picture that is read here"),
    ],
)
def test_what_was_not_looked_at_is_counted_and_named(sim, shell, faces, name, data, why):
    (faces / name).parent.mkdir(exist_ok=True)
    (faces / name).write_bytes(data)
    done = shell("match", faces, *FOR)
    assert done.code == 4
    assert f"consentkit: looked at 3 of 4 pictures\nconsentkit: passed over 1: {why}" in done.err


def test_excluded_wins_over_what_was_passed_over(sim, shell, faces, damaged):
    sim.be_incomplete()
    assert shell("match", faces, *FOR).code == 4
    (image,) = sim.grant(kit.picture(1))
    sim.show(image, faces / "one.jpg")
    sim.withdraw(image)
    assert shell("match", faces, *FOR).code == 3


def test_a_file_that_was_named_must_be_a_picture(sim, shell, faces):
    os.mkfifo(faces / "pipe")
    named = [faces / name for name in ("labels.csv", "missing.jpg", "pipe")]
    done = shell("match", *named, *FOR)
    assert (done.code, done.out) == (4, "")
    assert done.err.splitlines()[:4] == [
        f"consentkit: {named[0]}: it is no picture that is read here",
        f"consentkit: {named[1]}: there is no such file",
        f"consentkit: {named[2]}: it is no file",
        "consentkit: looked at 0 of 3 pictures",
    ]


def test_other_things_in_a_folder(sim, shell, faces, tmp_path):
    """Links to pictures count; links to folders are not followed, and that is said."""
    shutil.move(faces / "deep", tmp_path / "elsewhere")
    (faces / "link.jpg").symlink_to(faces / "one.jpg")
    (faces / "linked").symlink_to(tmp_path / "elsewhere")
    (faces / "loop").symlink_to(faces)
    done = shell("match", faces, *FOR, "--json")
    assert done.code == 4
    assert set(lines(done.out)) == {"one.jpg", "link.jpg"}
    assert "looked at 2 of 4 pictures" in done.err


def test_a_flat_picture_has_no_views_and_is_asked_about_all_the_same(sim, shell, tmp_path, sent):
    Image.new("RGB", (100, 100), "grey").save(tmp_path / "wall.png")
    assert shell("match", tmp_path / "wall.png", *FOR).code == 0
    assert [each["views"] for each in sent[0]["pictures"]] == [""]


def test_a_picture_that_brings_its_reader_down_is_one_that_cannot_be_read(sim, registry, faces, gone, monkeypatch):
    breaking = "import consentkit.looking as l; o = l.look; import os, signal\n"
    breaking += (
        "l.look = lambda p, e: os.kill(os.getpid(), signal.SIGSEGV) if p.name == 'one.jpg' else o(p, e)\nl.main()"
    )
    start = subprocess.Popen
    monkeypatch.setattr(
        "consentkit.lookers.subprocess.Popen", lambda args, **more: start([args[0], "-c", breaking], **more)
    )
    found = {each.path.name: each for each in registry.match(faces, purpose="ai_training")}
    assert found["one.jpg"].problem == "the process that read it broke down"
    assert (found["one.jpg"].decision, found["one.jpg"].complete) == ("unknown", False)
    assert found["copy.webp"].decision == "excluded"
    assert found["other.of.no.suffix"].complete


# What leaves the machine


def test_keys_are_paths_inside_the_folder_and_nothing_else_is_sent(sim, shell, faces, sent):
    shell("match", faces, faces / "deep" / "er" / "copy.webp", *FOR)
    (body,) = sent
    assert set(body) == {"purpose", "version", "pictures", "deposit"}
    assert (body["version"], body["deposit"]) == (1, False)
    assert sorted(each["key"] for each in body["pictures"]) == [
        "copy.webp",
        "deep/er/copy.webp",
        "deep/other.of.no.suffix",
        "one.jpg",
    ]
    for each in body["pictures"]:
        assert set(each) == {"key", "views"}
        assert 0 < len(bytes.fromhex(each["views"])) <= 198


def test_long_names_and_names_that_are_no_text_are_hashed(sim, shell, tmp_path, sent):
    folder = tmp_path / ("f" * 150)
    (folder / ("g" * 150)).mkdir(parents=True)
    inside = "g" * 150 + "/" + "h" * 50
    drawn(1).save(folder / inside, "PNG")
    odd = (b"\xff.png", b"two\nlines.png", b"\xc2\x9b2J.png")
    for name in odd:
        shutil.copy(folder / inside, os.fsencode(folder) + b"/" + name)
    shutil.copy(folder / inside, folder / "größe 1.png")
    done = shell("match", folder, *FOR)
    assert (done.code, len(done.out.splitlines())) == (0, 5)
    keys = {each["key"] for each in sent[0]["pictures"]}
    assert keys == {"größe 1.png", *(hashlib.sha256(name).hexdigest() for name in (inside.encode(), *odd))}
    assert shell.process("match", folder, *FOR, "--json").code == 0


def test_many_pictures_go_in_portions(sim, registry, faces, sent, monkeypatch):
    monkeypatch.setattr(matches, "PICTURES_AT_ONCE", 4)
    monkeypatch.setattr(lookers, "AHEAD", 6)
    monkeypatch.setattr(lookers, "_cores", lambda: 3)
    for number in range(10):
        shutil.copy(faces / "one.jpg", faces / f"{number}.jpg")
    found = list(registry.match([faces], purpose="ai_training"))
    assert [len(body["pictures"]) for body in sent] == [4, 4, 4, 1]
    assert len({each.key for each in found}) == len(found) == 13


# Answers that are none


def _fewer(answer: dict[str, Any]) -> None:
    answer["pictures"].pop()


def _swapped(answer: dict[str, Any]) -> None:
    answer["pictures"].reverse()


def _swapped_keys(answer: dict[str, Any]) -> None:
    first, second, *_ = answer["pictures"]
    first["key"], second["key"] = second["key"], first["key"]


def _first(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda answer: answer["pictures"][0].update(changes)


def _all(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda answer: answer.update(changes)


def _match(**changes: Any) -> dict[str, Any]:
    return {"image": IMAGE, "distance": 3, "alteration": "none"} | changes


def _excluded(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return _first(decision="excluded", reason="remove", matches=[_match(**changes)])


SPOILS = [
    _fewer,
    _swapped,
    _swapped_keys,
    _first(decision="permitted"),
    _first(decision="maybe"),
    _first(decision=None),
    _first(reason="remove"),
    _first(matches=[_match()]),
    _first(matches=None),
    _first(decision="excluded", reason="remove", matches=[]),
    _first(decision="excluded", reason="not_covered", matches=[_match()]),
    _excluded(image="../../etc"),
    _excluded(image=None),
    _excluded(distance="3"),
    _excluded(distance=True),
    _excluded(distance=-1),
    _excluded(alteration="\x1b[2J"),
    _excluded(alteration=None),
    _all(size="2"),
    _all(size=None),
    _all(size=-1),
    _all(size=True),
    _all(complete=None),
    _all(complete="true"),
    _all(purpose="evaluation"),
    _all(pictures=None),
    lambda answer: answer["pictures"].append(answer["pictures"][0]),
    lambda answer: answer.clear(),
]


def ask(sim: kit.Simulator) -> list[matches.Match]:
    """About two pictures of which nothing can be seen."""
    pictures = [(Picture(Path(name), name, named=True), b"") for name in ("one", "two")]
    with Transport(sim.url, key=sim.key) as transport:
        return matches.ask(transport, pictures, purposes=("ai_training",), deposit=False)


@pytest.mark.parametrize("spoil", SPOILS)
def test_an_answer_that_is_none(sim, spoil):
    assert [each.decision for each in ask(sim)] == ["unknown", "unknown"]
    sim.spoil_matches(spoil)
    with pytest.raises(Malformed):
        ask(sim)


def test_an_answer_that_is_none_ends_the_command(sim, shell, faces, gone):
    sim.spoil_matches(_swapped_keys)
    done = shell("match", faces, *FOR, "--json")
    assert (done.code, done.out) == (6, "")
    assert len(done.err.splitlines()) == 1


def test_an_answer_with_more_words_is_still_one(sim, shell, faces, gone):
    sim.spoil_matches(lambda answer: answer.update(more=1) or answer["pictures"][0].update(more=1))
    assert shell("match", faces, *FOR).code == 3


def test_a_key_that_may_not_ask(sim, shell, faces):
    done = shell("match", faces, "--purpose", "data_mining")
    assert (done.code, done.out) == (5, "")
    shell.env["CONSENTKIT_KEY"] = "another"
    assert shell("match", faces, *FOR).code == 5
    shell.env["CONSENTKIT_KEY"] = ""
    assert shell("match", faces, *FOR).code == 5
    assert shell("match", faces, "--purpose", "fun").code == 2
    assert shell("match", *FOR).code == 2


# Deposits and notifications


def test_a_later_withdrawal_reaches_a_deposit(sim, shell, faces):
    (image,) = sim.grant(kit.picture(1))
    sim.show(image, faces / "one.jpg")
    assert shell("match", faces, *FOR).code == 0
    assert sim.copies.deposits == {}
    assert shell("match", faces, "--deposit", *FOR).code == 0
    assert sorted(sim.copies.deposits) == ["deep/er/copy.webp", "deep/other.of.no.suffix", "one.jpg"]
    assert shell("notifications", "--json").out == ""
    sim.withdraw(image)
    listed = [json.loads(line) for line in shell("notifications", "--json").out.splitlines()]
    assert {(each["key"], each["alteration"]) for each in listed} == {
        ("one.jpg", "none"),
        ("deep/er/copy.webp", "mirrored"),
    }
    assert list(listed[0]) == ["id", "at", "kind", "key", "image", "distance", "alteration", "outcome"]
    assert {(each["image"], each["kind"], each["outcome"]) for each in listed} == {(str(image), "copy", None)}
    assert "not answered yet" in shell("notifications").out

    mine = listed[0]["id"]
    assert shell("notifications", "answer", mine, "deleted").out == "Recorded: deleted.\n"
    assert shell("notifications", "answer", mine, "deleted").code == 0
    refused = shell("notifications", "answer", mine, "exempt")
    assert (refused.code, "answered before" in refused.err) == (5, True)
    assert [json.loads(line)["outcome"] for line in shell("notifications", "--json").out.splitlines()] == [
        "deleted",
        None,
    ]


@pytest.mark.parametrize("args", [("../x", "deleted"), (IMAGE, "lost"), (IMAGE,), (IMAGE.upper(), "deleted", "x")])
def test_an_answer_in_other_words(shell, args):
    assert shell("notifications", "answer", *args).code == 2


def test_an_answer_to_nothing(shell):
    assert shell("notifications", "answer", IMAGE, "deleted").code == 5


def test_more_than_a_page_of_notifications(sim, shell, registry, faces):
    (image,) = sim.grant(kit.picture(1))
    sim.show(image, faces / "one.jpg")
    for number in range(5):
        shutil.copy(faces / "one.jpg", faces / f"{number}.jpg")
    list(registry.match(faces, purpose="ai_training", deposit=True))
    sim.withdraw(image)
    found = list(registry.notifications())
    assert len({each.key for each in found}) == len(found) == 7
    registry.answer(found[0].id, outcome="retrained")
    assert [each.outcome for each in registry.notifications()] == ["retrained", *[None] * 6]


@pytest.mark.parametrize(
    "change", [{"kind": "manifest"}, {"id": "x/../y"}, {"outcome": "lost"}, {"at": "today"}, {"image": None}]
)
def test_notifications_that_are_none(sim, registry, change):
    told = {"id": IMAGE, "at": "2026-01-01T00:00:00Z", "kind": "copy", "key": "k", "outcome": None, **_match()}
    sim.copies.notifications.append(told)
    assert [each.key for each in registry.notifications()] == ["k"]
    told.update(change)
    with pytest.raises(Malformed):
        list(registry.notifications())


def test_a_list_of_notifications_that_never_ends(sim, registry, monkeypatch):
    told = {"id": IMAGE, "at": "2026-01-01T00:00:00Z", "kind": "copy", "key": "k", "outcome": None, **_match()}
    monkeypatch.setattr(sim.copies, "page", lambda after: {"notifications": [told], "next": after})
    with pytest.raises(Malformed, match="leads back"):
        list(itertools.islice(registry.notifications(), 9))


def test_two_deposits_under_one_key_are_refused(sim, registry, faces, tmp_path):
    other = tmp_path / "one.jpg"
    shutil.copy(faces / "one.jpg", other)
    for given in ([faces, other], [faces / "one.jpg", other], [faces, faces]):
        with pytest.raises(Misuse, match="give one folder"):
            list(registry.match(given, purpose="ai_training", deposit=True))
    assert sim.copies.deposits == {}


# In Python


def test_python_hears_the_same(sim, registry, faces, gone):
    found = {each.key: each for each in registry.match(str(faces), purpose="ai_training")}
    one = found["one.jpg"]
    assert (one.path, one.decision, one.reason, one.size, one.complete) == (
        faces / "one.jpg",
        "excluded",
        "remove",
        2,
        True,
    )
    assert one.matches == (Found(gone, 0, "none"),)
    assert found["deep/other.of.no.suffix"].decision == "unknown"


def test_who_stops_asking_leaves_no_process(sim, registry, faces):
    answers = registry.match([faces], purpose="ai_training")
    next(answers)
    answers.close()
    assert subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "consentkit.looking"], check=False).returncode == 1


# As its users run it


def test_match_needs_only_its_own_extra(sim, shell, faces, gone):
    without = "import sys; sys.modules['pyarrow'] = None; "
    assert shell.process("match", faces, *FOR, before=without).code == 3


@pytest.mark.parametrize("extra", ["imagehash", "numpy", "PIL"])
def test_a_missing_extra_is_said(sim, shell, faces, tmp_path, extra):
    """In the processes that look, which begin with what this folder holds."""
    (tmp_path / "sitecustomize.py").write_text(f"import sys; sys.modules[{extra!r}] = None")
    done = shell.process("match", faces, *FOR, before=f"import sys; sys.path.insert(0, {str(tmp_path)!r}); ")
    assert done.code == 1
    assert done.err == f"consentkit: this needs {extra}: pip install 'consentkit[fingerprints]'\n"


def test_libraries_that_make_other_fingerprints_are_noticed(sim, shell, faces, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("from consentkit.fingerprints import views; views._FLAT = 40.0")
    done = shell.process("match", faces, *FOR, before=f"import sys; sys.path.insert(0, {str(tmp_path)!r}); ")
    assert (done.code, done.out) == (1, "")
    assert "make other fingerprints than they must" in done.err
    assert not [each for each in sim.requests if "matches" in each]


def test_an_interrupted_run_ends_at_once_and_leaves_no_process(sim, shell, faces):
    for number in range(2_000):
        (faces / f"{number}.jpg").symlink_to(faces / "one.jpg")
    env = {**os.environ, **shell.env, "PYTHONPATH": str(Path(__file__).parents[1] / "src")}
    # a run in the background ignores the signal; at a terminal it does not
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    run = f"{heard}; from consentkit.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", run, "match", str(faces), *FOR],
        env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    began = time.monotonic()
    process.communicate(timeout=20)
    assert process.returncode != 0
    assert time.monotonic() - began < 10
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_progress_on_a_terminal_leaves_the_answers_alone(sim, shell, faces):
    ours, theirs = pty.openpty()
    env = {**os.environ, **shell.env, "PYTHONPATH": str(Path(__file__).parents[1] / "src"), "TERM": "xterm"}
    run = "from consentkit.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", run, "match", str(faces), *FOR, "--json"],
        env=env, stdout=subprocess.PIPE, stderr=theirs, timeout=60, check=False,
    )  # fmt: skip
    assert len(lines(done.stdout.decode())) == 3
    assert "files looked at" in os.read(ours, 65536).decode()
    os.close(ours)
    os.close(theirs)


# hash


def test_hash_says_the_views_that_match_sends(sim, shell, faces, sent):
    shell("match", faces / "one.jpg", *FOR)
    told = json.loads(shell("hash", faces / "one.jpg", "--json").out)
    assert list(told) == ["input", "sha256", "phash256", "views"]
    assert told["views"] == sent[0]["pictures"][0]["views"]
    assert len(bytes.fromhex(told["phash256"])) == 32
    assert shell("hash", faces / "one.jpg").out == f"{told['sha256']}  {told['phash256']}  {faces / 'one.jpg'}\n"


def test_hash_of_what_is_no_picture_or_a_damaged_one(shell, faces, damaged):
    done = shell("hash", faces / "labels.csv", "--json")
    assert (done.code, json.loads(done.out)["views"]) == (0, None)
    done = shell("hash", damaged, faces / "one.jpg", "--json")
    assert (done.code, len(done.err.splitlines())) == (1, 1)
    first, second = map(json.loads, done.out.splitlines())
    assert first["sha256"] == hashlib.sha256(damaged.read_bytes()).hexdigest()
    assert (first["phash256"], first["views"]) == (None, None)
    assert second["views"]


def test_a_picture_of_too_many_pixels_is_not_decoded(shell, tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5000)
    Image.fromarray(np.zeros((100, 70), np.uint8)).save(tmp_path / "large.png")
    done = shell("hash", tmp_path / "large.png")
    assert done.code == 1
    assert "more than 5,000 pixels" in done.err
