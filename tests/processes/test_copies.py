"""Altered copies, through a whole registry: what is found how soon, and what is lost when a process is killed."""

import os
import signal
import sys
import time
from collections.abc import Iterator

import pytest
from PIL import Image

from consent.models.protections import LOCK
from tests.drawn import file, portrait
from tests.processes.registry import Caller, Registry, eventually

SOON = 30  # seconds; a worker that was told needs less than one on an idle machine
SWEEP = 75  # a claim ends after 30, a sweep comes every 15; the rest is starting


def face(seed: int) -> Image.Image:
    return portrait(seed, (480, 600))


def crop(picture: Image.Image) -> Image.Image:
    """Mirrored, and cut to 85 % of its sides."""
    wide, high = picture.size
    part = picture.crop((wide // 20, high // 20, wide * 9 // 10, high * 9 // 10))
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def jpeg(picture: Image.Image) -> bytes:
    return file(picture, "JPEG", quality=85)


def shown(live: Registry, person: Caller, picture: Image.Image) -> str:
    """Brought, registered and permitted."""
    image = person.bring(jpeg(picture))
    eventually(lambda: live.row(image)[0] == "registered", within=SOON)
    eventually(lambda: person.grant().status == 201, within=SOON)
    return image


def protected(live: Registry, person: Caller, picture: Image.Image) -> str:
    """Shown, withdrawn, and a worker has made its views."""
    image = shown(live, person, picture)
    assert person.withdraw().status == 201
    views = "SELECT 1 FROM consent_protection WHERE image_id = %s AND views IS NOT NULL AND searched_at IS NOT NULL"
    eventually(lambda: bool(live.rows(views, image)), within=SOON)
    return image


def cases_of(live: Registry, image: str) -> list[tuple[str, str, str]]:
    """Kind and state of each case that lists an image, and what it does to it."""
    return live.rows(  # type: ignore[return-value] # three words
        "SELECT kind, state, hold FROM consent_case c JOIN consent_caseimage i ON i.case_id = c.id "
        "WHERE image_id = %s ORDER BY opened_at",
        image,
    )


HELD = [("copy", "acknowledged", "restricted")]


def test_a_withdrawal_is_matched_at_once(live: Registry) -> None:
    ines, lab = live.person("ines-copies"), live.pipeline("lab-copies")
    image = shown(live, ines, face(21))
    asked, stranger = crop(face(21)), face(22)
    assert lab.matches(asked)["pictures"][0]["decision"] == "unknown"
    assert ines.withdraw().status == 201
    begun = time.monotonic()
    said = lab.matches(asked, stranger)
    sys.stdout.write(f"answered {time.monotonic() - begun:.2f} s after the withdrawal was acknowledged\n")
    assert said["complete"]
    assert [each["decision"] for each in said["pictures"]] == ["excluded", "unknown"]
    (found,) = said["pictures"][0]["matches"]
    assert (found["image"], found["alteration"]) == (image, "mirrored, cropped")


def test_a_copy_that_somebody_else_brings_is_never_permitted(live: Registry) -> None:
    image = protected(live, live.person("jan"), face(23))
    bob, lab = live.person("bob"), live.pipeline("lab-uploads")
    copy = bob.bring(jpeg(crop(face(23))))
    said = []
    while live.row(copy)[0] != "registered":
        bob.grant()
        said += lab.decisions(copy)
    eventually(lambda: bob.grant().status == 201, within=SOON)
    said += lab.decisions(copy)
    assert "permitted" not in said
    assert said[-1] == "excluded"
    assert cases_of(live, copy) == HELD
    assert cases_of(live, image) == []


def test_a_copy_that_was_there_before_is_restricted_soon(live: Registry) -> None:
    copy = shown(live, live.person("cyd"), crop(face(24)))
    lab = live.pipeline("lab-before")
    assert lab.decisions(copy) == ["permitted"]
    dan = live.person("dan")
    shown(live, dan, face(24))
    assert dan.withdraw().status == 201
    took = eventually(lambda: lab.decisions(copy) == ["excluded"], within=SOON)
    sys.stdout.write(f"the copy was restricted {took:.2f} s after the withdrawal\n")
    assert cases_of(live, copy) == HELD


def test_a_worker_killed_between_the_case_and_the_registration(live: Registry) -> None:
    """The picture stays restricted and submitted; the sweep finishes it under the same case."""
    protected(live, live.person("eva"), face(25))
    bob = live.person("fred")
    with live.link() as link:
        link.execute("SELECT pg_advisory_lock(%s)", [LOCK])  # registrations wait for it
        copy = bob.bring(jpeg(crop(face(25))))
        eventually(lambda: cases_of(live, copy) == HELD, within=SOON)
        assert live.row(copy)[0] == "submitted"
        os.killpg(live.child("celery", "worker"), signal.SIGKILL)
    assert live.row(copy) == ("submitted", 1, True)
    eventually(lambda: live.row(copy)[0] == "registered", within=SWEEP)
    assert cases_of(live, copy) == HELD


def test_a_worker_killed_before_it_made_the_views(live: Registry) -> None:
    """No message is needed: the answer makes them itself, and the sweep has them made for good."""
    gus, lab = live.person("gus"), live.pipeline("lab-killed")
    image = shown(live, gus, face(26))
    worker = live.child("celery", "worker")
    os.killpg(worker, signal.SIGSTOP)
    assert gus.withdraw().status == 201
    os.killpg(worker, signal.SIGKILL)
    said = lab.matches(crop(face(26)))
    assert (said["complete"], said["pictures"][0]["decision"]) == (True, "excluded")
    lacking = "SELECT 1 FROM consent_protection WHERE image_id = %s AND (views IS NULL OR searched_at IS NULL)"
    eventually(lambda: not live.rows(lacking, image), within=SWEEP)


@pytest.fixture
def hung_broker(live: Registry) -> Iterator[None]:
    broker = live.child("valkey", str(live.home))
    os.kill(broker, signal.SIGSTOP)
    yield
    os.kill(broker, signal.SIGCONT)


def test_withdrawals_are_matched_without_a_broker(live: Registry, request: pytest.FixtureRequest) -> None:
    hal, lab = live.person("hal"), live.pipeline("lab-hung")
    shown(live, hal, face(27))
    request.getfixturevalue("hung_broker")
    taken = hal.withdraw()
    assert taken.status == 201
    assert taken.seconds < 1
    said = lab.matches(crop(face(27)))
    assert (said["complete"], said["pictures"][0]["decision"]) == (True, "excluded")


def test_somebody_without_an_account_asks_with_an_altered_copy(live: Registry) -> None:
    """It is restricted within seconds, and of the picture that they sent nothing is left but what the steward sees."""
    image = shown(live, live.person("ida"), face(28))
    lab = live.pipeline("lab-requests")
    asked = lab.send_file("/api/v1/requests", jpeg(crop(face(28))), contact="me@example.org")
    assert asked.status == 202
    took = eventually(lambda: lab.decisions(image) == ["excluded"], within=SOON)
    sys.stdout.write(f"restricted {took:.2f} s after the request was answered\n")
    assert cases_of(live, image) == [("request", "acknowledged", "restricted")]
    assert not list((live.home / "images" / "asked").glob("??/*"))
