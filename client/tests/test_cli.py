"""The command line as it is run: exit codes, outputs, and that no doubt ever keeps a row."""

import json
import os
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from consentkit import __version__, canonical, merkle, scopes
from consentkit.checkpoints import Checkpoint, sign_checkpoint
from consentkit.cli.purposes import Audience, Purpose
from consentkit.entries import Kind, Leaf, commitment
from consentkit.notes import Signer
from consentkit.receipts import OpenedItem, Receipt
from consentkit.testing import Simulator
from consentkit.testing import picture as digest

DAY = 86_400
FOR = ("--purpose", "ai_training")


def summary(outcome):
    return json.loads(outcome.out.splitlines()[-1])


# check


def test_check_says_permitted(sim, shell):
    sim.grant(digest(1))
    done = shell("check", digest(1), *FOR, "--json")
    assert done.code == 0
    assert json.loads(done.out) == {
        "input": digest(1),
        "decision": "permitted",
        "reason": None,
        "matches": [],
        "size": 1,
    }


def test_check_takes_digests_ids_and_files_together(sim, shell, tmp_path):
    picture = tmp_path / "picture"
    picture.write_bytes(b"7")
    (_image,) = sim.grant(digest(7))
    (gone,) = sim.grant(digest(8))
    sim.withdraw(gone)
    done = shell("check", picture, gone, digest(9), *FOR, "--json")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [(line["input"], line["decision"], line["reason"]) for line in lines] == [
        (str(picture), "permitted", None),
        (str(gone), "excluded", "remove"),
        (digest(9), "unknown", None),
    ]
    assert done.code == 3


def test_check_of_unknown_only(sim, shell):
    sim.grant(digest(1))
    done = shell("check", digest(1), digest(2), *FOR)
    assert done.code == 4
    assert f"{digest(2)}: unknown" in done.out


def test_check_needs_no_log_key(sim, shell):
    sim.grant(digest(1))
    del shell.env["CONSENTKIT_LOG_KEY"]
    assert shell("check", digest(1), *FOR).code == 0


@pytest.mark.parametrize(
    "args",
    [
        ("check", "A" * 64, *FOR),
        ("check", digest(1)[:-1], *FOR),
        ("check", digest(1)),
        ("check", digest(1), "--purpose", "fun"),
        ("check", str(uuid.uuid4()), "--by", "sha256", *FOR),
        ("check", digest(1), "--by", "image", *FOR),
        ("filter", "in.parquet", *FOR),
        ("nothing",),
    ],
)
def test_usage(shell, args):
    assert shell(*args).code == 2


def test_a_lease_that_is_over_is_stale(sim, shell):
    sim.grant(digest(1))
    sim.go_stale(3600)
    assert shell("check", digest(1), *FOR).code == 7


def test_the_purposes_are_those_of_the_formats():
    assert tuple(Purpose) == scopes.PURPOSES
    assert tuple(Audience) == scopes.AUDIENCES


# sync and filter


def test_filter_keeps_what_is_permitted_and_nothing_else(sim, shell, manifest, tmp_path):
    images = sim.grant([digest(i) for i in range(5)])
    sim.withdraw(images[1])
    source = manifest([digest(0), digest(1), digest(9), None, "junk", digest(2).upper(), digest(3)], n=list(range(7)))
    out = tmp_path / "out.parquet"
    done = shell("filter", source, "-o", out, *FOR, "--json")
    assert done.code == 0
    counted = {"rows": 7, "kept": 2, "excluded": 1, "unknown": 4, "out_of_scope": 0, "size": 3}
    assert summary(done) == {**counted, "unreadable": 2}
    assert pq.read_table(out)["n"].to_pylist() == [0, 6]


def test_a_withdrawal_counts_at_the_next_filter(sim, shell, manifest, tmp_path):
    images = sim.grant([digest(0), digest(1)])
    source, out = manifest([digest(0), digest(1)]), tmp_path / "out.parquet"
    assert summary(shell("filter", source, "-o", out, *FOR, "--json"))["kept"] == 2
    sim.withdraw(images[0])
    assert summary(shell("filter", source, "-o", out, *FOR, "--json"))["kept"] == 1
    assert sum("GET /api/v1/snapshot/" in request for request in sim.requests) == 1


def test_other_rows_pass_by_scope_unless_excluded(sim, shell, manifest, tmp_path):
    images = sim.grant([digest(0), digest(1)])
    sim.withdraw(images[1])
    keys = [digest(0), digest(5), digest(5), digest(1), digest(1).upper(), None, digest(6)]
    source = manifest(keys, source=["registry", "registry", "web", "web", "web", "web", None])
    out = tmp_path / "out.parquet"
    done = shell("filter", source, "-o", out, *FOR, "--scope", "source=registry", "--json")
    assert summary(done) == {"rows": 7, "kept": 3, "excluded": 2, "unknown": 2, "out_of_scope": 2, "size": 3}
    assert pq.read_table(out)["sha256"].to_pylist() == [digest(0), digest(5), None]


def test_keys_that_are_not_ours(sim, shell, manifest, tmp_path):
    sim.grant(digest(0))
    out = tmp_path / "out.parquet"
    done = shell("filter", manifest([digest(5), digest(6)]), "-o", out, *FOR, "--json")
    assert done.code == 1
    assert summary(done)["kept"] == 0
    assert "your keys are not ours" in done.err
    assert not out.exists()


def test_keys_that_are_not_ours_keep_no_other_rows_either(sim, shell, manifest, tmp_path):
    sim.grant(digest(0))
    source = manifest([digest(5), digest(6)], source=["registry", "web"])
    out = tmp_path / "out.parquet"
    done = shell("filter", source, "-o", out, *FOR, "--scope", "source=registry", "--json")
    assert (done.code, out.exists()) == (1, False)
    assert summary(done) == {"rows": 2, "kept": 0, "excluded": 0, "unknown": 2, "out_of_scope": 0, "size": 2}


@pytest.mark.parametrize("keys", [[], [None, None]])
def test_an_empty_scope_is_no_error(sim, shell, manifest, tmp_path, keys):
    import pyarrow as pa

    sim.grant(digest(0))
    out = tmp_path / "out.parquet"
    assert shell("filter", manifest(pa.array(keys, pa.string())), "-o", out, *FOR).code == 0
    assert pq.read_table(out).num_rows == 0


def test_out_may_not_be_in(sim, shell, manifest, tmp_path):
    sim.grant(digest(0))
    source = manifest([digest(0)])
    link = tmp_path / "link.parquet"
    link.symlink_to(source)
    before = source.read_bytes()
    assert shell("filter", source, "-o", source, *FOR).code == 2
    assert shell("filter", source, "-o", link, *FOR).code == 2
    assert source.read_bytes() == before


@pytest.mark.parametrize("option", [("--key", "nothing"), ("--key", "n"), ("--scope", "nothing=1"), ("--scope", "n")])
def test_columns_that_are_not_there(sim, shell, manifest, tmp_path, option):
    sim.grant(digest(0))
    out = tmp_path / "out.parquet"
    assert shell("filter", manifest([digest(0)], n=[1]), "-o", out, *FOR, *option).code == 2
    assert not out.exists()


def test_an_input_that_is_no_parquet(sim, shell, tmp_path):
    sim.grant(digest(0))
    junk, out = tmp_path / "junk", tmp_path / "out.parquet"
    junk.write_bytes(b"PAR1 not at all PAR1")
    assert shell("filter", junk, "-o", out, *FOR).code == 1
    assert shell("filter", tmp_path / "missing", "-o", out, *FOR).code == 1
    assert not out.exists()


def test_a_purpose_outside_the_key(sim, shell, manifest, tmp_path):
    sim.grant(digest(0))
    out = tmp_path / "out.parquet"
    assert shell("filter", manifest([digest(0)]), "-o", out, "--purpose", "data_mining").code == 5
    assert shell("check", digest(0), "--purpose", "data_mining").code == 5
    assert not out.exists()


# Failing closed: none of these keeps a row


def _no_key(sim, shell):
    shell.env["CONSENTKIT_KEY"] = ""


def _wrong_key(sim, shell):
    shell.env["CONSENTKIT_KEY"] = "another"


def _closed_port(sim, shell):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        shell.env["CONSENTKIT_URL"] = f"http://127.0.0.1:{free.getsockname()[1]}"


def _no_log_key(sim, shell):
    shell.env["CONSENTKIT_LOG_KEY"] = ""


def _wrong_log_key(sim, shell):
    shell.env["CONSENTKIT_LOG_KEY"] = str(Signer.generate(sim.signer.name).verifier)


def _other_origin(sim, shell):
    shell.env["CONSENTKIT_LOG_KEY"] = str(Signer.generate("other.test/log").verifier)


def _max_age(sim, shell):
    shell.env["CONSENTKIT_MAX_AGE"] = "604801"


def _no_url(sim, shell):
    shell.env["CONSENTKIT_URL"] = ""


@pytest.mark.parametrize(
    ("code", "spoil"),
    [
        (5, _no_key),
        (5, _wrong_key),
        (5, _closed_port),
        (5, lambda sim, _shell: sim.answer(500)),
        (5, lambda sim, _shell: sim.answer(503)),
        (5, lambda sim, _shell: sim.answer(302)),
        (5, lambda sim, _shell: sim.cut_part()),
        (6, lambda sim, _shell: sim.corrupt_part()),
        (6, lambda sim, _shell: sim.swap_columns()),
        (6, lambda sim, _shell: sim.lie_in_close()),
        (7, lambda sim, _shell: sim.go_stale(8 * DAY)),
        (7, lambda sim, _shell: sim.go_stale(2 * DAY)),
        (7, lambda sim, _shell: sim.go_stale(-DAY)),
        (2, _no_log_key),
        (6, _wrong_log_key),
        (6, _other_origin),
        (2, _max_age),
        (2, _no_url),
    ],
)
def test_a_first_sync_in_doubt_keeps_nothing(sim, shell, manifest, tmp_path, code, spoil):
    sim.grant([digest(0)], until=int(time.time()) + DAY)
    sim.grant([digest(1)], purposes=["evaluation"])
    out = tmp_path / "out.parquet"
    spoil(sim, shell)
    for extra in ((), ("--scope", "sha256=web")):
        done = shell("filter", manifest([digest(0)]), "-o", out, *FOR, *extra)
        assert done.code == code, done.err
        assert len(done.err.strip().splitlines()) == 1
        assert not out.exists()
        assert list(tmp_path.glob(".*")) == []


def _spoil_rows(sim, shell):
    (rows,) = shell.home.glob("states/*/*.arrow")
    data = bytearray(rows.read_bytes())
    data[len(data) // 2] ^= 1
    rows.write_bytes(data)


def _cut_rows(sim, shell):
    (rows,) = shell.home.glob("states/*/*.arrow")
    rows.write_bytes(rows.read_bytes()[:-100])


def _empty_rows(sim, shell):
    (rows,) = shell.home.glob("states/*/*.arrow")
    rows.write_bytes(b"")


def _no_rows(sim, shell):
    (rows,) = shell.home.glob("states/*/*.arrow")
    rows.unlink()


def _cut_state(sim, shell):
    (state,) = shell.home.glob("states/*/state.json")
    state.write_bytes(state.read_bytes()[:-100])


def _empty_state(sim, shell):
    (state,) = shell.home.glob("states/*/state.json")
    state.write_bytes(b"")


def _other_close(sim, shell):
    (state,) = shell.home.glob("states/*/state.json")
    state.write_bytes(state.read_bytes().replace(b'\\"count\\":3', b'\\"count\\":4'))


@pytest.mark.parametrize("offline", [(), ("--offline",)])
@pytest.mark.parametrize(
    "spoil", [_spoil_rows, _cut_rows, _empty_rows, _no_rows, _cut_state, _empty_state, _other_close, _wrong_log_key]
)
def test_a_state_that_was_changed_keeps_nothing(sim, shell, manifest, tmp_path, spoil, offline):
    sim.grant([digest(i) for i in range(3)])
    out = tmp_path / "out.parquet"
    assert shell("sync").code == 0
    spoil(sim, shell)
    done = shell("filter", manifest([digest(0)]), "-o", out, *FOR, *offline)
    assert done.code == 6, done.err
    assert not out.exists()


def test_offline_uses_the_state_until_it_is_too_old(sim, shell, manifest, tmp_path):
    sim.grant([digest(0)])
    out = tmp_path / "out.parquet"
    assert shell("filter", manifest([digest(0)]), "-o", out, *FOR, "--offline").code == 7
    sim.go_stale(DAY // 2)
    assert shell("sync").code == 0
    sim.answer(500)
    assert shell("filter", manifest([digest(0)]), "-o", out, *FOR).code == 5
    assert not out.exists()
    shell.env["CONSENTKIT_MAX_AGE"] = "3600"
    assert shell("filter", manifest([digest(0)]), "-o", out, *FOR, "--offline").code == 7
    assert not out.exists()
    shell.env["CONSENTKIT_MAX_AGE"] = str(DAY)
    assert shell("filter", manifest([digest(0)]), "-o", out, *FOR, "--offline").code == 0


def _forks_and_grows(sim):
    sim.fork()
    sim.grant([digest(2)])


@pytest.mark.parametrize(
    ("code", "lie"),
    [
        (6, lambda sim: sim.forget_last(1)),
        (6, lambda sim: sim.fork()),
        (6, _forks_and_grows),
        (7, lambda sim: sim.go_stale(3 * DAY)),
        (6, lambda sim: sim.lie_in_close()),
    ],
)
def test_a_registry_that_begins_to_lie_keeps_nothing(sim, shell, manifest, tmp_path, code, lie):
    images = sim.grant([digest(0), digest(1)])
    sim.withdraw(images[0])
    out, source = tmp_path / "out.parquet", manifest([digest(0), digest(1)])
    assert shell("sync").code == 0
    lie(sim)
    done = shell("filter", source, "-o", out, *FOR)
    assert done.code == code, done.err
    assert not out.exists()
    # What was trusted stays trusted: the honest state is still there.
    honest = summary(shell("filter", source, "-o", out, *FOR, "--offline", "--json"))
    assert (honest["kept"], honest["excluded"], honest["size"]) == (1, 1, 3)


# As its users run it


def test_each_exit_code_of_the_real_command(sim, shell, manifest, tmp_path):
    images = sim.grant([digest(0), digest(1)])
    sim.withdraw(images[1])
    source, out = manifest([digest(0), digest(1)]), tmp_path / "out.parquet"
    receipt = tmp_path / "receipt"
    receipt.write_bytes(b"junk")
    assert shell.process("filter", source, "-o", out, *FOR, "--json").code == 0
    assert shell.process("filter", tmp_path / "missing", "-o", out, *FOR).code == 1
    assert shell.process("filter", source, *FOR).code == 2
    assert shell.process("check", digest(0), digest(1), digest(2), *FOR).code == 3
    assert shell.process("check", digest(0), digest(2), *FOR).code == 4
    sim.answer(500)
    assert shell.process("sync").code == 5
    assert shell.process("verify", receipt).code == 6
    shell.env["CONSENTKIT_MAX_AGE"] = "1"
    time.sleep(2)
    assert shell.process("filter", source, "-o", out, *FOR, "--offline").code == 7


def test_check_and_doctor_need_no_extra(sim, shell):
    sim.grant(digest(0))
    without = "import sys; sys.modules['numpy'] = sys.modules['pyarrow'] = None; "
    assert shell.process("check", digest(0), *FOR, before=without).code == 0
    assert shell.process("doctor", before=without).code == 0
    done = shell.process("sync", before=without)
    assert done.code == 1
    assert "pip install 'consentkit[filter]'" in done.err


def test_an_ended_filter_leaves_nothing(sim, shell, manifest, tmp_path):
    sim.grant(digest(0))
    end = "import os, signal; from consentkit import filtering; "
    end += "filtering.Judge.summary = lambda _: os.kill(os.getpid(), signal.SIGTERM); "
    done = shell.process("filter", manifest([digest(0)]), "-o", tmp_path / "out.parquet", *FOR, before=end)
    assert done.code == 128 + 15
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


# verify and hash


def _receipt(signer: Signer) -> bytes:
    salt, item = b"\1" * 32, {"image": "1", "purpose": "ai_training"}
    committed = commitment(salt, canonical.encode(item))
    leaf = Leaf(Kind.WITHDRAWN, 1_700_000_000, merkle.items_root([committed]))
    root = merkle.leaf_hash(leaf.encode())
    note = sign_checkpoint(Checkpoint(signer.name, 1, root), signer)
    return Receipt(0, leaf, (OpenedItem(0, salt, item, ()),), (), note).encode()


def test_verify_says_what_a_receipt_proves(shell, tmp_path):
    signer = Signer.generate("log.test/x")
    path = tmp_path / "receipt"
    path.write_bytes(_receipt(signer))
    # Settings of other commands do not matter here.
    shell.env |= {"CONSENTKIT_LOG_KEY": str(signer.verifier), "CONSENTKIT_MAX_AGE": "junk", "CONSENTKIT_URL": ""}
    done = shell("verify", path)
    assert done.code == 0
    assert "withdrawn" in done.out
    assert "2023-11-14T22:13:20Z" in done.out
    assert json.loads(shell("verify", path, "--json").out)["items"] == [{"image": "1", "purpose": "ai_training"}]


def test_verify_refuses_any_other(shell, tmp_path):
    signer = Signer.generate("log.test/x")
    path = tmp_path / "receipt"
    data = _receipt(signer)
    for wrong in (data[:-1], data.replace(b"index 0", b"index 1"), b"", b"\xff", b"junk\n"):
        path.write_bytes(wrong)
        assert shell("verify", path, "--log-key", signer.verifier).code == 6
    path.write_bytes(data)
    assert shell("verify", path).code == 6
    assert shell("verify", path, "--log-key", "junk").code == 2
    assert shell("verify", tmp_path / "missing").code == 1


def test_hash_is_that_of_the_file(shell, tmp_path):
    path = tmp_path / "picture"
    path.write_bytes(b"1")
    assert shell("hash", path).out.split()[0] == digest(1)
    done = shell("hash", tmp_path / "missing", path)
    assert done.code == 1
    assert done.out.split()[0] == digest(1)


# doctor, help


def test_doctor_finds_nothing_wrong(sim, shell):
    sim.grant(digest(0))
    done = shell("doctor")
    assert done.code == 0, done.out


@pytest.mark.parametrize("spoil", [_no_key, _wrong_key, _closed_port, _no_log_key, _wrong_log_key, _max_age, _no_url])
def test_doctor_says_what_is_wrong(sim, shell, spoil):
    spoil(sim, shell)
    done = shell("doctor")
    assert done.code == 1
    assert "BAD" in done.out


def test_the_key_is_read_from_a_file_that_only_its_owner_reads(sim, shell):
    sim.grant(digest(0))
    shell.home.mkdir()
    key = shell.home / "key"
    key.write_text(shell.env.pop("CONSENTKIT_KEY") + "\n")
    key.chmod(0o644)
    assert shell("check", digest(0), *FOR).code == 2
    key.chmod(0o600)
    assert shell("check", digest(0), *FOR).code == 0


def test_version_and_help(shell):
    assert shell("--version").out == f"consentkit {__version__}\n"
    assert shell("--help").code == 0


def test_help_needs_neither_arrow_nor_the_network():
    seen = subprocess.run(
        [sys.executable, "-c", "import sys; import consentkit.cli; print(*sys.modules)"],
        env={"PYTHONPATH": str(Path(__file__).parents[1] / "src"), "PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert {"pyarrow", "numpy", "httpx2", "cryptography"}.isdisjoint(seen)


def test_the_key_is_never_shown(sim, shell):
    sim.answer(500)
    done = shell("sync")
    assert done.code == 5
    assert sim.key not in done.out + done.err
    assert isinstance(sim, Simulator)
