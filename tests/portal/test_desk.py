"""What a steward sees of a case, and decides of each of its pictures; a browser looks at the same pages elsewhere."""

import re
import secrets
from pathlib import Path
from uuid import UUID

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from pytest_django import Settings

from consent.acts.open_case import Matter, open_case
from consent.acts.search_case import search_case
from consent.exclusions import allowances
from consent.reads.cases import case
from consent.reads.pictures import picture
from consent.reads.signals import signals_of
from registry import originals
from registry.acts.enrol_steward import enrol_steward
from registry.acts.open_account import open_account
from registry.rules.signals import Stated
from service import words
from service.api import images
from tests.drawn import jpeg
from tests.world import World, altered, reason


@pytest.fixture(autouse=True)
def static(settings: Settings, tmp_path: Path) -> None:
    """There, so that nobody warns of its absence."""
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()


@pytest.fixture
def sam(world: World) -> Client:
    """A steward's browser."""
    account, _ = enrol_steward("sam@registry.example", secret=secrets.token_urlsafe(32), at=world.at)
    return signed_in(account)


def signed_in(account: int) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.get(pk=account))
    return client


def asked_about(world: World) -> tuple[UUID, list[UUID]]:
    """A case that lists two images of two people, and the images in the page's order."""
    picture = jpeg(7)
    world.upload(world.person("ines"), picture)
    world.upload(world.person("max"), altered(picture, mirror=True))
    number = world.ask(altered(picture))
    originals.keep_asked_preview(number, picture)
    world.search(number)
    return number, [held.image for held in case(number).images]


def decide(sam: Client, number: UUID, *, move: str, seen: list[UUID], same: list[UUID]) -> tuple[int, str]:
    form = {"move": move, "ground": "compared", "seen": seen, "same": same}
    answers = [sam.post(f"/desk/cases/{number}/{step}", form) for step in ("check", "decide")]
    return answers[1].status_code, answers[0].content.decode()


def test_only_what_is_ticked_is_revoked(world: World, sam: Client) -> None:
    number, [first, second] = asked_about(world)
    assert {reason(first), reason(second)} == {"restricted"}
    status, check = decide(sam, number, move="accept", seen=[first, second], same=[second])
    assert (status, check.count("it will be revoked")) == (302, 1)
    assert [reason(first), reason(second)] == ["no_grant", "revoked"]


def test_accepting_with_nothing_ticked_is_refused(world: World, sam: Client) -> None:
    number, images = asked_about(world)
    status, check = decide(sam, number, move="accept", seen=images, same=[])
    assert status == 422
    assert "Tick the pictures that are the same, or reject." in check
    assert case(number).open


def test_what_was_found_after_the_page_was_shown_is_looked_at_first(world: World, sam: Client) -> None:
    number, [first, second] = asked_about(world)
    for move in ("accept", "reject"):
        status, check = decide(sam, number, move=move, seen=[first], same=[first])
        assert status == 422
        assert "More copies were found meanwhile." in check
    assert {reason(first), reason(second)} == {"restricted"}


def test_ticks_stay_when_the_form_comes_back(world: World, sam: Client) -> None:
    number, [first, second] = asked_about(world)
    form = {"move": "reject", "ground": "", "seen": [first, second], "same": [second]}
    page = sam.post(f"/desk/cases/{number}/check", form).content.decode()
    boxes = re.findall(r'name="same" value="([^"]+)"[^>]*?( checked)?>', page)
    assert boxes == [(str(first), ""), (str(second), " checked")]


def test_a_picture_of_another_case_changes_nothing(world: World, sam: Client) -> None:
    number, images = asked_about(world)
    stranger = world.image(world.person("jo"))
    assert decide(sam, number, move="accept", seen=[*images, stranger], same=[stranger])[0] == 422
    assert decide(sam, number, move="accept", seen=images, same=[stranger])[0] == 422
    assert reason(stranger) == "no_grant"


@pytest.mark.parametrize("move", ["accept", "reject"])
def test_the_askers_picture_goes_with_the_decision(world: World, sam: Client, move: str) -> None:
    number, images = asked_about(world)
    originals.keep_asked_small(number, bytes(16_384))
    shown = sam.get(f"/desk/cases/{number}/asked")
    assert (shown.status_code, shown.headers["Content-Type"]) == (200, "image/jpeg")
    assert "no-store" in shown.headers["Cache-Control"]
    shown.close()
    decide(sam, number, move=move, seen=images, same=images)
    assert list(originals.asked_cases()) == []
    assert sam.get(f"/desk/cases/{number}/asked").status_code == 404
    page = sam.get(f"/desk/cases/{number}").content.decode()
    assert "The picture that came with this request was deleted." in page


def test_nothing_of_a_case_is_for_others(world: World) -> None:
    number, [image, _] = asked_about(world)
    account = open_account("ines@portal.example").pk
    for address in ("", "/asked", f"/images/{image}"):
        assert signed_in(account).get(f"/desk/cases/{number}{address}").status_code == 404
        assert Client().get(f"/desk/cases/{number}{address}").status_code == 302


def test_while_copies_are_looked_for_the_page_says_so(world: World, sam: Client) -> None:
    world.upload(world.person("ines"), jpeg(7))
    number = world.ask(jpeg(8))
    page = f"/desk/cases/{number}"
    assert "We are still looking for copies." in sam.get(page).content.decode()
    assert sam.get(page, headers={"HX-Request": "true"}).status_code == 204
    world.search(number)
    found = sam.get(page, headers={"HX-Request": "true"})
    assert "No picture here is a copy of what was asked about." in found.content.decode()


def test_where_nobody_could_look_the_page_says_so_and_gives_the_file(world: World, sam: Client) -> None:
    """Law 13: "no copy" is said only after all was looked at."""
    world.upload(world.person("ines"), jpeg(7))
    number = world.ask(b"no picture")
    assert sam.get(f"/desk/cases/{number}/file").status_code == 404, "a worker may still read it"
    search_case(number, found=None, at=world.at)
    page = sam.get(f"/desk/cases/{number}").content.decode()
    assert "Nobody has looked for copies" in page
    assert "No picture here is a copy" not in page
    saved = sam.get(f"/desk/cases/{number}/file")
    assert b"".join(saved.streaming_content) == b"no picture"
    assert saved.headers["Content-Type"] == "application/octet-stream"
    assert saved.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in saved.headers["Content-Security-Policy"]
    account = open_account("ines@portal.example").pk
    assert signed_in(account).get(f"/desk/cases/{number}/file").status_code == 404
    decide(sam, number, move="reject", seen=[], same=[])
    page = sam.get(f"/desk/cases/{number}").content.decode()
    assert "No picture here is a copy" not in page
    assert sam.get(f"/desk/cases/{number}/file").status_code == 404
    assert list(originals.asked_cases()) == []


def test_where_only_a_number_was_asked_about_the_page_speaks_of_no_copies(world: World, sam: Client) -> None:
    matter = Matter("request", asked="0" * 64, sha256=bytes(32))
    number = open_case(matter, claimant="who@example.org", at=world.at).case
    page = sam.get(f"/desk/cases/{number}").content.decode()
    assert "Nothing here is the very file" in page
    assert "is a copy of what was asked about" not in page


def test_a_held_upload_stands_beside_what_it_looks_like(world: World, sam: Client) -> None:
    ines, max_, picture = world.person("ines"), world.person("max"), jpeg(7)
    original = world.upload(ines, picture)
    world.withdraw(ines)
    world.protect()
    upload = world.upload(max_, altered(picture, mirror=True))
    for image in (original, upload):
        originals.keep_preview(image, picture)
    row = sam.get("/desk/").content.decode()
    [number] = re.findall(r"/desk/cases/([0-9a-f-]{36})", row)
    page = sam.get(f"/desk/cases/{number}").content.decode()
    shown = re.findall(rf"/desk/cases/{number}/images/([0-9a-f-]{{36}})", page)
    assert shown == [str(upload), str(original)]
    for image in shown:
        answer = sam.get(f"/desk/cases/{number}/images/{image}")
        assert answer.status_code == 200
        answer.close()
    assert "Mirrored" in page


def test_a_steward_sees_what_a_file_says_and_lifts_it_with_a_reason(world: World, sam: Client) -> None:
    ines = world.person("ines")
    image = world.image(ines, content=jpeg(3), registered=False)
    world.register(image, stated=(Stated("plus:DataMining", "DMI-PROHIBITED-AIMLTRAINING"),))
    world.grant(ines)
    assert str(image) in sam.get("/desk/signals").content.decode()
    page = sam.get(f"/desk/signals/{image}").content.decode()
    assert "The file itself says no to: recognition and analysis, making new pictures." in page
    assert sam.post(f"/desk/signals/{image}", {"ground": " "}).status_code == 422
    assert reason(image) == "rights_signal"
    assert sam.post(f"/desk/signals/{image}", {"ground": "asked her"}).status_code == 302
    assert reason(image) is None
    assert "found that this does not hold" in sam.get(f"/desk/signals/{image}").content.decode()
    account = open_account("ines@portal.example").pk
    for address in ("/desk/signals", f"/desk/signals/{image}", f"/desk/signals/{image}/preview"):
        assert signed_in(account).get(address).status_code == 404
    other = world.image(ines)
    assert sam.get(f"/desk/signals/{other}").status_code == 404
    assert sam.get(f"/desk/signals/{other}/preview").status_code == 404


def test_the_person_reads_what_their_file_says(world: World) -> None:
    ines = world.person("ines")
    image = world.image(ines, content=jpeg(3), registered=False)
    world.register(image, stated=(Stated("plus:MinorModelAgeDisclosure", "AG-A15"), Stated("xmp", "unreadable")))
    read = images._picture(picture(ines, image=image, at=world.at))
    assert read["file"]["states"][0] == {"name": "plus:MinorModelAgeDisclosure", "value": "AG-A15"}
    assert (len(read["file"]["denies"]), read["file"]["lifted"]) == (5, False)
    (signal,) = signals_of([image]).values()
    assert words.file_says(signal) == [
        "The file says that somebody shown is under age. Nobody may use it on your word alone.",
        "The file says something about its use that we cannot read. A person looks at it.",
        "The file itself says no to: everything. Nobody may use it for that, whatever you allow.",
    ]


def test_a_decision_is_taken_back_on_the_page(world: World, sam: Client) -> None:
    ines = world.person("ines")
    image = world.image(ines)
    world.grant(ines)
    number = world.case(image=image)
    decide(sam, number, move="accept", seen=[image], same=[image])
    assert reason(image) == "revoked"
    assert "Take the decision back" in sam.get(f"/desk/cases/{number}").content.decode()
    assert sam.post(f"/desk/cases/{number}/reopen", {"ground": " "}).status_code == 422
    assert sam.post(f"/desk/cases/{number}/reopen", {"ground": "I looked at the wrong one"}).status_code == 302
    assert (reason(image), case(number).open) == ("restricted", True)
    assert sam.post(f"/desk/cases/{number}/reopen", {"ground": "again"}).status_code == 302
    decide(sam, number, move="reject", seen=[image], same=[])
    world.grant(ines)
    assert reason(image) is None


def test_all_cases_of_a_claimant_are_decided_at_once_after_a_second_look(world: World, sam: Client) -> None:
    ines = world.person("ines")
    images = [world.image(ines) for _ in range(4)]
    world.grant(ines)
    number, *rest = (world.case(image=image, claimant="loud@example.org") for image in images[:3])
    other = world.case(image=images[3], claimant="other@example.org")
    assert f"/desk/cases/{number}/claimant" in sam.get(f"/desk/cases/{number}").content.decode()
    assert f"/desk/cases/{other}/claimant" not in sam.get(f"/desk/cases/{other}").content.decode()
    page = sam.get(f"/desk/cases/{number}/claimant").content.decode()
    assert "loud@example.org" in page
    form = {"case": [number, *rest], "images": 3, "move": "reject", "ground": "a bot"}
    address = f"/desk/cases/{number}/claimant"
    assert sam.post(address, form | {"ground": ""}).status_code == 422
    check = sam.post(address, form).content.decode()
    assert "Reject 3 cases" in check
    assert reason(images[0]) == "restricted", "the second page only asks"
    late = world.case(image=images[0], claimant="loud@example.org")
    assert sam.post(address, form | {"sure": "yes"}).status_code == 302
    assert [reason(image) for image in images] == ["restricted", None, None, "restricted"]
    assert case(late).open, "what the page did not count is not decided by it"


def test_no_case_is_decided_while_its_copies_are_looked_for(world: World, sam: Client) -> None:
    number = world.ask(jpeg(7))
    status, check = decide(sam, number, move="reject", seen=[], same=[])
    assert status == 422
    assert "We still look for copies." in check
    assert case(number).open


def test_much_in_one_day_is_an_alarm(world: World, sam: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowances, "LEAST", 2)
    ines = world.person("ines")
    images = [world.image(ines) for _ in range(2)]
    world.grant(ines)
    assert 'role="alert"' not in sam.get("/desk/").content.decode()
    for image in images:
        world.case(image=image, claimant=f"{image}@example.org")
    assert "2 pictures that were in use, in one day" in sam.get("/desk/").content.decode()


def test_a_steward_sees_the_pictures_of_the_case_and_no_others(world: World, sam: Client) -> None:
    number, [first, second] = asked_about(world)
    stranger = world.upload(world.person("zoe"), jpeg(9))
    for image in (first, second, stranger):
        originals.keep_preview(image, jpeg(8))
    for image, status in ((first, 200), (second, 200), (stranger, 404)):
        assert sam.get(f"/desk/cases/{number}/images/{image}").status_code == status
