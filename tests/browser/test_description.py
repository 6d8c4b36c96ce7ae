"""The page that describes the API, as an engineer without a network sees it."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Live, Visit


@pytest.mark.parametrize("width", [1280, 390])
def test_every_operation_is_shown_and_nothing_comes_from_elsewhere(visit: Visit, live: Live, width: int) -> None:
    page = visit().page
    asked, wrong = list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.set_viewport_size({"width": width, "height": 850})
    page.goto("/api/v1/docs")
    described = page.request.get("/api/v1/openapi.json").json()["paths"]
    expect(page.locator(".opblock")).to_have_count(sum(len(methods) for methods in described.values()))
    page.get_by_role("button", name="post /api/v1/checks", exact=False).first.press("Enter")
    expect(page.locator(".opblock.is-open")).to_contain_text("One decision a key, in the order asked")
    assert wrong == []
    assert [url for url in asked if not url.startswith((live.url, "data:"))] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
