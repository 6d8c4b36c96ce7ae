"""What must be so, told a second time: from RFC 6962 and from the laws in plain loops, as slowly as it likes.

Nothing of `consentkit`'s trees and notes, of `consent.rules` or of `consent.exclusions` is used here: a mistake there
must not be made here too. Purposes, audiences and reasons are written out for the same reason.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PURPOSES: Final = ["ai_training", "ai_generative_training", "ai_inference", "data_mining", "evaluation"]
AUDIENCES: Final = ["research", "commercial"]
SCOPES: Final = [(purpose, audience) for purpose in PURPOSES for audience in AUDIENCES]

# Inner reasons by their stored numbers, and what a pipeline is told of each.
WITHDRAWN, REVOKED, RESTRICTED, SIGNAL, FROM_EXCLUDED, UNCONFIRMED = 20, 30, 50, 60, 70, 80
UNFINGERPRINTED, NOT_GRANTED, NO_GRANT = 90, 120, 130
TOLD: Final = {
    WITHDRAWN: "remove",
    REVOKED: "remove",
    RESTRICTED: "wait",
    SIGNAL: "wait",
    FROM_EXCLUDED: "not_covered",
    UNCONFIRMED: "wait",
    UNFINGERPRINTED: "unknown",
    NOT_GRANTED: "not_covered",
    NO_GRANT: "not_covered",
}
DUTIES: Final = {"not_covered": 1, "wait": 2, "remove": 3}  # of an attested image, the weakest first
TOLD_CODES: Final = [None, "remove", "wait", "not_covered", "unknown"]

HOLDS: Final = ("restricted", "noted", "lifted", "revoked")

Item = dict[str, Any]
Ruling = tuple[int | None, int | None]  # until (Unix seconds), reason: exactly one of the two is None


@dataclass(frozen=True)
class Happened:
    """One act of the log: its id and its items, in order."""

    act: str
    items: list[Item]


# RFC 6962, section 2.1


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry)


def root(entries: Sequence[bytes]) -> bytes:
    """MTH of the entries."""
    return root_of_hashes([leaf_hash(entry) for entry in entries])


def root_of_hashes(hashes: Sequence[bytes]) -> bytes:
    if not hashes:
        return sha256(b"")
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return sha256(b"\x01" + root_of_hashes(hashes[:k]) + root_of_hashes(hashes[k:]))


def path(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """PATH(m, D[n])."""
    n = len(entries)
    if n == 1:
        return []
    k = 1
    while k * 2 < n:
        k *= 2
    if m < k:
        return [*path(m, entries[:k]), root(entries[k:])]
    return [*path(m - k, entries[k:]), root(entries[:k])]


def items_root(commitments: Sequence[bytes]) -> bytes:
    """Leaf hashes of the commitments, then of empty strings up to a power of two."""
    padded = list(commitments)
    while len(padded) & (len(padded) - 1):
        padded.append(b"")
    return root(padded)


def tile(level: int, index: int, entries: Sequence[bytes]) -> bytes:
    """A full tile: 256 roots over 256**level entries each (C2SP tlog-tiles)."""
    span = 256**level
    first = index * 256
    return b"".join(root(entries[at * span : (at + 1) * span]) for at in range(first, first + 256))


# C2SP signed-note and tlog-checkpoint


def open_note(note: str, verifier_key: str) -> tuple[str, int, bytes]:
    """Origin, size and root of a checkpoint with one signature by this key; an AssertionError otherwise."""
    text, signatures = note.rsplit("\n\n", 1)
    text += "\n"
    name, _, key = verifier_key.split("+", 2)
    public = base64.b64decode(key)
    assert public[:1] == b"\x01"
    (line,) = signatures.splitlines()
    dash, signed_by, signature = line.split(" ")
    raw = base64.b64decode(signature)
    assert (dash, signed_by) == ("—", name)
    assert raw[:4] == sha256(name.encode() + b"\n" + public)[:4]
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(raw[4:], text.encode())
    origin, size, hashed, end = text.split("\n")
    assert (origin, end) == (name, "")
    return origin, int(size), base64.b64decode(hashed)


# The laws, for one image and one scope


def images(story: Iterable[Happened]) -> list[str]:
    """Every image ever submitted, once."""
    submitted = [item["image"] for happened in story for item in happened.items if item["what"] == "submitted"]
    return list(dict.fromkeys(submitted))


def statements(events: Sequence[Item]) -> dict[str, Item]:
    """By who brought it, the newest statement that no steward found false. `events` are of one image, in order."""
    newest: dict[str, Item] = {}
    for item in events:
        if item["what"] in ("submitted", "corrected"):
            newest[item["person"]] = item
        if item["what"] == "dismissed":
            del newest[item["person"]]
    return newest


def rule(story: Sequence[Happened], image: str, purpose: str, audience: str) -> Ruling:
    """What the log says of this image for this use: scan from the newest event back."""
    in_order = [item for happened in story for item in happened.items if item.get("image") == image]
    events, stated = in_order[::-1], statements(in_order)
    if any(_newest_word(events, person, purpose, audience) == "withdrawn" for person in _people(events)):
        return None, WITHDRAWN
    held = {item["case"]: item["what"] for item in events[::-1] if item["what"] in HOLDS}
    if "revoked" in held.values():
        return None, REVOKED
    if "restricted" in held.values():
        return None, RESTRICTED
    if _file_denies(in_order, SCOPES.index((purpose, audience))):
        return None, SIGNAL
    parents = sorted({parent for item in stated.values() for parent in item["derived_from"]})
    above = [rule(story, parent, purpose, audience) for parent in parents]
    if any(until is None for until, _ in above):
        return None, FROM_EXCLUDED
    shown = {person for item in stated.values() for person in item["depicts"]}
    if not shown or shown & {"invited", "unknown"} or not all(item["depicts"] for item in stated.values()):
        return None, UNCONFIRMED
    if not any(item["what"] == "registered" for item in events):
        return None, UNFINGERPRINTED
    ends = [_granted_until(events, person, purpose, audience) for person in sorted(shown)]
    if None in ends:
        others = [_granted_until(events, person, *scope) for person in shown for scope in SCOPES]
        return None, NO_GRANT if others == [None] * len(others) else NOT_GRANTED
    return min(until for until in [*ends, *(until for until, _ in above)] if until is not None), None


def _file_denies(in_order: Sequence[Item], scope: int) -> bool:
    """What the file says, read once or often, until a steward lifted it: then for good."""
    lifted = any(item["what"] == "signal_lifted" and item["lifted"] >> scope & 1 for item in in_order)
    said = any(item["what"] == "registered" and item.get("denied", 0) >> scope & 1 for item in in_order)
    return said and not lifted


def decide(story: Sequence[Happened], image: str, purpose: str, audience: str, now: int) -> str:
    """`permitted`, `excluded` or `unknown`, when nothing is in doubt."""
    if image not in images(story):
        return "unknown"
    until, reason = rule(story, image, purpose, audience)
    if until is not None:
        return "permitted" if now < until else "excluded"
    return "unknown" if reason == UNFINGERPRINTED else "excluded"


def _people(events: Sequence[Item]) -> set[str]:
    return {item["person"] for item in events if "person" in item}


def _newest_word(newest_first: Sequence[Item], person: str, purpose: str, audience: str) -> str | None:
    """This person's last word about this use of the image: `granted`, `withdrawn` or none."""
    for item in newest_first:
        if item.get("person") == person and item["what"] == "dismissed":
            return None
        if item.get("person") != person or purpose not in item.get("purposes", []):
            continue
        if item["what"] == "withdrawn" or (item["what"] == "granted" and item["audience"] == audience):
            return str(item["what"])
    return None


def _granted_until(newest_first: Sequence[Item], person: str, purpose: str, audience: str) -> int | None:
    for item in newest_first:
        if item["what"] == "revoked" or (item["what"] == "dismissed" and item["person"] == person):
            return None
        if item.get("person") != person or purpose not in item.get("purposes", []):
            continue
        if item["what"] == "withdrawn":
            return None
        if item["what"] == "granted" and item["audience"] == audience:
            return int(item["until"])
    return None


def with_guards(story: Sequence[Happened]) -> list[Happened]:
    """The story, and after each image that is brought what the cases do to it that watch for its bytes: restricted
    while a case is open, revoked once it was accepted, nothing while it is rejected."""
    told, asked, states = [], dict[str, str](), dict[str, str]()
    listed = set[tuple[str, str]]()
    for happened in story:
        items: list[Item] = []
        for item in happened.items:
            items.append(item)
            if item["what"] in HOLDS:
                listed.add((item["case"], item["image"]))
            if item["what"] == "case_opened" and item.get("sha256"):
                asked[item["case"]] = item["sha256"]
            if item["what"] in ("case_opened", "case_reopened"):
                states[item["case"]] = "restricted"
            if item["what"] == "case_resolved":
                states[item["case"]] = {"fulfilled": "revoked", "rejected": ""}[item["outcome"]]
            if item["what"] == "submitted":
                watching = [case for case, digest in asked.items() if digest == item["sha256"] and states[case]]
                watching = [case for case in watching if (case, item["image"]) not in listed]
                listed |= {(case, item["image"]) for case in watching}
                items += [{"what": states[case], "case": case, "image": item["image"]} for case in watching]
        told.append(Happened(happened.act, items))
    return told


def standing(story: Sequence[Happened], image: str) -> list[Ruling]:
    """The ten rulings, in the order of scopes."""
    return [rule(story, image, purpose, audience) for purpose, audience in SCOPES]


def concerning(story: Sequence[Happened], image: str) -> list[Happened]:
    """The acts that touch the image, or one that it was made from, however far back: `rule` reads no others."""
    family, wanted = {image}, {image}
    while wanted:
        said = [item for happened in story for item in happened.items if item.get("image") in wanted]
        wanted = {parent for item in said for parent in item.get("derived_from", [])} - family
        family |= wanted
    return [happened for happened in story if any(item.get("image") in family for item in happened.items)]


def last_change(story: Sequence[Happened], image: str) -> str:
    """The act since which the standing reads as it does: try every shorter story."""
    now = standing(story, image)
    size = len(story)
    while image in images(story[: size - 1]) and standing(story[: size - 1], image) == now:
        size -= 1
    return story[size - 1].act


# What a feed adds up to


def row_digest(image: bytes, digest: bytes, scope: int, ruling: Ruling) -> int:
    """SHA-256(image ‖ sha256 ‖ purpose ‖ audience ‖ until ‖ reason code), as a number."""
    until, reason = ruling
    code = TOLD_CODES.index(TOLD[reason] if reason is not None else None)
    row = image + digest + bytes([scope // 2, scope % 2]) + (until or 0).to_bytes(8, "big") + bytes([code])
    return int.from_bytes(sha256(row), "big")


# What a person's records must say


def grant_lines(story: Iterable[Happened]) -> dict[tuple[str, str, str], str]:
    """(grant, image, purpose) -> its state."""
    lines: dict[tuple[str, str, str], str] = {}
    givers: dict[str, str] = {}
    for item in (item for happened in story for item in happened.items):
        if item["what"] == "granted":
            givers[item["grant"]] = item["person"]
            for purpose in item["purposes"]:
                lines[item["grant"], item["image"], purpose] = "given"
        for (grant, image, purpose), state in lines.items():
            if state != "given" or image != item.get("image"):
                continue
            if item["what"] == "revoked":
                lines[grant, image, purpose] = "revoked"
            if item["what"] == "withdrawn" and givers[grant] == item["person"] and purpose in item["purposes"]:
                lines[grant, image, purpose] = "withdrawn"
            if item["what"] == "dismissed" and givers[grant] == item["person"]:
                lines[grant, image, purpose] = "revoked"
    return lines


def holds(story: Iterable[Happened]) -> dict[tuple[str, str], str]:
    """(case, image) -> what the case does to it: the newest item that names both."""
    said = [item for happened in story for item in happened.items if item["what"] in HOLDS]
    return {(item["case"], item["image"]): item["what"] for item in said}


def protections(story: Iterable[Happened]) -> dict[tuple[str, str], set[tuple[str, str]]]:
    """(withdrawal, image) -> the uses that it still bars."""
    lines: dict[tuple[str, str], set[tuple[str, str]]] = {}
    by: dict[str, str] = {}
    for item in (item for happened in story for item in happened.items):
        if item["what"] == "withdrawn":
            by[item["withdrawal"]] = item["person"]
            lines[item["withdrawal"], item["image"]] = {
                (purpose, audience) for purpose in item["purposes"] for audience in AUDIENCES
            }
        if item["what"] == "dismissed":
            for (withdrawal, image), uses in lines.items():
                if by[withdrawal] == item["person"] and image == item["image"]:
                    uses.clear()
        if item["what"] == "granted":
            for (withdrawal, image), uses in lines.items():
                if by[withdrawal] == item["person"] and image == item["image"]:
                    uses -= {(purpose, item["audience"]) for purpose in item["purposes"]}
    return lines


# What was disclosed


def disclosure(said: Item) -> bytes:
    """A leaf of a day's tree. Only whole numbers, hex and words stand in it, so this is RFC 8785."""
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


def first_asked(told: Iterable[tuple[int, int, int, bytes]]) -> dict[tuple[bytes, int, int], int]:
    """Of (serial, pipeline, scopes, images): by (image, pipeline, scope), the serial that named it first."""
    first: dict[tuple[bytes, int, int], int] = {}
    for serial, pipeline, scopes, images in sorted(told):
        for at in range(0, len(images), 16):
            for scope in range(len(SCOPES)):
                if scopes & 2**scope:
                    first.setdefault((images[at : at + 16], pipeline, scope), serial)
    return first
