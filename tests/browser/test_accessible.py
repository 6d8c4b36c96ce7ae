"""axe finds nothing, on any page, in light and dark, on a desk and on a telephone; and nothing runs off the side."""

from collections.abc import Iterator

from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import Visit
from tests.browser.visitor import Visitor

LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (1280, 390)]
AXE = Axe()


def faults(visitor: Visitor) -> list[str]:
    """What axe says of the page as it stands, in every look, and whether it is wider than the window."""
    page, found = visitor.page, []
    page.wait_for_load_state()
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 850})
        where = f"{page.url}, {scheme}, {width} px"
        violations = AXE.run(page, options={"resultTypes": ["violations"]}).response["violations"]
        found += [f"{where}: {each['id']} at {[node['target'] for node in each['nodes']]}" for each in violations]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{where}: wider than the window")
    return found


def everywhere(visitor: Visitor, name: str) -> Iterator[None]:
    """The visitor walks past every page; each stop is one page to look at."""
    page = visitor.page
    page.goto("/")
    yield
    page.goto("/accounts/signup/")
    yield
    visitor.press("Send me a code")
    yield
    page.get_by_label("Your e-mail address").fill(f"{name}@example.com")
    visitor.press("Send me a code")
    yield
    visitor.sign_in(f"{name}@example.com")
    yield
    page.goto("/pictures/add")
    yield
    page.get_by_label("Pictures", exact=True).set_input_files(visitor.draw(1))
    visitor.press("Add these pictures")
    yield
    visitor.add(visitor.draw(2))
    yield
    visitor.follow("Choose what they may be used for")
    yield
    visitor.press("I have read it, go on")
    yield
    visitor.press("Go on")
    yield
    page.get_by_label("Making new pictures").check()
    visitor.press("Go on")
    yield
    page.get_by_label("Research").check()
    visitor.press("Go on")
    yield
    visitor.press("Go on")
    yield
    page.get_by_label("As long as").check()
    visitor.press("Go on")
    yield
    visitor.press("Allow this")
    yield
    page.goto("/pictures")
    yield
    page.goto("/pictures?to=stop")
    yield
    page.locator(".gallery a").first.click()
    yield
    visitor.follow("Correct this")
    yield
    visitor.press("Correct it")
    yield
    page.goto("/used")
    yield
    page.goto("/access")
    page.get_by_text("Make a token").first.click()
    page.get_by_label("Which app is it for?").fill("my phone")
    visitor.press("Make a token")
    yield
    page.goto("/stop?pictures=all")
    yield
    visitor.press("Stop using my pictures")
    yield
    page.goto("/accounts/logout/")
    yield
    page.goto("/nowhere")
    yield
    page.goto("/requests/new")
    yield
    visitor.press("Send my request")
    yield
    page.goto("/requests/proof")
    yield
    visitor.press("Go on")
    yield


def desk(visitor: Visitor, reference: str) -> Iterator[None]:
    page = visitor.page
    page.goto("/desk/")
    yield
    visitor.compare(reference, pictures=1)
    yield
    page.get_by_text("What the figures mean").click()
    page.get_by_label("Lay one over the other").check()
    page.get_by_label("Flip the first").check()
    yield
    visitor.press("Go on")
    yield
    page.get_by_label("Accept: revoke").check()
    page.get_by_label("Reason").fill("The same.")
    visitor.press("Go on")
    yield
    visitor.press("Revoke 1 picture")
    yield
    page.goto("/desk/closed")
    yield
    page.goto("/desk/answers")
    yield


def token(visitor: Visitor) -> Iterator[None]:
    visitor.page.goto("/desk/sign-in")
    yield
    visitor.page.get_by_label("Your token").fill("a guess")
    visitor.press("Sign in")
    yield


def test_every_page_is_accessible(visit: Visit) -> None:
    contributor = visit()
    assert [fault for _ in everywhere(contributor, "looking") for fault in faults(contributor)] == []


def test_the_desk_is_accessible(visit: Visit, steward: Visitor) -> None:
    stranger, ines, jo = visit(), visit(), visit()
    assert [fault for _ in token(stranger) for fault in faults(stranger)] == []
    ines.sign_in("compared@example.com")
    [picture] = ines.draw(1)
    ines.add([picture])
    reference = jo.ask(jo.altered(picture), "jo@example.com")
    assert faults(jo) == []
    assert [fault for _ in desk(steward, reference) for fault in faults(steward)] == []
