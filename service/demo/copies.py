"""The chapter of the copies: what was withdrawn is found again, cropped and mirrored, and nobody is harmed by it."""

import hashlib
import json
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from service.demo.actors import PURPOSE, Caller, Engineer, Lab, Steward
from service.demo.narrator import Narrator
from service.demo.portraits import draw

SHARE = 0.84  # of the side that is left of a cropped copy
A_STRANGERS = 1_001  # a portrait that nobody brought


class Copies:
    """Each step makes its own copies, in the engineer's folder."""

    def __init__(self, narrator: Narrator, lab: Lab, engineer: Engineer, steward: Steward) -> None:
        self.narrator, self.lab, self.engineer, self.steward = narrator, lab, engineer, steward
        self.stranger = engineer.folder / "stranger.jpg"
        self.stranger.write_bytes(draw(A_STRANGERS))

    def find_a_withdrawn_picture(self, picture: Path, *, image: str) -> None:
        self.narrator.step("The engineer finds a mirrored crop of the withdrawn picture on the web, and asks")
        copy = self._altered(picture, "web.jpg", share=SHARE, mirrored=True)
        found = self._match(copy, wanted=3)
        self.narrator.expect("the decision", (found["decision"], found["reason"]), ("excluded", "remove"))
        told = [(each["image"], each["alteration"]) for each in found["matches"]]
        self.narrator.expect("what it is a copy of", told, [(image, "mirrored, cropped")])
        self.narrator.step("A stranger's picture matches nothing; that permits nothing either")
        found = self._match(self.stranger, wanted=0)
        self.narrator.expect("the answer", (found["decision"], found["matches"]), ("unknown", []))

    def hold_an_upload(self, max_: Caller, picture: Path) -> None:
        self.narrator.step("Max uploads a crop of it as a picture of himself: it stays out, and he is not told why")
        copy = self._altered(picture, "max.jpg", share=SHARE, mirrored=False)
        body = max_.send("me/images", fields={"depicts": "self"}, file=copy, wanted=201)
        max_.until_decided([body["image"]])
        self.lab.until_decided_as(body["sha256"], "excluded", "wait")
        self.narrator.step("A steward sees both pictures side by side, and decides: the same. It stays out for good")
        case = self.steward.find("An upload looks like a picture that must not be used")
        self._expect_words(self.steward.reads(case), "The upload", "Cropped", "of 248 bits differ", "Restricted")
        self.steward.decides(case, move="accept", ground="The same portrait, cropped.")
        self.narrator.expect("the decision", self.lab.check([body["sha256"]]), [("excluded", "remove")])

    def ask_with_a_picture(self, public: Caller, picture: Path, *, digest: str) -> None:
        self.narrator.step("Noor, without an account, sends another of Ines's pictures, mirrored: that is me")
        references = []
        for sent in (self._altered(picture, "noor.jpg", share=1.0, mirrored=True), self.stranger):
            body = public.send("requests", fields={"contact": "noor@example.org"}, file=sent, wanted=202)
            self.narrator.expect("what the answer tells", sorted(body), ["reference"])
            references.append(body["reference"])
        self.narrator.step("A worker finds the copy, and its use is paused; nothing is decided by that")
        self.lab.until_decided_as(digest, "excluded", "wait")
        self.narrator.step("The steward compares: it is Ines, so the pause ends and Noor's picture is deleted")
        case = self.steward.find(references[0])
        self._expect_words(self.steward.reads(case), "From the request", "Mirrored", "of 248 bits differ")
        self.narrator.expect("Noor's picture", self.steward.kind_of(f"{case}/asked"), (200, "image/jpeg"))
        self.steward.decides(case, move="reject", ground="Ines is shown, and she brought it herself.")
        self.narrator.expect("the decision", self.lab.check([digest]), [("permitted", None)])
        self._expect_words(self.steward.reads(case), "The picture that came with this request was deleted.")
        self.narrator.expect("Noor's picture, status", self.steward.kind_of(f"{case}/asked")[0], 404)

    def _match(self, picture: Path, *, wanted: int) -> dict[str, Any]:
        [line] = self.engineer.consentkit(
            "match", str(picture), "--purpose", PURPOSE, "--json", wanted=wanted
        ).splitlines()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _altered(self, picture: Path, name: str, *, share: float, mirrored: bool) -> Path:
        """Its middle, saved again."""
        with Image.open(picture) as opened:
            whole = ImageOps.exif_transpose(opened).convert("RGB")
        width, height = round(whole.width * share), round(whole.height * share)
        left, top = (whole.width - width) // 2, (whole.height - height) // 2
        part = whole.crop((left, top, left + width, top + height))
        copy = self.engineer.folder / name
        (ImageOps.mirror(part) if mirrored else part).save(copy, "JPEG", quality=85)
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (picture, copy)]
        self.narrator.answer("a copy with other bytes", digests[1])
        self.narrator.expect("that the bytes differ", digests[0] != digests[1], wanted=True)
        return copy

    def _expect_words(self, page: str, *words: str) -> None:
        self.narrator.expect("words missing on the page", [each for each in words if each not in page], [])
