"""A feed as plain files: the same doors, no key, and the same errors for every cause of doubt."""

import json
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest
import tenacity

from consentkit import Registry
from consentkit.cli.errors import exit_code
from consentkit.closes import PageList, open_pages, sign_pages
from consentkit.errors import BadProof, BadSignature, Inconsistent, Malformed, Stale, Unreachable
from consentkit.feedfile import FeedFile
from consentkit.notes import Signer
from consentkit.published import Logged
from consentkit.settings import Misuse
from consentkit.testing import Simulator, write_feed
from consentkit.testing import picture as digest

FOR = "ai_training"
DAY = 86_400
KEYS = [digest(0), digest(1)]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):  # noqa: A002 - http.server's name
        pass


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """Asks again without a pause."""
    monkeypatch.setattr(tenacity, "wait_random_exponential", lambda **_: tenacity.wait_none())


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "public"
    folder.mkdir()
    return folder


@pytest.fixture
def url(folder):
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def asked(sim, shell, folder, url):
    """Runs a command on the feed, without address and key."""
    sim.grant(KEYS)
    write_feed(sim, folder)
    shell.env |= {"CONSENTKIT_URL": "", "CONSENTKIT_KEY": ""}
    return lambda *words: shell(*words, "--feed", url)


def kept(asked, manifest, out):
    done = asked("filter", manifest(KEYS), "-o", out, "--purpose", FOR)
    return done.code, done.err


def test_filter_audit_rewrite_and_sync_need_no_key(sim, asked, manifest, folder, shell, tmp_path):
    source, out = manifest([*KEYS, digest(9)]), tmp_path / "out.parquet"
    assert asked("sync").out == f"Synced 2 images at log size 2, of collection {sim._collection}, for research.\n"
    assert asked("filter", source, "-o", out, "--purpose", FOR).code == 0
    sim.withdraw(next(iter(sim._acts[0].images)))
    write_feed(sim, folder)
    audited = asked("audit", source, "--purpose", FOR)
    assert (audited.code, audited.out.split(",")[0]) == (3, "3 rows: 1 kept")
    assert "1 of 1 parts rewritten" in asked("rewrite", out, "--purpose", FOR).out
    offline = asked("filter", source, "-o", out, "--purpose", FOR, "--offline")
    assert offline.out.startswith("3 rows: 1 kept")


def test_the_doctor_looks_at_a_feed(sim, asked, shell, folder):
    done = asked("doctor")
    assert (done.code, "BAD" in done.out) == (0, False)
    assert f"feed: of collection {sim._collection}, for research: ai_training, evaluation" in done.out
    assert "BAD  feed: this feed is for research" in asked("doctor", "--audience", "commercial").out
    sim.go_stale(2 * DAY)
    write_feed(sim, folder)
    assert "BAD  feed: the state is" in asked("doctor").out
    (folder / "feed.json").unlink()
    assert asked("doctor").code == 1
    shell.env["CONSENTKIT_LOG_KEY"] = ""
    assert "BAD  settings: CONSENTKIT_LOG_KEY is not set" in asked("doctor").out


def test_keys_and_feeds_have_states_of_their_own(sim, asked, shell, manifest, tmp_path):
    assert asked("sync").code == 0
    shell.env |= {"CONSENTKIT_URL": sim.url, "CONSENTKIT_KEY": sim.key}
    assert shell("filter", manifest(KEYS), "-o", tmp_path / "o.parquet", "--purpose", FOR, "--offline").code == 7


def test_the_rows_are_bound_to_the_notes_without_a_key_too(asked, shell, manifest, tmp_path):
    """Whoever can write states, and not read this machine's secret, cannot make one."""
    assert asked("sync").code == 0
    (shell.home / "signing.key").unlink()
    assert kept(asked, manifest, tmp_path / "out.parquet")[0] == 0  # another secret: another state
    assert len(list((shell.home / "states").iterdir())) == 2


def test_copies_are_not_asked_of_files(asked, manifest, tmp_path):
    done = asked("filter", manifest(KEYS), "-o", tmp_path / "o.parquet", "--purpose", FOR, "--copies", "--index", "x")
    assert (done.code, "nor go by a --feed" in done.err) == (2, True)


@pytest.mark.parametrize(
    "url", ["ftp://x", "nothing", "http://me:secret@127.0.0.1", "http://127.0.0.1/?a=b", "http://127.0.0.1/#c"]
)
def test_an_address_that_is_none(sim, shell, url):
    done = shell("sync", "--feed", url)
    assert (done.code, "the feed is not an address" in done.err) == (2, True)


def test_an_audience_that_is_none(shell):
    assert shell("sync", "--feed", "http://127.0.0.1:1", "--audience", "everybody").code == 2
    with pytest.raises(Misuse, match="no such audience"):
        Registry(feed="http://127.0.0.1:1", audience="everybody")


def test_a_key_is_for_one_audience_and_cannot_ask_for_another(shell, manifest, tmp_path):
    """Else a company that says what it is would be given what researchers may use."""
    out = tmp_path / "out.parquet"
    for option in (("--audience", "commercial"), ("--audience", "research"), ("--collection", str(uuid4()))):
        done = shell("filter", manifest(KEYS), "-o", out, "--purpose", FOR, *option)
        assert (done.code, out.exists()) == (2, False), done.err
    with pytest.raises(Misuse, match="are for a feed"):
        Registry(audience="research")


def test_the_collection_that_is_meant_may_be_named(sim, asked):
    assert asked("sync", "--collection", sim._collection).code == 0
    other = ("--collection", str(uuid4()))
    assert asked("sync", *other).code == exit_code(BadProof(""))


def test_a_named_collection_has_pins_of_its_own(sim, asked, shell, url):
    def registry(collection=None):
        return Registry(log_key=sim.log_key, home=shell.home, feed=url, collection=collection)

    size = registry().pin().size
    assert registry().pinned(size).size == size
    with pytest.raises(Stale, match="is not pinned"):
        registry(str(uuid4())).pinned(size)


def test_a_named_collection_counts_offline(sim, asked, manifest, tmp_path):
    assert asked("sync").code == 0
    words = ["filter", manifest(KEYS), "-o", tmp_path / "out.parquet", "--purpose", FOR, "--offline", "--collection"]
    assert asked(*words, str(uuid4())).code == exit_code(Stale(""))  # what was synced was of any
    assert asked(*words, sim._collection).code == exit_code(Stale(""))
    assert asked("sync", "--collection", sim._collection).code == 0
    assert asked(*words, sim._collection).code == 0


def test_syncing_an_old_feed_is_an_error_by_itself(sim, asked, folder):
    sim.go_stale(2 * DAY)
    write_feed(sim, folder)
    done = asked("sync")
    assert (done.code, "ask whoever runs it" in done.err) == (7, True)


def _rewritten(**changes):
    def spoil(_sim, folder):
        file = FeedFile.decode((folder / "feed.json").read_bytes())
        (folder / "feed.json").write_bytes(FeedFile(**{**vars(file), **changes}).encode())

    return spoil


def _told(lie):
    def spoil(sim, folder):
        lie(sim)
        write_feed(sim, folder)

    return spoil


def _each(below, change):
    def spoil(_sim, folder):
        for path in [path for path in (folder / below).rglob("*") if path.is_file()]:
            change(path)

    return spoil


def _flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _written_otherwise(path):
    """The same rows, which add up to the same: a sum says nothing against whoever chooses the rows."""
    path.write_text(json.dumps(json.loads(path.read_text()), indent=1))


def _resigned(signer, **changes):
    def spoil(sim, folder):
        file = FeedFile.decode((folder / "feed.json").read_bytes())
        of = open_pages(file.pages, sim.signer.verifier)
        _rewritten(pages=sign_pages(PageList(**{**vars(of), **changes}), signer(sim)))(sim, folder)

    return spoil


CAUSES = {
    "no feed.json": (Unreachable, lambda _, folder: (folder / "feed.json").unlink()),
    "a page of a host": (Malformed, lambda _, folder: (folder / "feed.json").write_text("<html>Not here</html>")),
    "half of it": (Malformed, lambda _, folder: (folder / "feed.json").write_bytes(b'{"checkpoint":"')),
    "no checkpoint": (Malformed, _rewritten(checkpoint="")),
    "no close": (Malformed, _rewritten(close="")),
    "no pages": (Malformed, _rewritten(pages="")),
    "pages that another key signed": (BadSignature, _resigned(lambda sim: Signer.generate(sim.signer.name))),
    "pages of another list": (BadProof, _resigned(lambda sim: sim.signer, list="00" * 32)),
    "pages of another close": (BadProof, _resigned(lambda sim: sim.signer, close="00" * 32)),
    "a page that is not there": (Unreachable, _resigned(lambda sim: sim.signer, pages=("00" * 32,))),
    "a page that adds up, but was not signed": (BadProof, _each("pages", _written_otherwise)),
    "another entry": (BadProof, _rewritten(logged=Logged(0, bytes(32)))),
    "a changed page": (BadProof, _each("pages", _flipped)),
    "a page gone": (Unreachable, _each("pages", lambda path: path.unlink())),
    "a changed part": (BadProof, _each("parts", _flipped)),
    "a cut part": (Unreachable, _each("parts", lambda path: path.write_bytes(path.read_bytes()[:-9]))),
    "a changed tile": (BadProof, _each("log/tile/0", _flipped)),
    "the log gone": (Unreachable, _each("log", lambda path: path.unlink())),
    "an old close": (Stale, _told(lambda sim: sim.go_stale(2 * DAY))),
    "a close to come": (Stale, _told(lambda sim: sim.go_stale(-DAY))),
    "a sum of other rows": (BadProof, _told(Simulator.lie_in_close)),
    "another list than the log's": (BadProof, _told(Simulator.show_another_list)),
    "swapped columns": (BadProof, _told(Simulator.swap_columns)),
}


@pytest.mark.parametrize(("error", "spoil"), CAUSES.values(), ids=list(CAUSES))
def test_no_cause_of_doubt_keeps_a_row(sim, asked, manifest, folder, tmp_path, error, spoil):
    sim.grant(digest(2), purposes=["evaluation"])  # else swapped terms would be alike, and no page be needed
    offered = sim.snapshot()
    sim.withdraw(next(iter(sim._acts[0].images)))
    sim._offered = ((sim.size, sim._offered[0][1]), offered)  # an older snapshot, so that a page is needed
    write_feed(sim, folder)
    assert list((folder / "pages").iterdir())
    spoil(sim, folder)
    out = tmp_path / "out.parquet"
    done = asked("filter", manifest(KEYS), "-o", out, "--purpose", FOR)
    assert (done.code, out.exists()) == (exit_code(error("")), False), done.err


def test_a_wrong_log_key(sim, asked, shell, manifest, tmp_path):
    shell.env["CONSENTKIT_LOG_KEY"] = str(Signer.generate(sim.signer.name).verifier)
    assert kept(asked, manifest, tmp_path / "out.parquet")[0] == exit_code(BadSignature(""))
    shell.env["CONSENTKIT_LOG_KEY"] = ""
    code, said = kept(asked, manifest, tmp_path / "out.parquet")
    assert (code, "CONSENTKIT_LOG_KEY is not set" in said) == (2, True)


@pytest.mark.parametrize(
    ("lie", "error"),
    [
        (lambda sim: sim.forget_last(2), Stale),  # or a cache that has an older copy
        (Simulator.fork, Inconsistent),
    ],
)
def test_another_history_than_before(sim, asked, manifest, folder, tmp_path, lie, error):
    sim.withdraw(next(iter(sim._acts[0].images)))
    write_feed(sim, folder)
    assert asked("sync").code == 0
    lie(sim)
    write_feed(sim, folder)
    assert kept(asked, manifest, tmp_path / "out.parquet")[0] == exit_code(error(""))
    assert not (tmp_path / "out.parquet").exists()


def test_the_state_is_too_old_offline(asked, manifest, monkeypatch, tmp_path):
    assert asked("sync").code == 0
    later = time.time() + 2 * DAY
    monkeypatch.setattr(time, "time", lambda: later)
    done = asked("filter", manifest(KEYS), "-o", tmp_path / "out.parquet", "--purpose", FOR, "--offline")
    assert done.code == 7
