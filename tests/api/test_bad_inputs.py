"""What clients may send that is wrong, and the one answer to each (bad-inputs, rows 53 to 100)."""

import gc
import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings

from tests.api.conftest import Doors, slug
from tests.world import World

JPEG = b"\xff\xd8\xff\xe0" + bytes(2_000)
DIGEST = "0" * 64
MEBIBYTE = 2**20


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


BODIES = {
    "65 empty": (b"", "json-malformed"),
    "66 array": (b"[1]", "json-not-object"),
    "66 text": (b'"x"', "json-not-object"),
    "66 null": (b"null", "json-not-object"),
    "66 number": (b"1", "json-not-object"),
    "67 depth 33": (nested(33), "json-too-deep"),
    "67 depth 32 is read": (nested(32), "unknown-field"),
    "67 depth 2000": (nested(2_000), "json-too-deep"),
    "68 depth 100000": (b'{"a":' + b"[" * 100_000, "json-too-deep"),
    "68 brackets in a text are no depth": (b'{"a":"' + b"[" * 99 + b'"}', "unknown-field"),
    "69 NaN": (b'{"a":NaN}', "json-malformed"),
    "69 Infinity": (b'{"a":-Infinity}', "json-malformed"),
    "70 1e400": (b'{"a":1e400}', "json-malformed"),
    "71 5000 digits": (b'{"a":' + b"9" * 5_000 + b"}", "json-malformed"),
    "72 past 64 bits": (b'{"a":9223372036854775808}', "number-range"),
    "72 far below": (b'{"a":-9223372036854775809}', "number-range"),
    "74 duplicate key": (b'{"images":"all","images":"all","purposes":["evaluation"]}', "json-duplicate-key"),
    "75 unknown field": (b'{"images":"all","purposes":["evaluation"],"untill":1}', "unknown-field"),
    "76 NUL": (b'{"images":"\\u0000"}', "text-invalid"),
    "77 lone surrogate": (b'{"images":"\\ud800"}', "text-invalid"),
    "77 in a key": (b'{"\\udfff":1}', "text-invalid"),
    "78 not UTF-8": (b'{"a":"\xff"}', "json-malformed"),
    "79 UTF-16": ('{"a":1}'.encode("utf-16"), "json-malformed"),
    "80 byte order mark": (b"\xef\xbb\xbf{}", "json-malformed"),
    "80 trailing text": (b"{} x", "json-malformed"),
    "83 20 MB": (b" " * 20_000_000, "body-too-large"),
    "89 10,000 purposes": (
        json.dumps({"images": "all", "purposes": ["evaluation"] * 10_000}).encode(),
        "list-too-long",
    ),
}


CHUNKED = ["checks", "me/withdrawals", "me/grants", "me/images", "requests", "matches", "/requests/new", "/stop", "/"]


@pytest.mark.parametrize("path", CHUNKED)
def test_a_body_in_chunks_is_never_taken_for_an_empty_one(world: World, doors: Doors, path: str) -> None:
    key = doors.token(world.person("ines"))
    answer = doors.raw(path, key, b"{}", CONTENT_LENGTH="", Transfer_Encoding="chunked")
    assert answer.status_code == 411
    assert b"Content-Length" in answer.content
    if not path.startswith("/"):
        assert slug(answer) == "length-required"


@pytest.mark.parametrize("path", ["me/grants", "me/withdrawals", "matches"])
def test_json_is_read_strictly(world: World, doors: Doors, subtests: pytest.Subtests, path: str) -> None:
    token = doors.key() if path == "matches" else doors.token(world.person("ines"))
    for row, (body, expected) in BODIES.items():
        if path == "matches" and expected == "list-too-long":  # it has no list of purposes
            continue
        with subtests.test(row):
            assert slug(doors.raw(path, token, body)) == expected


OTHER_KINDS = [
    "application/json; charset=nope",
    "text/plain",
    "",
    "application/x-www-form-urlencoded",
    "image/png",
]


def test_81_82_other_media_types(world: World, doors: Doors, subtests: pytest.Subtests) -> None:
    token = doors.token(world.person("ines"))
    for kind in OTHER_KINDS:
        with subtests.test(kind):
            answer = doors.raw("me/grants", token, b"{}", kind=kind)
            assert (answer.status_code, slug(answer)) == (415, "media-type-unsupported")


def test_a_coding_is_not_read(world: World, doors: Doors) -> None:
    answer = doors.raw("me/grants", doors.token(world.person("ines")), b"{}", Content_Encoding="gzip")
    assert slug(answer) == "media-type-unsupported"


def question(**changed: Any) -> dict[str, Any]:
    return {"purpose": "ai_training", "by": "sha256", "keys": [DIGEST], **changed}


QUESTIONS = {
    "84 none": (question(keys=[]), 422, "bulk-empty"),
    "84 too many": (question(keys=[DIGEST] * 100_001), 413, "bulk-too-large"),
    "86 capitals": (question(keys=[DIGEST, "A" * 64]), 422, "digest-malformed"),
    "87 63": (question(keys=[DIGEST, "0" * 63]), 422, "digest-malformed"),
    "87 65": (question(keys=[DIGEST, "0" * 65]), 422, "digest-malformed"),
    "87 63 and 65": (question(keys=[DIGEST, "0" * 63, "0" * 65]), 422, "digest-malformed"),
    "87 newline": (question(keys=[DIGEST, DIGEST + "\n"]), 422, "digest-malformed"),
    "87 base64": (question(keys=[DIGEST, "A" * 43 + "="]), 422, "digest-malformed"),
    "87 other digits": (question(keys=[DIGEST, "\u0660" * 64]), 422, "digest-malformed"),
    "87 image for digest": (question(keys=[DIGEST, str(uuid4())]), 422, "digest-malformed"),
    "unknown purpose": (question(purpose="AI_TRAINING"), 422, "purpose-unknown"),
    "purpose with a space": (question(purpose="ai_training "), 422, "purpose-unknown"),
    "100 purpose outside the key": (question(purpose="data_mining"), 403, "scope-missing"),
    "by": (question(by="pdq"), 422, "field-invalid"),
    "keys no list": (question(keys=DIGEST), 422, "field-invalid"),
    "keys no texts": (question(keys=[None]), 422, "field-invalid"),
    "missing": ({"purpose": "ai_training", "by": "sha256"}, 422, "field-required"),
    "audience is the key's": (question(audience="research"), 422, "unknown-field"),
}


def test_checks_are_read_strictly(doors: Doors, subtests: pytest.Subtests) -> None:
    key = doors.key()
    for row, (body, status, expected) in QUESTIONS.items():
        with subtests.test(row):
            answer = doors.post("checks", key, body)
            assert (answer.status_code, slug(answer)) == (status, expected)
            assert expected != "digest-malformed" or answer.json()["position"] == 1


def test_an_image_in_capitals_has_its_position(doors: Doors) -> None:
    keys = [str(uuid4()), str(uuid4()).upper().replace("0", "A")]
    answer = doors.post("checks", doors.key(), question(by="image", keys=keys))
    assert (slug(answer), answer.json()["position"]) == ("digest-malformed", 1)


TIMES = [
    "2020-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2027-01-01T00:00:00",
    "2026-12-31T23:59:60Z",
    "2027-01-01T00:00:00-00:00",
    "2027-02-30T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "2027-01-01",
    "soon",
    5,
    None,
]


def test_90_times(world: World, doors: Doors, subtests: pytest.Subtests) -> None:
    ines = world.person("ines")
    world.image(ines)
    token = doors.token(ines)
    for until in TIMES:
        with subtests.test(f"{until}"):
            body = {"images": "all", "purposes": ["evaluation"], "notice": doors.notice(), "until": until}
            answer = doors.post("me/grants", token, body)
            assert (answer.status_code, slug(answer)) == (422, "time-invalid")


def test_94_idempotency_keys(world: World, doors: Doors, subtests: pytest.Subtests) -> None:
    token = doors.token(world.person("ines"))
    for given in ("k" * 10_000, "k" * 256, "", "a b", "\u00e9"):
        with subtests.test(given[:10]):
            body = {"images": "all", "purposes": "all"}
            answer = doors.post("me/withdrawals", token, body, Idempotency_Key=given)
            assert (answer.status_code, slug(answer)) == (400, "idempotency-malformed")


def test_96_methods(doors: Doors, subtests: pytest.Subtests) -> None:
    paths = ("/api/v1/checks", "/api/v1/matches", "/api/v1/me/images", "/log/checkpoint", "/api/v1/snapshot")
    for method, path in product(("PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"), paths):
        with subtests.test(f"{method} {path}"):
            answer = doors.client.generic(method, path)
            assert (answer.status_code, slug(answer)) == (405, "method-not-allowed")
            assert answer.headers["Allow"]


def test_96_no_hidden_verbs(doors: Doors) -> None:
    for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        answer = doors.client.get("/log/checkpoint", headers={header: "DELETE"})
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_73_98_page_sizes(world: World, doors: Doors, subtests: pytest.Subtests) -> None:
    token = doors.token(world.person("ines"))
    for limit in ("-1", "0", "1.5", "1e9", "5001", "", " 1", "\u0661", "x"):
        with subtests.test(limit):
            answer = doors.get(f"me/images?limit={limit}", token)
            assert (answer.status_code, slug(answer)) == (422, "page-size-invalid")


def test_99_every_missing_or_wrong_key_is_one_401(world: World, doors: Doors) -> None:
    key, token = doors.key(), doors.token(world.person("ines"))
    wrong = [None, "x", "crk_" + "a" * 43, "crx_" + "a" * 43, key + "a", key[:-1], key[4:], "crp_" + key[4:]]
    answers = [doors.post("checks", each, question()) for each in wrong]
    answers.append(doors.client.post("/api/v1/checks", headers={"Authorization": f"Basic {key}"}))
    assert {(each.status_code, slug(each)) for each in answers} == {(401, "credentials-invalid")}
    assert len({each.content for each in answers}) == 1
    assert all(each.headers["WWW-Authenticate"] == "Bearer" for each in answers)
    assert doors.get("me/images", token).status_code == 200


def test_99_a_key_in_the_address(doors: Doors) -> None:
    key = doors.key()
    for query in (f"key={key}", f"x={key}", "access_token=x", "api_key=x"):
        answer = doors.post(f"checks?{query}", key, question())
        assert (answer.status_code, slug(answer)) == (400, "credentials-in-url")


def test_100_a_valid_key_of_the_other_kind(world: World, doors: Doors) -> None:
    key, token = doors.key(), doors.token(world.person("ines"))
    for answer in (
        doors.post("checks", token, question()),
        doors.get("snapshot", token),
        doors.get("me/images", key),
        doors.post("me/withdrawals", key, {"images": "all", "purposes": "all"}),
    ):
        assert (answer.status_code, slug(answer)) == (403, "scope-missing")


def test_unknown_addresses(doors: Doors) -> None:
    for path in ("/api/", "/api/v1/nothing", "/api/v1/checks/", "/api/v2/checks", "/log/", "/log/x"):
        answer = doors.get(path)
        assert (answer.status_code, slug(answer)) == (404, "not-found")


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    file = f'; filename="{filename}"' if filename is not None else ""
    head = f'--edge\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode() + content + b"\r\n"


END = b"--edge--\r\n"
SELF = part("depicts", b"self")
FORM = "multipart/form-data; boundary=edge"
FORMS: dict[str, tuple[bytes, str, int, str]] = {
    "1 empty file": (part("file", b"", "x") + SELF + END, FORM, 422, "image-empty"),
    "2 one byte": (part("file", b"x", "x") + SELF + END, FORM, 422, "image-unrecognised"),
    "4 SVG": (part("file", b"<svg><script/></svg>", "x") + SELF + END, FORM, 415, "format-not-allowed"),
    "5 HTML": (part("file", b"<html>" + bytes(99), "x.jpg") + SELF + END, FORM, 422, "image-unrecognised"),
    "6 PDF": (part("file", b"%PDF-1.7" + bytes(99), "x.jpg") + SELF + END, FORM, 415, "format-not-allowed"),
    "56 no boundary": (part("file", JPEG, "x") + END, "multipart/form-data", 400, "multipart-malformed"),
    "57 200 parts": (
        b"".join(part(f"f{n}", JPEG[:9], "x") for n in range(200)) + END,
        FORM,
        400,
        "too-many-files",
    ),
    "58 5000 fields": (
        b"".join(part(f"f{n}", b"1") for n in range(5_000)) + END,
        FORM,
        400,
        "too-many-fields",
    ),
    "62 cut in the file": (part("file", JPEG, "x")[:-600], FORM, 400, "multipart-malformed"),
    "62 no end": (part("file", JPEG, "x"), FORM, 400, "multipart-malformed"),
    "64 no file": (part("depicts", b"self") + END, FORM, 422, "field-required"),
    "64 no name": (part("file", JPEG, "") + END, FORM, 422, "field-required"),
    "two files": (part("file", JPEG, "x") + part("file", JPEG, "y") + END, FORM, 400, "too-many-files"),
    "unknown field": (part("file", JPEG, "x") + part("title", b"1") + END, FORM, 422, "unknown-field"),
    "unknown file": (part("image", JPEG, "x") + END, FORM, 422, "unknown-field"),
    "depicts whom": (part("file", JPEG, "x") + part("depicts", b"me") + END, FORM, 422, "subjects-unclear"),
    "depicts nobody said": (part("file", JPEG, "x") + END, FORM, 422, "subjects-unclear"),
    "twice": (
        part("file", JPEG, "x") + part("photographer", b"self") + part("photographer", b"self") + END,
        FORM,
        400,
        "request-ambiguous",
    ),
    "another's": (
        part("file", JPEG, "x") + SELF + part("derived_from", str(uuid4()).encode()) + END,
        FORM,
        404,
        "not-found",
    ),
    "JSON": (b"{}", "application/json", 415, "media-type-unsupported"),
    "53 over the limit": (
        part("file", JPEG + bytes(40 * MEBIBYTE - 2_003), "x") + END,
        FORM,
        413,
        "upload-too-large",
    ),
}


def test_uploads(world: World, doors: Doors, subtests: pytest.Subtests) -> None:
    token = doors.token(world.person("ines"))
    for row, (body, kind, status, expected) in FORMS.items():
        with subtests.test(row):
            answer = doors.raw("me/images", token, body, kind=kind)
            assert (answer.status_code, slug(answer)) == (status, expected)
            assert nothing_is_left()


def test_53_exactly_the_limit(world: World, doors: Doors) -> None:
    body = part("file", JPEG + bytes(40 * MEBIBYTE - len(JPEG)), "x") + SELF + END
    answer = doors.raw("me/images", doors.token(world.person("ines")), body, kind=FORM)
    assert answer.status_code == 201


def test_50_names_are_ignored(world: World, doors: Doors, subtests: pytest.Subtests) -> None:
    token = doors.token(world.person("ines"))
    for name in ("../../etc/passwd", "a\0b", "x" * 10_000, "\u202egpj.exe", "CON", "..\\x"):
        with subtests.test(name[:10]):
            body = part("file", JPEG, name) + SELF + END
            assert doors.raw("me/images", token, body, kind=FORM).status_code in {200, 201}


def nothing_is_left() -> bool:
    gc.collect()  # what broke off goes with the object that received it
    folder = Path(settings.IMAGE_DIR)
    return not [path for path in folder.rglob("*") if path.is_file()]


CURSORS: dict[str, Callable[[str], str]] = {
    "97 empty": lambda _: "",
    "97 random": lambda _: "zzzz",
    "97 cut": lambda cursor: cursor[:-1],
    "97 longer": lambda cursor: cursor + "A",
    "97 padded": lambda cursor: cursor + "=",
    "97 first letter": lambda cursor: "-" + cursor[1:],
    "97 last letter": lambda cursor: cursor[:-1] + ("A" if cursor[-1] != "A" else "E"),
    "97 in the middle": lambda cursor: cursor[:70] + ("A" if cursor[70] != "A" else "B") + cursor[71:],
}


def test_97_cursors(doors: Doors, subtests: pytest.Subtests) -> None:
    """I11: never an empty 200."""
    key = doors.key()
    cursor = json.loads(doors.get("snapshot", key).json()["close"].split("\n")[1])["cursor"]
    assert doors.get(f"deltas?from={cursor}", key).status_code == 200
    for row, forge in CURSORS.items():
        with subtests.test(row):
            answer = doors.get(f"deltas?from={forge(cursor)}", key)
            assert (answer.status_code, slug(answer)) == (400, "cursor-altered")
