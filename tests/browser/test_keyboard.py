"""Stopping with the keyboard alone: Tab, Enter and Space."""

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.visitor import Visitor

FARTHEST = 60  # presses of Tab to anything on a page


def tab_to(visitor: Visitor, words: str) -> None:
    """Until what has the focus says this."""
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


def test_an_error_takes_the_focus_and_leads_to_its_field(visit: Visit) -> None:
    jo = visit()
    jo.page.goto("/requests/new")
    jo.press("Send my request")
    expect(jo.page.get_by_role("alert")).to_be_focused()
    jo.page.keyboard.press("Tab")
    jo.page.keyboard.press("Enter")
    expect(jo.page.get_by_label("The picture")).to_be_focused()
