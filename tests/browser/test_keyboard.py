"""Stopping with the keyboard alone: Tab, Enter and Space."""

import re

from playwright.sync_api import expect

from service.stack import demonstration
from tests.browser.conftest import Live, Visit
from tests.browser.visitor import Visitor

FARTHEST = 60  # presses of Tab to anything on a page


def tab_to(visitor: Visitor, words: str) -> None:
    """Until what has the focus says this; a group of radio buttons is one stop, at its first."""
    for _ in range(FARTHEST):
        visitor.page.keyboard.press("Tab")
        focused = visitor.page.evaluate(
            "(document.activeElement.labels?.[0] ?? document.activeElement).innerText.trim()"
        )
        if focused.startswith(words):
            return
    raise AssertionError(f"{words!r} is not reached with Tab")


def test_everything_is_stopped_with_the_keyboard(visit: Visit) -> None:
    ines = visit()
    ines.sign_in("keyboard@example.com")
    ines.add(ines.draw(1))
    ines.page.goto("/pictures")
    ines.page.keyboard.press("Tab")
    expect(ines.page.get_by_role("link", name="Skip to the page")).to_be_focused()
    tab_to(ines, "All my pictures")
    ines.page.keyboard.press("Space")
    tab_to(ines, "Stop using them")
    ines.page.keyboard.press("Enter")
    ines.reads("Stop using all your pictures?")
    tab_to(ines, "Stop using my pictures")  # in the navigation
    tab_to(ines, "Stop using my pictures")
    ines.page.keyboard.press("Space")
    expect(ines.page.get_by_role("heading", level=1)).to_contain_text("Stopped at")


def test_who_used_them_is_reached_with_the_keyboard(visit: Visit) -> None:
    ines = visit()
    ines.sign_in("keyboard-used@example.com")
    tab_to(ines, "Who used them")
    ines.page.keyboard.press("Enter")
    ines.reads("Who used my pictures")
    tab_to(ines, "My pictures")


def test_an_error_takes_the_focus_and_leads_to_its_field(visit: Visit) -> None:
    jo = visit()
    jo.page.goto("/requests/new")
    jo.press("Send my request")
    expect(jo.page.get_by_role("alert")).to_be_focused()
    jo.page.keyboard.press("Tab")
    jo.page.keyboard.press("Enter")
    expect(jo.page.get_by_label("The picture")).to_be_focused()


def test_a_token_opens_the_desk_with_the_keyboard(visit: Visit, live: Live) -> None:
    sam = visit()
    sam.page.goto("/desk/sign-in")
    tab_to(sam, "Your token")
    sam.page.keyboard.type(demonstration(live.home)["steward_token"])
    sam.page.keyboard.press("Enter")
    sam.reads("What waits for you")


def test_each_picture_of_a_case_is_decided_with_the_keyboard(visit: Visit, steward: Visitor) -> None:
    ines, max_, jo, sam = visit(), visit(), visit(), steward
    [picture] = ines.draw(1)
    for visitor, brought in ((ines, picture), (max_, ines.altered(picture))):
        visitor.sign_in(f"keys-{brought.stem}@example.com")
        visitor.add([brought])
        visitor.follow("Choose what they may be used for")
        visitor.allow("Testing")
    reference = jo.ask(picture, "jo-keys@example.com")

    sam.compare(reference, pictures=2)
    boxes = sam.page.get_by_role("checkbox", name="is the same picture")
    expect(boxes).to_have_count(2)
    for box in boxes.all():
        expect(box).to_be_checked()
    tab_to(sam, "Lay one over the other")
    sam.page.keyboard.press("Space")
    first, second = sam.page.locator(".pair").first.locator("figure").all()
    assert first.bounding_box() == second.bounding_box()
    tab_to(sam, "Picture 2 is the same picture")
    sam.page.keyboard.press("Space")
    tab_to(sam, "Accept: revoke the pictures that are ticked")
    sam.page.keyboard.press("Space")
    tab_to(sam, "Reason")
    sam.page.keyboard.type("One of them is another picture.")
    tab_to(sam, "Go on")
    sam.page.keyboard.press("Enter")
    expect(sam.page.locator(".outcomes li")).to_have_text([re.compile("it will be revoked"), re.compile("holds")])
    tab_to(sam, "Revoke 1 picture")
    sam.page.keyboard.press("Enter")
    sam.sees("Revoked: the same picture.")
    sam.sees("Not restricted any more: another picture.")
    said = []
    for visitor in (ines, max_):
        visitor.page.goto("/pictures")
        said.append(visitor.page.locator(".said").inner_text())
    assert sorted(text[:10] for text in said) == ["Not used f", "You allow:"]
