"""A request from somebody without an account reaches a steward, and what the steward decides holds."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.visitor import Visitor


@pytest.mark.parametrize(
    ("scripts", "choice", "button", "words"),
    [
        (
            True,
            "Accept: revoke the pictures that are ticked",
            "Revoke 1 picture",
            "Not used for anything: we stopped it",
        ),
        (False, "Reject: lift the restriction", "Lift the restriction", "You allow: testing (research)"),
    ],
    ids=["accepted", "rejected, no scripts"],
)
def test_a_request_pauses_at_once_and_a_steward_decides(
    visit: Visit, steward: Visitor, scripts: bool, choice: str, button: str, words: str
) -> None:
    known = steward.page.context.storage_state()
    ines, jo, sam = visit(), visit(), visit(java_script_enabled=scripts, storage_state=known)
    name = choice.split(":", maxsplit=1)[0].lower()
    ines.sign_in(f"shown-{name}@example.com")
    [picture] = ines.draw(1)
    ines.add([picture])
    ines.follow("Choose what they may be used for")
    ines.allow("Testing")

    reference = jo.ask(picture, f"jo-{name}@example.com")
    ines.page.goto("/pictures")
    ines.sees("Paused while we look at a request")

    sam.compare(reference, pictures=1)
    expect(sam.page.get_by_role("img", name="From the request")).to_be_visible()
    shown = sam.page.get_by_role("img", name="From the request").get_attribute("src")
    assert shown
    expect(sam.page.locator(".clock")).to_have_text(re.compile(r"Due in (2[89]|3[01]) days"))
    sam.page.get_by_label(choice).check()
    sam.press("Go on")
    expect(sam.page.get_by_role("alert")).to_contain_text("Give the reason.")
    sam.page.get_by_label("Reason").fill("Seen side by side.")
    sam.press("Go on")
    sam.press(button)
    sam.sees("Seen side by side.")
    sam.sees("The picture that came with this request was deleted.")
    assert sam.page.request.get(shown).status == 404
    ines.page.goto("/pictures")
    ines.sees(words)


def test_a_hit_and_a_miss_are_answered_alike(visit: Visit) -> None:
    ines = visit()
    ines.sign_in("alike@example.com")
    known, strange = ines.draw(2)
    ines.add([known])
    answers = []
    for place, picture in enumerate((known, strange, ines.altered(known))):
        jo = visit()
        reference = jo.lodge(picture, f"alike-{place}@example.com")
        lodged = jo.page.content()
        jo.prove(f"alike-{place}@example.com")
        answers.append([page.replace(reference, "REFERENCE") for page in (lodged, jo.page.content())])
    for pages in zip(*answers, strict=True):
        assert len({re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", page) for page in pages}) == 1


def test_the_askers_picture_is_for_stewards_only(visit: Visit, steward: Visitor) -> None:
    jo, ines, sam = visit(), visit(), steward
    reference = jo.ask(jo.draw(1)[0], "jo-alone@example.com")
    sam.page.goto("/desk/")
    sam.page.get_by_role("link", name=reference).click()
    sam.sees("No picture here is a copy of what was asked about.")
    address = f"{sam.page.url}/asked"
    assert sam.page.request.get(address).status == 200
    ines.sign_in("curious@example.com")
    assert ines.page.request.get(address).status == 404
    assert jo.page.request.get(address, max_redirects=0).status == 302
