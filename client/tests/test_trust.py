"""Trust goes forward only: checkpoint, consistency, close."""

import pytest

from consentkit import merkle
from consentkit.checkpoints import Checkpoint, sign_checkpoint
from consentkit.closes import Close, sign_close
from consentkit.errors import BadProof, BadSignature, Inconsistent, Stale
from consentkit.notes import Signer
from consentkit.trust import CLOCK_SKEW, Trust, require_young

SIGNER = Signer("registry.example/log", bytes(range(32)))
AT = 1_790_000_000
WEEK = 604_800
LEAVES = [merkle.leaf_hash(str(number).encode()) for number in range(300)]
FORKED = [merkle.leaf_hash(b"another"), *LEAVES[1:]]


def checkpoint(size, *, leaves=LEAVES, signer=SIGNER):
    root = merkle.root(size, merkle.node_from_leaves(leaves[:size]))
    return sign_checkpoint(Checkpoint(signer.name, size, root), signer)


def hashes(leaves=LEAVES):
    return lambda size: merkle.node_from_leaves(leaves[:size])


def close(size=1, *, issued_at=AT, not_after=AT + WEEK):
    return Close(size=size, count=0, digest="0" * 64, cursor="c", issued_at=issued_at, not_after=not_after)


def trusting(size, **kept):
    trust = Trust(SIGNER.verifier, **kept)
    return trust.advanced(checkpoint(size), hashes=hashes())


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 7), (1, 1), (1, 2), (7, 7), (8, 300), (255, 256), (257, 300)])
def test_a_log_that_grows_is_followed(old, new):
    trust = trusting(old).advanced(checkpoint(new), hashes=hashes())
    assert trust.checkpoint is not None
    assert trust.checkpoint.size == new


@pytest.mark.parametrize(("old", "new"), [(1, 0), (300, 299), (256, 1)])
def test_a_log_that_is_rolled_back_is_refused(old, new):
    with pytest.raises(Inconsistent, match="rolled back"):
        trusting(old).advanced(checkpoint(new), hashes=hashes())


@pytest.mark.parametrize(("old", "new"), [(1, 1), (7, 7), (1, 2), (7, 300), (256, 300)])
def test_a_log_that_forked_is_refused(old, new):
    for told in (LEAVES, FORKED):
        with pytest.raises(Inconsistent):
            trusting(old).advanced(checkpoint(new, leaves=FORKED), hashes=hashes(told))


def test_another_key_or_origin_is_refused():
    trust = Trust(SIGNER.verifier)
    with pytest.raises(BadSignature):
        trust.advanced(checkpoint(1, signer=Signer(SIGNER.name, bytes(32))), hashes=hashes())
    with pytest.raises(BadProof):
        trust.advanced(SIGNER.sign(Checkpoint("other", 1, bytes(32)).text()), hashes=hashes())


@pytest.mark.parametrize("at", [AT - CLOCK_SKEW - 1, AT + WEEK, AT + WEEK + 1, AT - 10 * WEEK, AT + 100 * WEEK])
def test_a_close_outside_its_time_is_stale(at):
    with pytest.raises(Stale):
        Trust(SIGNER.verifier).opened(sign_close(close(), SIGNER), at=at)


def test_no_close_lasts_longer_than_a_week_whatever_it_says():
    note = sign_close(close(not_after=AT + 10 * WEEK), SIGNER)
    assert Trust(SIGNER.verifier).opened(note, at=AT + WEEK - 1).size == 1
    with pytest.raises(Stale):
        Trust(SIGNER.verifier).opened(note, at=AT + WEEK)


def test_a_state_is_young_until_its_age_is_over():
    require_young(close(), max_age=60, at=AT + 60)
    with pytest.raises(Stale, match="consentkit sync"):
        require_young(close(), max_age=60, at=AT + 61)


def test_a_clock_that_went_back_is_stale():
    trust = trusting(5).accepted(close(3))
    trust.require_clock(AT - CLOCK_SKEW)
    with pytest.raises(Stale, match="clock"):
        trust.require_clock(AT - CLOCK_SKEW - 1)


def test_closes_never_go_backwards():
    trust = trusting(5).accepted(close(3))
    assert trust.accepted(close(3)).close == close(3)
    assert trust.accepted(close(5)).close == close(5)
    with pytest.raises(Inconsistent, match="went back"):
        trust.accepted(close(2))
    with pytest.raises(Stale, match="older"):
        trust.accepted(close(4, issued_at=AT - CLOCK_SKEW - 1))


def test_a_close_that_no_checkpoint_covers_is_refused():
    with pytest.raises(BadProof, match="no checkpoint covers"):
        trusting(5).accepted(close(6))
    with pytest.raises(BadProof):
        Trust(SIGNER.verifier).accepted(close(0))
