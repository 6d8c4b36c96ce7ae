"""Somebody in front of the portal: what they do, by the words they see."""

import re
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote

from PIL import Image, ImageOps
from playwright.sync_api import Page, expect

from service.demo.portraits import draw

_seeds = count(1)


@dataclass(frozen=True)
class Visitor:
    """A window, the folder where mail arrives, and a desk with drawn pictures on it."""

    page: Page
    mail: Path
    desk: Path

    def press(self, name: str) -> None:
        self.page.get_by_role("main").get_by_role("button", name=name).click()

    def follow(self, name: str) -> None:
        self.page.get_by_role("main").get_by_role("link", name=name, exact=True).click()

    def reads(self, words: str) -> None:
        """The page's question or headline is this."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(words)

    def sees(self, words: str) -> None:
        expect(self.page.get_by_role("main")).to_contain_text(words)

    def sign_in(self, address: str, *, wanting: str = "/pictures") -> None:
        """Through the page that asks for an address, with the code from the mail."""
        before = set(self._letters())
        self.page.goto(f"/accounts/login/code/?next={quote(wanting)}")
        self.page.get_by_label("Your e-mail address").fill(address)
        self.press("Send me a code")
        self.page.get_by_label("The code").fill(self.code(address, before=before))
        self.press("Sign in")

    def code(self, address: str, *, before: set[Path]) -> str:
        """The code of the letter to this address that was not there before."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            for letter in set(self._letters()) - before:
                text = letter.read_text()
                found = re.search(r"^Your code: (\S+)$", text, re.M)
                if f"To: {address}" in text and found:
                    return found.group(1)
            time.sleep(0.05)
        raise AssertionError(f"no code came for {address}")

    def _letters(self) -> list[Path]:
        return list(self.mail.glob("*")) if self.mail.exists() else []

    def draw(self, pictures: int) -> list[Path]:
        """Pictures that nobody has brought before."""
        drawn = []
        for seed in (next(_seeds) for _ in range(pictures)):
            path = self.desk / f"portrait-{seed}.jpg"
            path.write_bytes(draw(seed, (320, 400)))
            drawn.append(path)
        return drawn

    def altered(self, picture: Path, *, off: float = 0.0) -> Path:
        """Mirrored and saved again; without this share of the side on each side."""
        with Image.open(picture) as whole:
            across, down = round(whole.width * off), round(whole.height * off)
            part = whole.crop((across, down, whole.width - across, whole.height - down))
        path = self.desk / f"altered-{picture.name}"
        ImageOps.mirror(part).save(path, "JPEG", quality=85)
        return path

    def add(self, files: list[Path]) -> None:
        """Pictures of themselves; waits until each is checked."""
        self.bring(files)
        self.wait_until_checked()

    def bring(self, files: list[Path]) -> None:
        """Pictures of themselves."""
        self.page.goto("/pictures/add")
        self.page.get_by_label("Pictures", exact=True).set_input_files(files)
        self.page.get_by_label("Me", exact=True).check()
        self.press("Add these pictures")

    def ask(self, picture: Path, contact: str) -> str:
        """Without an account: that is me. From then on it counts. The reference. An address asks once."""
        reference = self.lodge(picture, contact)
        self.prove(contact)
        return reference

    def lodge(self, picture: Path, contact: str) -> str:
        """A request that does not count yet: its code is on its way. The reference."""
        self.page.goto("/requests/new")
        self.page.get_by_label("The picture").set_input_files(picture)
        self.page.get_by_label("Your e-mail address").fill(contact)
        self.press("Send my request")
        self.reads("Your request has come")
        return self.page.locator(".confirmed b").inner_text()

    def prove(self, contact: str) -> None:
        """Type in the code that came by mail, on the page that says that the request has come."""
        self.page.get_by_label("The code from our e-mail").fill(self.code(contact, before=set()))
        self.press("Go on")
        self.reads("Your request counts")

    def compare(self, reference: str, *, pictures: int) -> None:
        """A steward opens a case, and waits until its pictures have been found."""
        self.page.goto("/desk/")
        self.page.get_by_role("link", name=reference).click()
        looking = self.page.get_by_text("We are still looking for copies.")
        until = time.monotonic() + 30
        while looking.is_visible() and time.monotonic() < until:
            self.page.wait_for_timeout(300)
            if not self.page.evaluate("typeof htmx !== 'undefined'"):
                self.follow("Look again")
        expect(looking).to_have_count(0)
        expect(self.page.locator(".pair")).to_have_count(pictures)

    def wait_until_checked(self) -> None:
        """The page looks again by itself; without scripts the visitor does."""
        done = self.page.get_by_role("heading", name="Your pictures have been checked")
        until = time.monotonic() + 30
        while not done.is_visible() and time.monotonic() < until:
            self.page.wait_for_timeout(300)
            again = self.page.get_by_role("link", name="Look again")
            if not self.page.evaluate("typeof htmx !== 'undefined'") and again.is_visible():
                again.click()
        expect(done).to_be_visible()

    def allow(self, *purposes: str, audience: str = "Research", day: str = "") -> None:
        """From the page that follows adding, or from ticked pictures, to the confirmation."""
        self.reads("What would you be agreeing to?")
        self.press("I have read it, go on")
        for purpose in purposes:
            self.page.get_by_label(purpose).check()
        self.press("Go on")
        self.page.get_by_label(audience).check()
        self.press("Go on")
        if day:
            self.page.get_by_label("Until a day that I choose").check()
            self.page.get_by_label("The day on which it ends").fill(day)
        else:
            self.page.get_by_label("As long as the notice allows").check()
        self.press("Go on")
        self.reads("Check your answers")
        self.press("Allow this")

    def receipt(self) -> bytes:
        """The file behind the button, as soon as it is signed."""
        link = self.page.get_by_role("link", name="Download your receipt")
        address = link.get_attribute("href")
        assert address
        until = time.monotonic() + 10
        while time.monotonic() < until:
            answer = self.page.request.get(address)
            if answer.status == 200:
                assert "attachment" in answer.headers["content-disposition"]
                return answer.body()
            assert answer.status == 202
            time.sleep(0.2)
        raise AssertionError("the receipt was not signed")
