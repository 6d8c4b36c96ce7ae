"""Receipts: one person's proof, which holds to the last bit."""

import base64
import json
import secrets

import pytest

from consentkit.errors import ConsentkitError
from consentkit.receipts import verify
from registry.errors import NotFound
from registry.log.signer import verifier
from registry.models import Entry
from tests import oracle
from tests.world import World


def test_every_act_that_touched_a_person_has_a_receipt(world: World) -> None:
    ines = world.person("ines")
    images = [world.image(ines) for _ in range(3)]
    given = world.grant(ines, purposes=["ai_training"])
    taken = world.withdraw(ines, images[:2])
    world.publish()
    kinds = {}
    for entry in Entry.objects.order_by("index"):
        try:
            text = world.receipt(ines, entry.index)
        except NotFound:  # the collection, the notice: nothing of hers
            continue
        assert text is not None
        proved = verify(text, verifier())
        assert proved.index == entry.index
        assert proved.recorded_at == int(entry.recorded_at.timestamp())
        assert {item["person"] for item in proved.items} == {str(ines)}
        kinds[entry.index] = proved
    assert [kinds[at].kind for at in sorted(kinds)] == [
        "person_enrolled",
        *["image_submitted", "image_registered"] * 3,
        "granted",
        "withdrawn",
    ]
    assert {item["image"] for item in kinds[given.index].items} == {str(image) for image in images}
    assert {item["image"] for item in kinds[taken.index].items} == {str(image) for image in images[:2]}


def test_a_receipt_holds_by_the_oracle_too(world: World) -> None:
    """Parsed by hand, and led to the root by the recursive definition."""
    ines = world.person("ines")
    for _ in range(5):
        world.image(ines)
    taken = world.withdraw(ines)
    world.person("jo")
    world.publish()
    text = world.receipt(ines, taken.index)
    assert text is not None
    head, checkpoint = text.decode().split("\n\n", 1)
    title, extra, index, *path = head.split("\n")
    leaves = [bytes(entry.leaf) for entry in Entry.objects.order_by("index")]
    assert (title, index) == ("c2sp.org/tlog-proof@v1", f"index {taken.index}")
    assert [base64.b64decode(line) for line in path] == oracle.path(taken.index, leaves)
    assert oracle.open_note(checkpoint, str(verifier()))[1:] == (len(leaves), oracle.root(leaves))
    opened = json.loads(base64.b64decode(extra.removeprefix("extra ")))
    leaf = base64.b64decode(opened["entry"])
    assert leaf == leaves[taken.index]
    assert len(opened["items"]) == 5
    for item in opened["items"]:
        salt = bytes.fromhex(item["salt"])
        body = json.dumps(item["item"], separators=(",", ":"), sort_keys=True).encode()
        reached = oracle.leaf_hash(oracle.sha256(salt + body))
        for height, sibling in enumerate(bytes.fromhex(each) for each in item["path"]):
            right = item["position"] >> height & 1
            reached = oracle.sha256(b"\x01" + (sibling + reached if right else reached + sibling))
        assert reached.hex() == json.loads(leaf)["items"]


def test_there_is_none_until_a_checkpoint_covers_it(world: World) -> None:
    ines = world.person("ines")
    taken = world.withdraw(ines)
    assert world.receipt(ines, taken.index) is None
    world.publish()
    assert world.receipt(ines, taken.index)


def test_somebody_elses_and_nobodys_are_refused_in_the_same_words(world: World) -> None:
    ines, jo = world.person("ines"), world.person("jo")
    taken = world.withdraw(ines)
    world.publish()
    said = set()
    for index in (taken.index, 0, 10**6):
        with pytest.raises(NotFound) as refused:
            world.receipt(jo, index)
        said.add(refused.value.detail)
    assert len(said) == 1


def test_every_changed_byte_is_refused(world: World) -> None:
    ines = world.person("ines")
    for _ in range(3):
        world.image(ines)
    taken = world.withdraw(ines)
    world.publish()
    text = world.receipt(ines, taken.index)
    assert text is not None
    verify(text, verifier())
    for at in range(len(text)):
        flipped = bytearray(text)
        flipped[at] ^= 1 << secrets.randbelow(8)
        with pytest.raises(ConsentkitError):
            verify(bytes(flipped), verifier())
    for cut in (text[:-1], text + b"\n", text[1:], text.replace(b"\n", b"\r\n")):
        with pytest.raises(ConsentkitError):
            verify(cut, verifier())


def test_an_old_receipt_stays_true_as_the_log_grows(world: World) -> None:
    ines = world.person("ines")
    taken = world.withdraw(ines)
    world.publish()
    old = world.receipt(ines, taken.index)
    for number in range(5):
        world.person(f"p{number}")
    world.publish()
    new = world.receipt(ines, taken.index)
    assert old is not None
    assert new is not None
    assert old != new
    assert verify(old, verifier()).items == verify(new, verifier()).items
