"""A request from somebody without an account reaches a steward, and what the steward decides holds."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.visitor import Visitor


def asked(jo: Visitor, contact: str) -> str:
    """The reference of a request whose form was filled in but for the contact."""
    jo.page.get_by_label("Your e-mail address").fill(contact)
    jo.press("Send my request")
    jo.reads("Your request has come")
    return jo.page.locator(".confirmed b").inner_text()


@pytest.mark.parametrize(
    ("choice", "button", "words"),
    [
        ("Accept: revoke these pictures", "Revoke these pictures", "Not used for anything: we stopped it"),
        ("Reject: lift the restriction", "Lift the restriction", "May be used for: testing (research)"),
    ],
    ids=["accepted", "rejected"],
)
def test_a_request_pauses_at_once_and_a_steward_decides(
    visit: Visit, steward: Visitor, choice: str, button: str, words: str
) -> None:
    ines, jo, sam = visit(), visit(), steward
    name = choice.split(":", maxsplit=1)[0].lower()
    ines.sign_in(f"shown-{name}@example.com")
    [picture] = ines.draw(1)
    ines.add([picture])
    ines.follow("Choose what they may be used for")
    ines.allow("Testing")

    jo.page.goto("/requests/new")
    jo.page.get_by_label("The picture").set_input_files(picture)
    reference = asked(jo, f"jo-{name}@example.com")
    ines.page.goto("/pictures")
    ines.sees("paused while we look at a request")

    sam.page.goto("/desk/")
    sam.page.get_by_role("link", name=reference).click()
    expect(sam.page.locator(".clock")).to_have_text(re.compile(r"Due in (2[89]|3[01]) days"))
    sam.page.get_by_label(choice).check()
    sam.press("Go on")
    expect(sam.page.get_by_role("alert")).to_contain_text("Give the reason.")
    sam.page.get_by_label("Reason").fill("Seen side by side.")
    sam.press("Go on")
    sam.press(button)
    sam.sees("Seen side by side.")
    ines.page.goto("/pictures")
    ines.sees(words)


def test_a_hit_and_a_miss_are_answered_alike(visit: Visit) -> None:
    ines = visit()
    ines.sign_in("alike@example.com")
    known, strange = ines.draw(2)
    ines.add([known])
    answers = []
    for place, picture in enumerate((known, strange)):
        jo = visit()
        jo.page.goto("/requests/new")
        jo.page.get_by_label("The picture").set_input_files(picture)
        reference = asked(jo, f"alike-{place}@example.com")
        answers.append(jo.page.content().replace(reference, "REFERENCE"))
    hit, miss = (re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", answer) for answer in answers)
    assert hit == miss
