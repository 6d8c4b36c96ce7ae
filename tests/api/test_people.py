"""What a person's own programs do: bring pictures, permit, take back, keep the receipts."""

import re
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection

from consent.acts.acknowledge import acknowledge
from consent.reads.notifications import notifications
from consentkit.receipts import verify
from registry import originals
from registry.log.signer import verifier
from service.nudge import nudger
from tests.api.conftest import Doors, slug
from tests.drawn import jpeg
from tests.world import World, opened_collection, reason

JPEG = b"\xff\xd8\xff\xe0" + bytes(2_000)


def test_the_same_bytes_again_are_the_same_image(world: World, doors: Doors) -> None:
    token = doors.token(world.person("ines"))
    first, again = doors.upload(token, JPEG), doors.upload(token, JPEG)
    assert (first.status_code, again.status_code) == (201, 200)
    assert {**first.json(), "changed": False} == again.json()
    assert list(first.json()) == ["image", "sha256", "state"]
    assert first.json()["state"] == "submitted"
    kept = [path for path in originals.original(uuid4()).parents[1].rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in kept] == [JPEG]


def test_silence_about_who_is_shown_is_refused(world: World, doors: Doors) -> None:
    token = doors.token(world.person("ines"))
    for depicts in ([], ["nobody", "self"], ["other"], ["self", "someone"]):
        answer = doors.upload(token, JPEG, depicts=depicts)
        assert (answer.status_code, slug(answer)) == (422, "subjects-unclear")
    assert doors.get("me/images", token).json()["images"] == []
    answer = doors.upload(token, JPEG, depicts=["self", "Jo@Example.org", "unknown"])
    assert answer.status_code == 201
    page = doors.get(f"me/images/{answer.json()['image']}", token).json()
    assert page["depicts"] == ["self", "jo@example.org", "unknown"]


def test_what_is_said_again_is_heard(world: World, doors: Doors) -> None:
    ines = world.person("ines")
    token, source = doors.token(ines), world.image(ines)
    image = doors.upload(token, JPEG).json()["image"]
    again = doors.upload(token, JPEG, depicts=["self", "unknown"], derived_from=str(source))
    assert (again.status_code, again.json()["changed"]) == (200, True)
    page = doors.get(f"me/images/{image}", token).json()
    assert (page["depicts"], page["derived_from"]) == (["self", "unknown"], [str(source)])
    assert slug(doors.upload(token, JPEG, depicts="self")) == "statement-looser"
    assert slug(doors.upload(token, JPEG, depicts="self", derived_from=str(uuid4()))) == "not-found"
    corrected = doors.patch(f"me/images/{image}", token, {"depicts": ["self"]})
    assert (corrected.status_code, corrected.json()["depicts"]) == (200, ["self"])
    assert corrected.json()["derived_from"] == [str(source)]  # a source does not end by saying nothing of it
    assert slug(doors.patch(f"me/images/{image}", token, {"depicts": []})) == "subjects-unclear"
    assert slug(doors.patch(f"me/images/{image}", token, {})) == "field-required"
    stranger = doors.token(world.person("joan"))
    assert slug(doors.patch(f"me/images/{image}", stranger, {"depicts": ["self"]})) == "not-found"


def test_a_grant_names_the_notice_that_was_read(world: World, doors: Doors) -> None:
    ines = world.person("ines")
    token, image = doors.token(ines), world.image(ines)
    body = {"images": [str(image)], "purposes": ["ai_training"]}
    assert slug(doors.post("me/grants", token, body)) == "field-required"
    assert slug(doors.post("me/grants", token, {**body, "notice": str(uuid4())})) == "notice-not-current"
    assert doors.post("me/grants", token, {**body, "notice": doors.notice()}).status_code == 201
    current = doors.get("notices/current").json()
    assert doors.get(f"notices/{current['sha256']}").json() == current
    assert slug(doors.get(f"notices/{'0' * 64}")) == "not-found"


def test_somebody_elses_bytes_read_like_those_of_a_new_picture(world: World, doors: Doors) -> None:
    """Neither learns of the other."""
    ines, joan = doors.token(world.person("ines")), doors.token(world.person("joan"))
    first, second = doors.upload(ines, JPEG), doors.upload(joan, JPEG)
    assert (first.status_code, second.status_code) == (201, 201)
    mine, theirs = (doors.get(f"me/images/{of.json()['image']}", by) for of, by in ((first, ines), (second, joan)))
    assert mine.json().keys() == theirs.json().keys()
    assert mine.json()["standing"] == theirs.json()["standing"]


def test_a_copy_of_anothers_picture_reads_like_any_other(world: World, doors: Doors) -> None:
    """Its contributor learns neither whose it is nor what became of that."""
    ines, joan, key = world.person("ines"), world.person("joan"), doors.key()
    world.image(ines, content=jpeg(1))
    world.withdraw(ines)
    world.protect()
    image = world.upload(joan, jpeg(1, quality=60))
    world.grant(joan)
    assert doors.decisions(key, image) == [("excluded", "wait")]
    page = doors.get(f"me/images/{image}", doors.token(joan))
    told = page.json()["standing"]["ai_training"]["research"]
    assert told["consent"] == "given"
    assert not {"restricted", "case_opened"} & set(re.findall(r"\w+", page.content.decode()))
    assert doors.get("me/images", doors.token(joan)).json()["images"][0]["standing"] == page.json()["standing"]


def test_the_story_of_one_picture(world: World, doors: Doors) -> None:
    ines = world.person("ines")
    token, key = doors.token(ines), doors.key()
    image = doors.upload(token, jpeg(1)).json()["image"]
    world.register(UUID(image))
    body = {"images": [image], "purposes": ["ai_training"], "notice": doors.notice()}
    given = doors.post("me/grants", token, body)
    assert (given.status_code, list(given.json())) == (201, ["grant", "index", "receipt"])
    assert doors.decisions(key, image) == [("permitted", None)]
    use = doors.get(f"me/images/{image}", token).json()["standing"]["ai_training"]["research"]
    assert use["consent"] == "given"
    assert use["until"].endswith("Z")
    waiting = doors.get(given.json()["receipt"], token)
    assert (waiting.status_code, waiting.headers["Retry-After"]) == (202, "1")
    taken = doors.post("me/withdrawals", token, {"images": "all", "purposes": "all"})
    assert (taken.status_code, list(taken.json())) == (201, ["withdrawal", "index", "receipt"])
    assert doors.decisions(key, image) == [("excluded", "remove")]
    world.publish()
    for act, kind in ((given, "granted"), (taken, "withdrawn")):
        receipt = doors.get(act.json()["receipt"], token)
        assert receipt.headers["Content-Type"] == "text/plain; charset=utf-8"
        verified = verify(receipt.content, verifier())
        assert (verified.index, verified.kind) == (act.json()["index"], kind)
    page = doors.get(f"me/images/{image}", token).json()
    assert [event["kind"] for event in page["history"]] == [
        "image_submitted",
        "image_registered",
        "granted",
        "withdrawn",
    ]
    assert page["standing"]["evaluation"]["commercial"]["consent"] == "withdrawn"


def test_a_picture_says_who_trained_with_it(world: World, doors: Doors) -> None:
    ines, lab, other = world.person("ines"), world.pipeline("lab"), world.pipeline("other")
    image, stays = world.image(ines), world.image(ines)
    world.grant(ines)
    world.attest(lab, image, stays)
    world.attest(other, image, stays)
    token = doors.token(ines)
    used = doors.get(f"me/images/{image}", token).json()["used_by"]
    assert [(each["organisation"], each["model"], each["purpose"]) for each in used] == [
        ("other", "face-1", "ai_training"),
        ("lab", "face-1", "ai_training"),
    ]
    assert {(each["told_at"], each["outcome"]) for each in used} == {(None, None)}
    doors.post("me/withdrawals", token, {"images": [str(image)], "purposes": "all"})
    assert world.look_over() == 2
    (word,) = notifications(world.asker(lab), after=0, limit=9).notifications
    acknowledge(word.id, pipeline=world.asker(lab).serial, outcome="deleted", at=world.at)
    used = doors.get(f"me/images/{image}", token).json()["used_by"]
    assert [(each["organisation"], each["outcome"]) for each in used] == [("other", None), ("lab", "deleted")]
    assert all(each["told_at"] for each in used)
    untouched = doors.get(f"me/images/{stays}", token).json()["used_by"]
    assert [(each["told_at"], each["outcome"]) for each in untouched] == [(None, None)] * 2
    assert doors.get(f"me/images/{image}", doors.token(world.person("joan"))).status_code == 404


def test_a_database_that_takes_no_changes_is_told_as_such(world: World, doors: Doors) -> None:
    ines = world.person("ines")
    world.image(ines)
    token, body = doors.token(ines), {"images": "all", "purposes": "all"}
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        answer = doors.post("me/withdrawals", token, body)
        cursor.execute("SET default_transaction_read_only = off")
    assert (answer.status_code, slug(answer)) == (503, "unavailable")
    assert answer.json()["detail"] == "The database takes no changes just now. Try again in a moment."
    assert answer.headers["Retry-After"]
    assert doors.post("me/withdrawals", token, body).status_code == 201


def test_an_exact_repeat_is_the_same_withdrawal(world: World, doors: Doors) -> None:
    """I4: and after a grant it is a new one."""
    ines = world.person("ines")
    image, token = world.image(ines), doors.token(ines)
    body = {"images": [str(image)], "purposes": ["ai_training"]}
    first, again = (doors.post("me/withdrawals", token, body) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    world.grant(ines, [image], purposes=["ai_training"])
    assert doors.post("me/withdrawals", token, body).status_code == 201


def test_a_withdrawal_tells_the_workers_once_it_is_recorded(
    world: World, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    ines = world.person("ines")
    image, token, told = world.image(ines), doors.token(ines), list[str | None]()
    monkeypatch.setattr(nudger, "protect", lambda: told.append(reason(image)))
    doors.post("me/withdrawals", token, {"images": "all", "purposes": "all"})
    assert told == ["withdrawn"]


def test_idempotency_keys(world: World, doors: Doors) -> None:
    ines = world.person("ines")
    world.image(ines)
    token, body = doors.token(ines), {"images": "all", "purposes": ["ai_training"], "notice": doors.notice()}
    first, again = (doors.post("me/grants", token, body, Idempotency_Key="one") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    other = doors.post("me/grants", token, {**body, "purposes": ["evaluation"]}, Idempotency_Key="one")
    assert (other.status_code, slug(other)) == (422, "idempotency-mismatch")


def test_refusals_of_a_grant(world: World, doors: Doors) -> None:
    ines = world.person("ines")
    image, theirs = world.image(ines), world.image(world.person("joan"))
    token = doors.token(ines)

    def refused(**changed: Any) -> tuple[int, str]:
        body = {"images": [str(image)], "purposes": ["ai_training"], "notice": doors.notice(), **changed}
        answer = doors.post("me/grants", token, body)
        return answer.status_code, slug(answer)

    assert refused(notice=str(uuid4())) == (409, "notice-not-current")
    assert refused(images=[str(theirs)]) == refused(images=[str(uuid4())]) == (404, "not-found")
    assert refused(purposes=["sorcery"]) == (422, "purpose-unknown")
    assert refused(audience="everybody") == (422, "field-invalid")
    assert refused(images=["x"]) == (422, "digest-malformed")
    assert refused(images=[]) == refused(purposes=[]) == (422, "field-invalid")
    body = {"images": "all", "purposes": ["evaluation"], "notice": doors.notice()}
    nobody = doors.post("me/grants", doors.token(world.person("kim")), body)
    assert (nobody.status_code, slug(nobody)) == (409, "nothing-to-grant")


def test_foreign_and_absent_are_one_answer(world: World, doors: Doors) -> None:
    """I23."""
    ines, token = world.person("ines"), doors.token(world.person("joan"))
    image, absent = world.image(ines), uuid4()
    taken = world.withdraw(ines)
    world.publish()
    body = {"purposes": "all"}
    pairs = [
        (doors.get(f"me/images/{image}", token), doors.get(f"me/images/{absent}", token)),
        (doors.get(f"me/receipts/{taken.index}", token), doors.get("me/receipts/99999", token)),
        (doors.get(f"me/images?after={image}", token), doors.get(f"me/images?after={absent}", token)),
        *[
            tuple(doors.post("me/withdrawals", token, {**body, "images": [str(each)]}) for each in (image, absent))
            for _ in range(1)
        ],
    ]
    for foreign, missing in pairs:
        assert (foreign.status_code, foreign.content) == (missing.status_code, missing.content)
        assert slug(foreign) == "not-found"
        assert {**foreign.headers} == {**missing.headers}


def test_pages_of_pictures(world: World, doors: Doors) -> None:
    ines = world.person("ines")
    images = []
    for _ in range(5):
        world.later(seconds=1)
        images.append(str(world.image(ines)))
    token, found, after = doors.token(ines), [], ""
    while True:
        page = doors.get(f"me/images?limit=2{after}", token).json()
        found += [each["image"] for each in page["images"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert found == images[::-1]
    assert page["size"] == page["images"][0]["size"]


def test_a_rejected_picture_says_why(world: World, doors: Doors) -> None:
    ines = world.person("ines")
    image = world.image(ines, registered=False)
    world.reject(image)
    page = doors.get(f"me/images/{image}", doors.token(ines)).json()
    assert (page["state"], page["rejection"]["slug"]) == ("rejected", "image-too-small")
    assert "64 pixels" in page["rejection"]["detail"]
    assert page["standing"]["ai_training"]["research"]["consent"] == "none"


def test_the_current_notice(world: World, doors: Doors) -> None:
    answer = doors.get("notices/current").json()
    assert answer["notice"] == str(world.notice)
    assert answer == doors.get(f"notices/current?collection={world.collection}").json()
    elsewhere = opened_collection("Other", at=world.at)
    assert slug(doors.get(f"notices/current?collection={elsewhere}")) == "no-notice"
    assert slug(doors.get(f"notices/current?collection={uuid4()}")) == "not-found"
    assert slug(doors.get("notices/current?collection=x")) == "field-invalid"
    assert slug(doors.get("notices/current")) == "collection-unclear"


def test_what_a_contributor_may_say_of_a_picture(world: World, doors: Doors) -> None:
    ines = world.person("ines")
    token = doors.token(ines)
    source = doors.upload(token, JPEG).json()["image"]
    made = doors.upload(
        token,
        JPEG + b"crop",
        depicts="unknown",
        photographer="self",
        derived_from=source,
        collection=str(world.collection),
    )
    assert made.status_code == 201
    page = doors.get(f"me/images/{made.json()['image']}", token).json()
    assert (page["depicts"], page["shown"], page["derived_from"]) == (["unknown"], False, [source])
