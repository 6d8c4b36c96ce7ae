"""POST matches: copies of what was withdrawn are found by fingerprints alone, and nothing else is learnt."""

import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image as Pillow
from PIL import ImageOps

from consent.models import Deposit
from consent.rules.lifecycle import CaseMove
from consentkit.fingerprints import views
from consentkit.fingerprints.asking import VIEW_BYTES
from consentkit.fingerprints.perception import perceive
from registry import originals
from registry.log.lost import write_down
from registry.log.recorder import head_size
from registry.reads.size import at_one_size
from service.api import matches, streams
from tests.api.conftest import Doors, slug
from tests.drawn import jpeg, portrait
from tests.world import World, opened_collection

EMPTY = {"decision": "unknown", "reason": None, "matches": []}


def sent(picture: Pillow.Image) -> str:
    """What a pipeline computes of a picture and sends."""
    (found,) = (each for each in perceive(picture).fingerprints if each.algorithm == views.ALGORITHM)
    return found.bits.hex()


def question(*pictures: str, **changed: Any) -> dict[str, Any]:
    named = [{"key": f"{number}.jpg", "views": each} for number, each in enumerate(pictures)]
    return {"purpose": "ai_training", "version": views.VERSION, "pictures": named, **changed}


def ask(doors: Doors, key: str, *pictures: str, **changed: Any) -> Any:
    answer = doors.post("matches", key, question(*pictures, **changed))
    assert answer.status_code == 200, answer.content
    return answer.json()


def told(doors: Doors, key: str, picture: str, **changed: Any) -> Any:
    (found,) = ask(doors, key, picture, **changed)["pictures"]
    return {name: value for name, value in found.items() if name != "key"}


def test_a_withdrawn_picture_is_found_mirrored_and_cropped(world: World, doors: Doors) -> None:
    ines, key, face = world.person("ines"), doors.key(), portrait(1)
    image = world.image(ines, content=jpeg(1))
    width, height = face.size
    copies = {
        "none": face,
        "mirrored": ImageOps.mirror(face),
        "cropped": face.crop((0, 0, width * 4 // 5, height * 4 // 5)),
    }
    world.grant(ines)
    asked = [sent(each) for each in [*copies.values(), portrait(2)]]
    assert all(each == {**EMPTY, "key": each["key"]} for each in ask(doors, key, *asked)["pictures"])
    taken = world.withdraw(ines)
    answer = ask(doors, key, *asked)
    assert list(answer) == ["size", "purpose", "complete", "compared", "protected", "pictures"]
    assert (answer["size"], answer["purpose"], answer["complete"]) == (taken.index + 1, "ai_training", True)
    assert [list(each) for each in answer["pictures"]] == [["key", "decision", "reason", "matches"]] * 4
    assert [each["key"] for each in answer["pictures"]] == [f"{number}.jpg" for number in range(4)]
    for alteration, found in zip(copies, answer["pictures"], strict=False):
        assert (found["decision"], found["reason"]) == ("excluded", "remove")
        (match,) = found["matches"]
        assert list(match) == ["image", "distance", "alteration"]
        assert (match["image"], match["alteration"]) == (str(image), alteration)
    assert {**answer["pictures"][3], "key": None} == {**EMPTY, "key": None}


def test_only_what_is_protected_against_this_use_counts(world: World, doors: Doors) -> None:
    ines, face = world.person("ines"), portrait(1)
    key, elsewhere = doors.key("ai_training", "evaluation"), doors.key(collection=opened_collection("B", at=world.at))
    image = world.image(ines, content=jpeg(1))
    world.grant(ines)
    world.withdraw(ines, purposes=["ai_training"])
    assert told(doors, key, sent(face))["reason"] == "remove"
    assert told(doors, key, sent(face), purpose="evaluation") == EMPTY
    assert told(doors, elsewhere, sent(face)) == EMPTY
    world.grant(ines)
    assert told(doors, key, sent(face)) == EMPTY
    case = world.case(image=image)
    assert told(doors, key, sent(face))["reason"] == "wait"
    world.resolve(case, CaseMove.REJECT)
    assert told(doors, key, sent(face)) == EMPTY


def test_what_cannot_be_compared_yet_is_said(world: World, doors: Doors) -> None:
    """Law 11: an image whose small picture is not there may be what is asked about."""
    ines, key, face = world.person("ines"), doors.key(), portrait(1)
    image = world.image(ines, content=jpeg(1))
    originals.small(image).unlink()
    world.withdraw(ines)
    answer = ask(doors, key, sent(face))
    assert (answer["complete"], answer["pictures"][0]["decision"]) == (False, "unknown")
    world.examined(image)
    world.protect()
    answer = ask(doors, key, sent(face))
    assert (answer["complete"], answer["pictures"][0]["decision"]) == (True, "excluded")


def test_in_doubt_nothing_is_complete(world: World, doors: Doors) -> None:
    """A log that went back has forgotten what it protected."""
    key = doors.key()
    assert ask(doors, key, sent(portrait(2)))["complete"] is True
    write_down(head_size() + 1, at=world.at)
    assert ask(doors, key, sent(portrait(2)))["complete"] is False


def test_keys_are_any_text_and_may_stand_twice(world: World, doors: Doors) -> None:
    key, digits = doors.key(), sent(portrait(1))
    keys = ["x", "x", "\u00e4 \U0001f600 \u2028", "k" * 200, '"\\/']
    pictures = [{"key": each, "views": digits} for each in keys] + [{"key": "flat", "views": ""}]
    answer = ask(doors, key, pictures=pictures)
    assert [each["key"] for each in answer["pictures"]] == [*keys, "flat"]
    assert {each["decision"] for each in answer["pictures"]} == {"unknown"}


VIEW = "0" * 2 * VIEW_BYTES
SECOND = {"key": "second"}
QUESTIONS: dict[str, tuple[dict[str, Any], int, str]] = {
    "none": (question(), 422, "bulk-empty"),
    "too many": (question(*[""] * 1_001), 413, "bulk-too-large"),
    "no list": (question(pictures={}), 422, "field-invalid"),
    "no object": (question(pictures=[{"key": "a", "views": ""}, VIEW]), 422, "field-invalid"),
    "no views": (question(pictures=[{"key": "a", "views": ""}, SECOND]), 422, "field-required"),
    "more fields": (question(pictures=[{"key": "a", "views": ""}, {**SECOND, "view": VIEW}]), 422, "unknown-field"),
    "capitals": (question(VIEW, "A" + VIEW[1:]), 422, "fingerprint-malformed"),
    "half a byte": (question(VIEW, VIEW + "0"), 422, "fingerprint-malformed"),
    "half a view": (question(VIEW, VIEW + "00"), 422, "fingerprint-malformed"),
    "seven views": (question(VIEW, VIEW * 7), 422, "fingerprint-malformed"),
    "no hex": (question(VIEW, "g" + VIEW[1:]), 422, "fingerprint-malformed"),
    "other digits": (question(VIEW, "\u0660" + VIEW[1:]), 422, "fingerprint-malformed"),
    "newline": (question(VIEW, VIEW + "\n"), 422, "fingerprint-malformed"),
    "views null": (question(pictures=[{"key": "a", "views": ""}, {**SECOND, "views": None}]), 422, "field-invalid"),
    "key empty": (question(pictures=[{"key": "a", "views": ""}, {"key": "", "views": ""}]), 422, "field-invalid"),
    "key long": (question(pictures=[{"key": "a", "views": ""}, {"key": "k" * 201, "views": ""}]), 422, "field-invalid"),
    "key tab": (question(pictures=[{"key": "a", "views": ""}, {"key": "a\tb", "views": ""}]), 422, "field-invalid"),
    "key DEL": (question(pictures=[{"key": "a", "views": ""}, {"key": "a\x7f", "views": ""}]), 422, "field-invalid"),
    "key no text": (question(pictures=[{"key": "a", "views": ""}, {"key": 5, "views": ""}]), 422, "field-invalid"),
    "key NUL": (question(pictures=[{"key": "\0", "views": ""}]), 422, "text-invalid"),
    "version 2": (question("00" * 44, version=2), 422, "version-unknown"),
    "version far": (question(VIEW, version=2**62), 422, "version-unknown"),
    "version below": (question(VIEW, version=-1), 422, "field-invalid"),
    "version text": (question(VIEW, version="1"), 422, "field-invalid"),
    "version true": (question(VIEW, version=True), 422, "field-invalid"),
    "deposit text": (question(VIEW, deposit="yes"), 422, "field-invalid"),
    "purpose unknown": (question(VIEW, purpose="training"), 422, "purpose-unknown"),
    "purpose of others": (question(VIEW, purpose="evaluation"), 403, "scope-missing"),
    "no version": ({"purpose": "ai_training", "pictures": []}, 422, "field-required"),
    "audience": (question(VIEW, audience="research"), 422, "unknown-field"),
}
AT_THE_SECOND = {"no object", "no views", "more fields", "views null", "key empty", "key long", "key tab", "key DEL"}


@pytest.mark.parametrize("deposit", [False, True])
def test_matches_are_read_strictly(doors: Doors, subtests: pytest.Subtests, deposit: bool) -> None:
    """And what is refused is not deposited."""
    key = doors.key()
    for row, (body, status, expected) in QUESTIONS.items():
        with subtests.test(row):
            answer = doors.post("matches", key, {"deposit": deposit, **body})
            assert (answer.status_code, slug(answer)) == (status, expected)
            if expected == "fingerprint-malformed" or row in AT_THE_SECOND:
                assert answer.json()["position"] == 1
    assert Deposit.objects.count() == 0


def test_a_version_that_is_not_searched_hears_of_those_that_are(doors: Doors) -> None:
    answer = doors.post("matches", doors.key(), question("00" * 44, version=2))
    assert answer.json()["detail"].endswith(f" {views.VERSION}.")


def test_who_may_ask(world: World, doors: Doors) -> None:
    assert slug(doors.post("matches", None, question(VIEW))) == "credentials-invalid"
    assert slug(doors.post("matches", doors.token(world.person("ines")), question(VIEW))) == "scope-missing"
    assert slug(doors.post("matches?purpose=ai_training", doors.key(), question(VIEW))) == "request-ambiguous"
    assert slug(doors.get("matches", doors.key())) == "method-not-allowed"


# Arrow


def stream(
    pictures: Sequence[tuple[str | None, bytes | None]], said: dict[str, str] | None = None, **other: Any
) -> bytes:
    kinds = {"key": pa.string(), "views": pa.binary()} | other
    schema = pa.schema(
        list(kinds.items()), metadata={"purpose": "ai_training", "version": "1"} if said is None else said
    )
    out = io.BytesIO()
    with pa.ipc.new_stream(out, schema) as writer:
        columns = zip(*pictures, strict=True) if pictures else ([], [])
        arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds.values(), strict=True)]
        writer.write_batch(pa.record_batch(arrays, schema=schema))
    return out.getvalue()


def ask_streamed(doors: Doors, key: str, body: bytes, query: str = "") -> Any:
    return doors.raw(f"matches{query}", key, body, kind=streams.MEDIA_TYPE)


def test_a_stream_says_what_json_says(world: World, doors: Doors) -> None:
    ines, key, faces = world.person("ines"), doors.key(), [portrait(seed) for seed in (1, 2)]
    world.image(ines, content=jpeg(1))
    world.withdraw(ines)
    asked = [sent(face) for face in faces]
    pictures = [(f"{number}.jpg", bytes.fromhex(each)) for number, each in enumerate(asked)]
    answer = ask_streamed(doors, key, stream(pictures))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json() == ask(doors, key, *asked)
    large = stream(pictures, said={}, key=pa.large_string(), views=pa.large_binary())
    assert ask_streamed(doors, key, large, "?purpose=ai_training&version=1").json() == answer.json()
    assert Deposit.objects.count() == 0
    assert ask_streamed(doors, key, stream(pictures), "?deposit=true").status_code == 200
    assert Deposit.objects.count() == 2


def test_what_is_no_stream_of_pictures(doors: Doors, subtests: pytest.Subtests) -> None:
    key, view = doors.key(), bytes(VIEW_BYTES)
    sound = [("a", view), ("b", view)]
    said = {"purpose": "ai_training", "version": "1"}
    cases = {
        "text": (b"hello", "arrow-malformed"),
        "cut": (stream(sound)[:-100], "arrow-malformed"),
        "no rows": (stream([]), "bulk-empty"),
        "too many": (stream([("a", b"")] * 10_001), "bulk-too-large"),
        "key null": (stream([("a", view), (None, view)]), "field-invalid"),
        "key empty": (stream([("a", view), ("", view)]), "field-invalid"),
        "views null": (stream([("a", view), ("b", None)]), "fingerprint-malformed"),
        "half a view": (stream([("a", view), ("b", view[1:])]), "fingerprint-malformed"),
        "views as text": (stream([("a", "00")], views=pa.string()), "field-invalid"),  # type: ignore[list-item]
        "numbers": (stream([], key=pa.int64()), "field-invalid"),
        "no version": (stream(sound, {"purpose": "ai_training"}), "field-required"),
        "version": (stream(sound, {**said, "version": "2"}), "version-unknown"),
        "version no number": (stream(sound, {**said, "version": "1.0"}), "field-invalid"),
        "deposit": (stream(sound, {**said, "deposit": "1"}), "field-invalid"),
        "purpose of others": (stream(sound, {**said, "purpose": "evaluation"}), "scope-missing"),
    }
    for name, (body, expected) in cases.items():
        with subtests.test(name):
            answer = ask_streamed(doors, key, body)
            assert slug(answer) == expected
            if expected == "fingerprint-malformed" or name.startswith("key"):
                assert answer.json()["position"] == 1
    assert slug(ask_streamed(doors, key, stream(sound), "?version=2")) == "request-ambiguous"
    assert slug(ask_streamed(doors, key, stream(sound), "?audience=research")) == "unknown-field"
    whole = stream(sound)
    for at in range(0, len(whole), 7):
        bent = whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :]
        assert ask_streamed(doors, key, bent).status_code < 500


# Deposits


def deposits() -> dict[str, str]:
    return {each.key: bytes(each.views).hex() for each in Deposit.objects.all()}


def test_a_deposit_is_kept_once_by_key(world: World, doors: Doors) -> None:
    key, first, second = doors.key(), sent(portrait(1)), sent(portrait(2))
    with at_one_size() as before:
        pass
    asked = question(first, second, deposit=True)
    answers = [doors.post("matches", key, asked).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["size"] == before  # no consent has changed
    assert deposits() == {"0.jpg": first, "1.jpg": second}
    ask(doors, key, second, deposit=True)
    assert deposits() == {"0.jpg": second, "1.jpg": second}
    ask(doors, doors.key(), first, deposit=True)
    assert Deposit.objects.count() == 3


def test_a_withdrawal_in_the_middle_of_a_deposit_is_not_lost(
    world: World, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes between the two halves of the request: then it is in the answer, or in a notification."""
    ines, key, done = world.person("ines"), doors.key(), list[str]()
    world.image(ines, content=jpeg(1))

    def then_withdraw(half: Callable[..., Any]) -> Callable[..., Any]:
        def both(*given: Any, **named: Any) -> Any:
            found = half(*given, **named)
            if not done:
                done.append(half.__name__)
                world.withdraw(ines)
                world.protect()
                world.look_back()
            return found

        return both

    for half in (matches.deposit, matches.match):
        monkeypatch.setattr(matches, half.__name__, then_withdraw(half))
    (found,) = ask(doors, key, sent(portrait(1)), deposit=True)["pictures"]
    notified = doors.get("notifications", key).json()["notifications"]
    assert len(done) == 1
    assert found["matches"] or notified


def test_a_key_that_stands_for_two_pictures_cannot_be_deposited(doors: Doors) -> None:
    key = doors.key()
    pictures = [{"key": "a", "views": VIEW}, {"key": "a", "views": VIEW}, {"key": "a", "views": ""}]
    answer = doors.post("matches", key, question(pictures=pictures, deposit=True))
    assert (answer.status_code, slug(answer), answer.json()["position"]) == (400, "request-ambiguous", 2)
    assert deposits() == {}
    assert len(ask(doors, key, pictures=pictures)["pictures"]) == 3
    ask(doors, key, pictures=pictures[:2], deposit=True)
    assert deposits() == {"a": VIEW}


def test_a_thousand_pictures_in_the_longest_way_are_read(doors: Doors) -> None:
    key = doors.key()
    body = {"purpose": "ai_training", "version": 1}
    pictures = [{"key": "\U0001f600" * 200, "views": VIEW * 6}] * 1_000
    answer = doors.raw("matches", key, json.dumps({**body, "pictures": pictures}).encode())
    assert (answer.status_code, len(answer.json()["pictures"])) == (200, 1_000)
