"""The contributor's story, through the pages, with scripts and without."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from consentkit.notes import Verifier
from consentkit.receipts import verify
from consentkit.scopes import PURPOSES
from tests.browser.conftest import Live, Visit
from tests.browser.visitor import Visitor

DAY = timezone.now().date() + timedelta(days=100)
IN_WORDS = f"{DAY.day} {DAY:%B %Y}"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_from_the_first_picture_to_the_receipt_that_all_has_stopped(visit: Visit, live: Live, scripts: bool) -> None:
    ines = visit(java_script_enabled=scripts)
    ines.sign_in(f"ines-{scripts}@example.com".lower(), wanting="/pictures/add")
    ines.reads("Which pictures do you want to add?")
    ines.add(ines.draw(2))
    ines.follow("Choose what they may be used for")
    ines.allow("Recognition and analysis", "Testing", day=DAY.isoformat())
    ines.reads(f"Allowed until {IN_WORDS}")
    given = verify(ines.receipt(), Verifier.parse(live.log_key))
    assert [item["purposes"] for item in given.items] == [["ai_training", "evaluation"]] * 2

    ines.follow("My pictures")
    said = ines.page.get_by_text(f"You allow: recognition and analysis, testing (research), until {IN_WORDS}.")
    expect(said).to_have_count(2)

    ines.page.get_by_role("navigation").get_by_role("link", name="Stop using my pictures").click()
    ines.reads("Stop using all your pictures?")
    ines.press("Stop using my pictures")
    expect(ines.page.get_by_role("heading", level=1)).to_have_text(re.compile(r"^Stopped at \d\d:\d\d$"))
    ines.sees("0 of 1 organisation updated")
    taken_back = verify(ines.receipt(), Verifier.parse(live.log_key))
    assert taken_back.index > given.index
    assert [item["purposes"] for item in taken_back.items] == [list(PURPOSES)] * 2

    ines.follow("My pictures")
    expect(ines.page.get_by_text("Not used for anything.")).to_have_count(2)
    no_word_of_ours(ines)


def no_word_of_ours(visitor: Visitor) -> None:
    """What the law and the core call things never stands on a contributor's page."""
    text = visitor.page.get_by_role("main").inner_text().lower()
    assert re.findall(r"withdraw|revoke|standing|exclu|permitted|fingerprint|pipeline", text) == []


def test_one_file_that_is_no_picture_does_not_lose_the_other(visit: Visit) -> None:
    ines = visit()
    ines.sign_in("two-files@example.com")
    letter = ines.desk / "letter.txt"
    letter.write_text("Dear registry")
    ines.add([*ines.draw(1), letter])
    ines.sees("This file is not a picture that we can read.")
    ines.sees("2 of 2 checked.")
    ines.page.goto("/pictures")
    ines.sees("1 picture.")


def test_one_use_of_one_picture_is_stopped_and_the_rest_stays(visit: Visit) -> None:
    ines = visit()
    ines.sign_in("one-use@example.com")
    ines.add(ines.draw(1))
    ines.follow("Choose what they may be used for")
    ines.allow("Recognition and analysis", "Testing")
    ines.page.goto("/pictures")
    ines.page.locator(".gallery a").click()
    ines.follow("Stop this use (testing)")
    ines.sees("This use stops, at once: testing.")
    ines.press("Stop using this picture")
    ines.sees("No longer allowed: testing.")
    ines.follow("My pictures")
    ines.sees("You allow: recognition and analysis (research)")


def test_a_refusal_stands_on_the_page_and_the_answers_stay(visit: Visit) -> None:
    ines = visit()
    ines.sign_in("refused@example.com")
    ines.add(ines.draw(1))
    ines.follow("Choose what they may be used for")
    ines.press("I have read it, go on")
    ines.press("Go on")
    expect(ines.page.get_by_role("alert")).to_contain_text("Tick at least one")
    for box in ines.page.get_by_role("checkbox").all():
        expect(box).not_to_be_checked()
    ines.page.get_by_label("Testing").check()
    ines.press("Go on")
    ines.page.get_by_label("Companies").check()
    ines.press("Go on")
    ines.page.get_by_label("The day on which it ends").fill("2020-01-01")
    ines.press("Go on")
    expect(ines.page.get_by_role("alert")).to_contain_text("Enter a day in the future.")
    expect(ines.page.get_by_label("Until a day that I choose")).to_be_checked()


def test_a_notice_that_was_not_read_is_refused_on_the_last_page(visit: Visit) -> None:
    ines = visit()
    ines.sign_in("altered-notice@example.com")
    ines.add(ines.draw(1))
    ines.follow("Choose what they may be used for")
    ines.page.locator("input[name=notice]").evaluate(f"field => {{ field.value = '{uuid4()}' }}")
    ines.press("I have read it, go on")
    ines.page.get_by_label("Testing").check()
    ines.press("Go on")
    ines.page.get_by_label("Research").check()
    ines.press("Go on")
    ines.page.get_by_label("As long as the notice allows").check()
    ines.press("Go on")
    ines.press("Allow this")
    expect(ines.page.get_by_role("alert")).to_contain_text("notice")
    expect(ines.page.get_by_role("link", name="Read the notice that holds now")).to_be_visible()
    ines.page.goto("/pictures")
    ines.sees("You allow no use of them.")


def test_an_upload_that_looks_like_a_stopped_picture_reads_like_any_other(visit: Visit, steward: Visitor) -> None:
    ines, max_, sam = visit(), visit(), steward
    ines.sign_in("stopped@example.com")
    [picture] = ines.draw(1)
    ines.add([picture])
    ines.page.goto("/stop?pictures=all")
    ines.press("Stop using my pictures")
    max_.sign_in("held@example.com")
    max_.add([max_.altered(picture, off=0.08)])
    max_.sees("Added. Not used for anything.")
    max_.follow("Choose what they may be used for")
    max_.allow("Testing")
    max_.page.goto("/pictures")
    expect(max_.page.locator(".said")).to_contain_text("You allow: testing (research)")
    max_.page.locator(".gallery a").click()
    expect(max_.page.locator(".said")).to_contain_text("You allow: testing (research)")
    told = max_.page.get_by_role("main").inner_text().lower()
    assert re.findall(r"request|paused|restrict|copy|copies|another|somebody|looks like", told) == []

    sam.page.goto("/desk/")
    row = sam.page.get_by_role("row").filter(
        has_text="An upload looks like a picture that must not be used"
    )  # newest last
    row.last.get_by_role("link").click()
    expect(sam.page.get_by_role("img", name="The upload")).to_be_visible()
    expect(sam.page.get_by_role("img", name="The picture that must not be used")).to_be_visible()
    sam.sees("Mirrored and cropped")
    sam.page.get_by_label("It is another picture").check()
    sam.page.get_by_label("Reason").fill("Taken a second later.")
    sam.press("Go on")
    sam.press("Register it as it is")
    max_.page.goto("/pictures")
    max_.sees("You allow: testing (research)")


def test_nobody_sees_somebody_elses_picture(visit: Visit) -> None:
    ines, mallory = visit(), visit()
    ines.sign_in("owner@example.com")
    ines.add(ines.draw(1))
    ines.page.goto("/pictures")
    picture = ines.page.locator(".gallery a").get_attribute("href")
    assert picture
    preview = ines.page.request.get(f"{picture}/preview")
    assert (preview.status, preview.headers["content-type"]) == (200, "image/jpeg")
    assert preview.headers["x-content-type-options"] == "nosniff"
    mallory.sign_in("mallory@example.com")
    number = picture.removeprefix("/pictures/")
    for address in (picture, f"{picture}/preview", f"/stop?pictures={number}", f"/allow?pictures={number}", "/desk/"):
        assert mallory.page.request.get(address).status == 404, address


def test_known_and_unknown_addresses_look_alike(visit: Visit) -> None:
    pages = []
    for address in ("ines@example.org", "nobody@example.org"):
        visitor = visit()
        visitor.page.goto("/accounts/login/code/")
        visitor.page.get_by_label("Your e-mail address").fill(address)
        visitor.press("Send me a code")
        visitor.reads("What is the code?")
        pages.append(visitor.page.get_by_role("main").inner_text().replace(address, "you"))
    assert pages[0] == pages[1]
