"""The story: a face comes in, is granted, is withdrawn, is excluded everywhere, with proof."""

import hashlib
import json
from pathlib import Path
from typing import Any

from service.demo.actors import PURPOSE, Caller, Engineer, Lab, Steward, manage
from service.demo.copies import Copies
from service.demo.narrator import Narrator
from service.stack import Running

STRANGER = hashlib.sha256(b"a face that nobody brought").hexdigest()


def tell(registry: Running, pictures: list[Path]) -> None:
    """All of it, on these pictures. Raises Wrong at the first wrong answer."""
    narrator = Narrator()
    narrator.step(f"A registry is up at {registry.url}, with an empty log that is already signed")
    narrator.answer("the log's public key", registry.log_key)
    key = manage(registry, "pipeline", "add", "lab", "--purpose", PURPOSE).split()[-1]
    ines = _contributor(registry, narrator, "ines@example.org")
    lab = Lab(registry, narrator, token=key)
    engineer = Engineer(registry, narrator, key=key)
    story = _Story(narrator, ines, lab, engineer)
    images = story.contribute(pictures)
    story.refuse_what_is_no_picture(engineer.folder)
    story.ask_before(images)
    story.grant()
    manifest = story.filter_a_manifest(pictures)
    first = images[0]
    index = story.withdraw_one(first)
    story.prove(index)
    story.filter_again(manifest)
    public = Caller(registry, narrator)
    copies = Copies(narrator, lab, engineer, _steward(registry, narrator))
    copies.find_a_withdrawn_picture(pictures[0], image=first[0])
    copies.hold_an_upload(_contributor(registry, narrator, "max@example.org"), pictures[0])
    copies.ask_with_a_picture(public, pictures[1], digest=images[1][1])
    story.ask_without_an_account(public, images[1])
    story.withdraw_all(images)
    narrator.step("Everything is recomputed from the log, and equal")
    narrator.answer("$ manage.py fsck", manage(registry, "fsck"))


class _Story:
    def __init__(self, narrator: Narrator, ines: Caller, lab: Lab, engineer: Engineer) -> None:
        self.narrator, self.ines, self.lab, self.engineer = narrator, ines, lab, engineer

    def contribute(self, pictures: list[Path]) -> list[tuple[str, str]]:
        """(image, sha256) of each."""
        self.narrator.step(f"Ines brings {len(pictures)} pictures of herself")
        images = []
        for picture in pictures:
            body = self.ines.send("me/images", fields={"depicts": "self"}, file=picture, wanted=201)
            digest = hashlib.sha256(picture.read_bytes()).hexdigest()
            self.narrator.expect("the digest of what was sent", body["sha256"], digest)
            images.append((body["image"], digest))
        self.narrator.step("A worker decodes each in a child process with limits, and fingerprints it")
        decided = self.ines.until_decided([image for image, _ in images])
        for image, picture in decided.items():
            self.narrator.answer(f"GET me/images/{image}, state", picture["state"])
            self.narrator.expect(f"state of {image}", picture["state"], "registered")
        return images

    def refuse_what_is_no_picture(self, folder: Path) -> None:
        self.narrator.step("What is no picture is refused, with a reason that Ines can read")
        fake = folder / "page.jpg"
        fake.write_text("<html>not a picture</html>")
        body = self.ines.send("me/images", fields={"depicts": "self"}, file=fake, wanted=422)
        self.narrator.expect("the problem's type", body["type"], "/problems/image-unrecognised")

    def ask_before(self, images: list[tuple[str, str]]) -> None:
        self.narrator.step("A pipeline asks before anything was granted, and about a stranger")
        answers = self.lab.check([digest for _, digest in images] + [STRANGER])
        wanted = [("excluded", "not_covered")] * len(images) + [("unknown", None)]
        self.narrator.expect("the decisions", answers, wanted)

    def grant(self) -> None:
        self.narrator.step("Ines reads the notice, and grants research training of recognition for all her pictures")
        notice = self.ines.get("notices/current")
        said = {"images": "all", "purposes": [PURPOSE], "audience": "research", "notice": notice["notice"]}
        self.ines.post("me/grants", said, wanted=201)

    def filter_a_manifest(self, pictures: list[Path]) -> Path:
        self.narrator.step("An engineer syncs, and filters a manifest that also holds a stranger")
        manifest = self.engineer.folder / "manifest.parquet"
        _write_manifest(manifest, [hashlib.sha256(picture.read_bytes()).hexdigest() for picture in pictures])
        self.engineer.consentkit("sync")
        self._filter(manifest, kept=len(pictures), excluded=0, unknown=1)
        return manifest

    def withdraw_one(self, first: tuple[str, str]) -> int:
        self.narrator.step("Ines takes one picture back; whoever asks from now on is told to remove it")
        said = {"images": [first[0]], "purposes": "all"}
        body = self.ines.post("me/withdrawals", said, wanted=201)
        self.narrator.expect("the decision", self.lab.check([first[1]]), [("excluded", "remove")])
        self.narrator.step("The same again changes nothing, and says the same")
        again = self.ines.post("me/withdrawals", said, wanted=200)
        self.narrator.expect("the repeated answer", again, body)
        index: int = body["index"]
        return index

    def prove(self, index: int) -> None:
        self.narrator.step("Her receipt is verified offline, from the log's public key alone")
        receipt = self.engineer.folder / "withdrawal.tlog-proof"
        receipt.write_bytes(self.ines.receipt(f"me/receipts/{index}"))
        self.engineer.consentkit("verify", str(receipt), offline=True)
        self.narrator.step("One flipped bit in it, and it proves nothing")
        damaged = bytearray(receipt.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        altered = receipt.with_name("altered.tlog-proof")
        altered.write_bytes(damaged)
        self.engineer.consentkit("verify", str(altered), offline=True, wanted=6)

    def filter_again(self, manifest: Path) -> None:
        self.narrator.step("The engineer filters again: the change comes as a delta, and the picture is dropped")
        rows = _rows(manifest)
        self._filter(manifest, kept=rows - 2, excluded=1, unknown=1)

    def ask_without_an_account(self, public: Caller, image: tuple[str, str]) -> None:
        self.narrator.step("Somebody without an account says: that is me. Hit and miss are answered alike")
        for digest in (image[1], STRANGER):
            fields = {"sha256": digest, "contact": "noor@example.org"}
            body = public.send("requests", fields=fields, wanted=202)
            self.narrator.expect("what the answer tells", sorted(body), ["reference"])
        self.narrator.step("What was hit is restricted at once, until a steward decides")
        self.narrator.expect("the decision", self.lab.check([image[1]]), [("excluded", "wait")])

    def withdraw_all(self, images: list[tuple[str, str]]) -> None:
        self.narrator.step("Ines takes everything back")
        self.ines.post("me/withdrawals", {"images": "all", "purposes": "all"}, wanted=201)
        answers = self.lab.check([digest for _, digest in images])
        self.narrator.expect("the decisions", answers, [("excluded", "remove")] * len(images))

    def _filter(self, manifest: Path, **wanted: int) -> None:
        out = manifest.with_name("permitted.parquet")
        words = ("filter", str(manifest), "-o", str(out), "--purpose", PURPOSE, "--json")
        summary: dict[str, Any] = json.loads(self.engineer.consentkit(*words).splitlines()[-1])
        self.narrator.expect("the summary", {name: summary[name] for name in wanted}, wanted)
        self.narrator.expect("the rows written", _rows(out), wanted["kept"])


def _contributor(registry: Running, narrator: Narrator, address: str) -> Caller:
    return Caller(registry, narrator, token=manage(registry, "person", "add", address).split()[-1])


def _steward(registry: Running, narrator: Narrator) -> Steward:
    return Steward(registry, narrator, token=manage(registry, "steward", "add", "sam@example.org").split()[-1])


def _write_manifest(path: Path, digests: list[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    keys = [*digests, STRANGER]
    pq.write_table(pa.table({"sha256": keys, "row": list(range(len(keys)))}), path)


def _rows(path: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)
