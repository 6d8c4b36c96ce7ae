"""Syncing with a real registry that lies in one way at a time, and the state it leaves."""

import copy
import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import consentkit
from consentkit import syncing
from consentkit.entries import Kind
from consentkit.errors import BadProof, BadSignature, Inconsistent, Malformed, Stale, Unreachable
from consentkit.feeds import KeyedFeed
from consentkit.notes import Signer
from consentkit.registry import Registry
from consentkit.rows import Rows, changed
from consentkit.settings import Settings
from consentkit.snapshots import read_page
from consentkit.state import Damaged, Store
from consentkit.syncing import sync
from consentkit.testing import Simulator, simulator
from consentkit.testing import picture as digest
from consentkit.testing.history import Act, rows_at
from consentkit.testing.history import digest as digest_of
from consentkit.transport import Transport

FOR = "ai_training"


@pytest.fixture
def synced(sim, tmp_path):
    """Syncs with the simulator, each time from what is stored."""
    store = Store(tmp_path, feed=sim.url, secret=sim.key)

    def once(clock=time.time):
        with Transport(sim.url, key=sim.key) as transport:
            return sync(KeyedFeed(transport), store, sim.signer.verifier, clock=clock)

    once.store = store
    return once


def snapshots_taken(sim):
    return sim.requests.count("GET /api/v1/snapshot")


def test_snapshot_and_delta_give_what_a_snapshot_gives(sim, synced, tmp_path):
    images = sim.grant([digest(i) for i in range(50)])
    assert synced().size == 2
    for image in images[::3]:
        sim.withdraw(image)
    sim.grant([digest(i) for i in range(40, 60)])
    followed = synced()
    assert snapshots_taken(sim) == 1
    with Transport(sim.url, key=sim.key) as transport:
        fresh = sync(KeyedFeed(transport), Store(tmp_path / "other", feed=sim.url, secret=sim.key), sim.signer.verifier)
    for name in ("sha256", "image", "until", "reason"):
        assert (getattr(followed.rows, name) == getattr(fresh.rows, name)).all()
    assert followed.rows.digest() == int(fresh.close.digest, 16)


def test_a_home_that_is_named_like_a_partition(sim, tmp_path):
    sim.grant(digest(0))
    assert Registry(sim.url, sim.key, log_key=sim.log_key, home=tmp_path / "run=5").sync().size == 2


def test_an_empty_registry_is_synced(sim, synced):
    assert len(synced().rows) == 0
    assert len(synced.store.load(sim.signer.verifier).rows) == 0
    sim.grant(digest(1))
    assert len(synced().rows) == 1


def test_changes_come_in_pages(tmp_path):
    with Simulator(page_rows=3) as sim:
        registry = Registry(sim.url, sim.key, log_key=sim.log_key, home=tmp_path)
        registry.sync()
        sim.grant([digest(i) for i in range(10)])
        assert len(registry.sync().rows) == 10
        assert sum("deltas" in request for request in sim.requests) == 1 + 4


def test_a_delta_that_lacks_a_row_falls_back_to_a_snapshot(sim, synced):
    images = sim.grant([digest(0), digest(1)])
    synced()
    sim.withdraw(images[0])
    sim.drop_row_from_delta()
    state = synced()
    assert snapshots_taken(sim) == 2
    assert state.rows.digest() == int(state.close.digest, 16)


def test_a_log_of_many_tiles_is_followed(sim, synced):
    for number in range(3):
        sim.grant(digest(number))
    synced()
    for number in range(300):
        sim.grant(digest(number))
    assert synced().size == 304


@pytest.mark.parametrize(
    ("error", "lie"),
    [
        (BadProof, Simulator.corrupt_part),
        (BadProof, Simulator.swap_columns),
        (BadProof, Simulator.lie_in_close),
        (BadProof, Simulator.show_another_list),
        (Unreachable, Simulator.cut_part),
        (Unreachable, lambda sim: sim.answer(500)),
        (Unreachable, lambda sim: sim.answer(403)),
        (Stale, lambda sim: sim.go_stale(604_800)),
        (Stale, lambda sim: sim.go_stale(-120)),
    ],
)
def test_a_first_sync_with_a_liar_stores_nothing(sim, synced, error, lie):
    sim.grant([digest(0)])
    sim.grant([digest(1)], purposes=["evaluation"])
    lie(sim)
    with pytest.raises(error):
        synced()
    assert synced.store.load(sim.signer.verifier) is None
    sim.tell_the_truth()
    assert synced().size == sim.size


@pytest.mark.parametrize(
    ("error", "spoil"),
    [
        (Malformed, lambda answer: answer.pop("logged")),
        (Malformed, lambda answer: answer["logged"].pop("salt")),
        (Malformed, lambda answer: answer["logged"].update(salt="00")),
        (BadProof, lambda answer: answer["logged"].update(salt="0" * 64)),
        (BadProof, lambda answer: answer["logged"].update(index=answer["size"] - 1)),
        (BadProof, lambda answer: answer["logged"].update(index=answer["size"] + 1)),
        (BadProof, lambda answer: answer["logged"].update(index=10**12)),
    ],
)
def test_a_snapshot_that_the_log_does_not_hold_is_refused(sim, synced, error, spoil):
    sim.grant([digest(0)])
    answer = sim.snapshot()
    honest = copy.deepcopy(answer)
    spoil(answer)
    with pytest.raises(error):
        synced()
    assert synced.store.load(sim.signer.verifier) is None
    answer |= honest
    assert synced().size == 2


def test_another_kind_of_entry_is_no_snapshot(sim, synced, monkeypatch):
    """Its item says all the right words, under a kind that says another thing."""
    monkeypatch.setattr(simulator, "PUBLISHED", Kind.NOTICE_PUBLISHED)
    sim.grant([digest(0)])
    answer = sim.snapshot()
    monkeypatch.undo()
    assert answer is sim.snapshot()
    with pytest.raises(BadProof, match="another snapshot"):
        synced()


def test_a_leaf_that_the_checkpoint_does_not_cover_is_refused(sim, synced, monkeypatch):
    """Entries and tiles are made up for this client alone, and fit its list; only the signed root does not."""
    sim.grant([digest(0)])
    granted, offered = list(sim._acts), sim.snapshot()
    with monkeypatch.context() as others:
        others.setattr(sim, "_acts", [*granted, Act(Kind.NOTICE_PUBLISHED, 0, {})])
        shown_to_others = sim.checkpoint()
    with monkeypatch.context() as mine:
        mine.setattr(sim, "checkpoint", lambda: shown_to_others)
        mine.setattr(sim, "snapshot", lambda: offered)
        with pytest.raises(BadProof):
            synced()
    assert synced.store.load(sim.signer.verifier) is None
    assert synced().size == 2


def test_an_entry_before_the_size_that_it_pins_is_refused(sim, synced, monkeypatch):
    """Its snapshot would be of entries that did not exist yet."""
    sim.grant([digest(0)])
    size = sim.size
    with monkeypatch.context() as early:
        early.setattr(Simulator, "size", property(lambda sim: len(sim._acts) + (len(sim._acts) == size)))
        answer = sim.snapshot()
    answer["logged"]["index"] = size
    assert answer["size"] == size + 1
    monkeypatch.setattr(sim, "snapshot", lambda: answer)
    with pytest.raises(BadProof, match="not in the log under"):
        synced()


@pytest.mark.parametrize(("before", "behind"), [(1, 1), (254, 0), (255, 1), (256, 0), (254, 3), (3, 600)])
def test_the_entry_is_found_wherever_it_is(sim, synced, monkeypatch, before, behind):
    """In the last bundle, which is not full, and in one before it."""
    for number in range(before):
        sim.grant([digest(number)])
    offered = sim.snapshot()
    monkeypatch.setattr(sim, "snapshot", lambda: offered)
    for number in range(behind):
        sim.grant([digest(before + number)])
    assert (len(synced().rows), synced().size) == (before + behind, before + 1 + behind)


@pytest.mark.parametrize(
    ("error", "lie"),
    [
        (Inconsistent, lambda sim: sim.forget_last(1)),
        (Inconsistent, lambda sim: sim.fork()),
        (BadProof, lambda sim: sim.lie_in_close()),
        (Stale, lambda sim: sim.go_stale(3_600)),
    ],
)
def test_a_liar_does_not_change_what_is_stored(sim, synced, error, lie):
    sim.grant([digest(0)])
    sim.grant([digest(1)])
    before = synced()
    lie(sim)
    with pytest.raises(error):
        synced()
    assert synced.store.load(sim.signer.verifier).notes == before.notes


@pytest.mark.parametrize("lie", [lambda sim: sim.forget_last(1), lambda sim: sim.fork()])
def test_a_registry_that_went_back_is_shown_what_it_signed(sim, synced, lie):
    sim.grant([digest(0)])
    sim.grant([digest(1)])
    before = synced()
    assert sim.shown == []
    lie(sim)
    with pytest.raises(Inconsistent):
        synced()
    assert sim.shown == [before.notes.checkpoint, before.notes.close]


def test_what_cannot_be_shown_changes_no_verdict(sim, synced, monkeypatch):
    sim.grant([digest(0)])
    synced()
    sim.forget_last(1)
    monkeypatch.setattr(sim, "compare", lambda _: sim.manifest("none"))  # an older registry: there is no such address
    with pytest.raises(Inconsistent):
        synced()


def test_a_clock_that_went_back_syncs_nothing(sim, synced):
    sim.grant([digest(0)])
    synced()
    with pytest.raises(Stale, match="clock"):
        synced(clock=lambda: time.time() - 120)


def test_entries_not_yet_signed_are_waited_for(sim, synced, monkeypatch):
    synced()
    sim.publish_after = 0.6
    sim.grant([digest(0)])
    assert synced().size == 2
    monkeypatch.setattr(syncing, "COVERED_WITHIN", 0.3)
    sim.publish_after = 60
    sim.grant([digest(1)])
    with pytest.raises(BadProof, match="no checkpoint covers"):
        synced()


def test_other_purposes_begin_with_a_snapshot(sim, synced):
    sim.grant([digest(0)])
    synced()
    sim.purposes = ("ai_training",)
    assert synced().rows.purposes == ("ai_training",)


def test_syncs_do_not_collide(sim, tmp_path):
    sim.grant([digest(i) for i in range(50)])
    failed = []

    def once():
        try:
            Registry(sim.url, sim.key, log_key=sim.log_key, home=tmp_path).sync()
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            failed.append(error)

    threads = [threading.Thread(target=once) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(list(tmp_path.glob("states/*/*.arrow"))) == 1


def test_what_a_crash_left_is_removed(sim, synced):
    sim.grant([digest(0)])
    synced()
    (synced.store.folder / "rows.part").write_bytes(b"half")
    (synced.store.folder / ("0" * 64 + ".arrow")).write_bytes(b"never named")
    assert synced.store.load(sim.signer.verifier).size == 2
    sim.grant([digest(1)])
    synced()
    assert sorted(path.suffix for path in synced.store.folder.iterdir()) == ["", ".arrow", ".json"]


def test_another_log_key_does_not_open_the_state(sim, synced):
    sim.grant([digest(0)])
    synced()
    with pytest.raises(BadSignature, match="CONSENTKIT_LOG_KEY"):
        synced.store.load(Signer.generate(sim.signer.name).verifier)


def test_a_changed_row_is_found(sim, synced):
    sim.grant([digest(0)])
    synced()
    (rows,) = synced.store.folder.glob("*.arrow")
    data = rows.read_bytes()
    for at in range(0, len(data), 97):
        rows.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(Damaged):
            synced.store.load(sim.signer.verifier)


def test_rows_that_somebody_else_wrote_are_found(sim, synced):
    """Whole, and named in the state as they should be: only a secret binds them to what the log signed."""
    sim.grant([digest(0)])
    synced()
    (rows,) = synced.store.folder.glob("*.arrow")
    forged = rows.read_bytes() + b"\0"
    name = hashlib.sha256(forged).hexdigest()
    rows.with_name(f"{name}.arrow").write_bytes(forged)
    state = synced.store.folder / "state.json"
    state.write_bytes(state.read_bytes().replace(rows.stem.encode(), name.encode()))
    with pytest.raises(Damaged, match="this machine"):
        synced.store.load(sim.signer.verifier)


# Rows and their digest

standings = st.tuples(st.integers(1, 2**40) | st.none(), st.sampled_from([None, "remove", "wait", "not_covered"]))
pictures = st.integers(0, 12)
acts = st.lists(st.tuples(pictures, standings), max_size=30)


def _page(history):
    wire = []
    for number, (until, reason) in history:
        image = f"00000000-0000-0000-0000-{number:012x}"
        wire.append({"image": image, "sha256": digest(number // 2), f"{FOR}_until": until, f"{FOR}_reason": reason})
    return read_page(wire, purposes=(FOR,), audience="research")


@settings(max_examples=200, deadline=None)
@given(acts, acts)
def test_a_delta_changes_rows_and_digest_alike(first, then):
    before = _page(first).sorted()
    after, total = changed(before, _page(then).sorted(), digest=before.digest())
    whole = _page(first + then).sorted()
    assert after.in_order()
    assert (after.sha256 == whole.sha256).all()
    assert (after.until == whole.until).all()
    assert (after.reason == whole.reason).all()
    assert total == after.digest() == whole.digest()


def test_the_digest_is_the_definitions(sim, synced):
    images = sim.grant([digest(i) for i in range(20)], purposes=["evaluation"])
    sim.withdraw(images[4])
    rows = rows_at(sim._acts).values()
    assert synced().rows.digest() == digest_of(rows, purposes=sim.purposes, audience=sim.audience)
    assert Rows.empty(sim.purposes, sim.audience).digest() == 0


# As a Python program sees it


def test_a_program_asks_and_fails_closed(sim, tmp_path):
    images = sim.grant([digest(0), digest(1)])
    sim.withdraw(images[1])
    registry = consentkit.Registry(sim.url, sim.key, log_key=sim.log_key, home=tmp_path)
    assert registry.is_allowed(digest(0), purpose=FOR)
    assert not registry.is_allowed(digest(1), purpose=FOR)
    asked = [digest(0), digest(1), None, digest(0).upper(), bytes.fromhex(digest(0)), 7, b"", "é"]
    assert registry.mask(asked, purpose=FOR).tolist() == [True, False, False, False, True, False, False, False]
    rows = [{"sha256": digest(0), "n": 1}, {"sha256": digest(1), "n": 2}, {"n": 3}]
    assert registry.filter_allowed(rows, purpose=FOR) == rows[:1]
    answer = registry.check([str(images[0])], purpose=FOR, by="image")
    assert [decision.decision for decision in answer.decisions] == ["permitted"]


def test_settings_refuse_what_they_cannot_use(tmp_path):
    assert Settings.read({"CONSENTKIT_HOME": str(tmp_path)}).max_age == 86_400
    for wrong in ("0", "-1", "604801", "1.5", "x", "9" * 5000, "٣"):
        with pytest.raises(consentkit.settings.Misuse):
            Settings.read({"CONSENTKIT_HOME": str(tmp_path), "CONSENTKIT_MAX_AGE": wrong})
    for wrong in ("ftp://x", "registry", "http://", "http://me:secret@x"):
        with pytest.raises(consentkit.settings.Misuse):
            Settings.read({"CONSENTKIT_HOME": str(tmp_path), "CONSENTKIT_URL": wrong}).require_url()


def test_two_feeds_of_one_size_are_refused(sim, synced):
    """Signed, whole, covered by the log, and yet not what was signed before of as many entries."""
    sim.grant(digest(1))
    synced()
    (image,) = sim.grant(digest(2))
    before = synced()
    act = sim._acts[-1]
    other = dict.fromkeys(sim.purposes, (None, "remove"))
    sim._acts[-1] = copy.copy(act)
    object.__setattr__(sim._acts[-1], "images", {image: (bytes.fromhex(digest(2)), other)})
    sim._offered = ((sim.size, sim._offered[0][1]), sim._offered[1])  # as kept for an hour
    with pytest.raises(Inconsistent, match="two different feeds"):
        synced()
    assert synced.store.load(sim.signer.verifier).close == before.close


@pytest.mark.parametrize("place", ["same host", "another host"])
def test_no_redirect_is_followed_with_a_key(place):
    seen = []

    class Redirects(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.path)
            self.send_response(302)
            elsewhere = f"http://localhost:{self.server.server_port}" if place == "another host" else ""
            self.send_header("location", f"{elsewhere}/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Redirects) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Transport(f"http://127.0.0.1:{server.server_port}", key="k") as transport, pytest.raises(Unreachable):
            transport.get("notifications")
        server.shutdown()
    assert seen == ["/api/v1/notifications"]
