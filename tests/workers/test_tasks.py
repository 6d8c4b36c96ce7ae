"""The tasks of workers: each moves what waits, and delivered twice changes nothing more."""

import logging
from collections.abc import Callable
from functools import partial
from io import BytesIO
from uuid import UUID

import pytest
from PIL import Image

from consent.acts.deposit import deposit
from consent.acts.open_case import Matter, open_case
from consent.models import Protection
from consent.reads.cases import case, open_cases
from consent.reads.matches import match
from consent.reads.notifications import Copied, notifications
from consent.reads.pipelines import Asker, pipeline_of_key
from consent.reads.protections import unsearched, waiting
from consent.rules.lifecycle import CaseMove
from consentkit.fingerprints import perception, views
from registry import originals
from registry.models import Entry, Fingerprint
from registry.models import Image as Row
from service import leftovers, tasks
from tests import drawn
from tests.credentials import plus
from tests.threads import together
from tests.workers.conftest import Studio, crop, face
from tests.world import reason


def asker(studio: Studio) -> Asker:
    found = pipeline_of_key(studio.world.pipeline().key, at=studio.world.at)
    assert found is not None
    return found


def asked(picture: Image.Image) -> bytes:
    """What a pipeline sends of a picture."""
    return perception.perceive(picture).fingerprints[-1].bits


def entries() -> int:
    return Entry.objects.count()


def test_what_is_found_of_a_picture_is_kept(studio: Studio) -> None:
    image = studio.shown("ada", face())
    prints = Fingerprint.objects.filter(image=image)
    assert dict(prints.values_list("algorithm", "version")) == perception.CURRENT
    assert len(originals.small(image).read_bytes()) == 128 * 128
    assert Image.open(originals.preview(image)).size == (480, 600)


def test_a_copy_of_anothers_protected_image_is_held_and_registered(studio: Studio) -> None:
    image = studio.withdrawn("ada", face())
    copy = studio.shown("bob", crop(face()))
    found = studio.case()
    assert found.kind == "copy"
    (held,) = found.images
    assert (held.image, held.of, held.hold, held.alteration) == (copy, image, "restricted", "mirrored, cropped")
    studio.world.grant(studio.world.person("bob"))
    assert reason(copy) == "restricted"
    studio.world.resolve(found.id, CaseMove.REJECT)
    assert reason(copy) is None


def test_it_is_held_however_many_copies_came_that_day(studio: Studio) -> None:
    studio.withdrawn("ada", face())
    copies = [studio.shown("bob", drawn.portrait(1, (400 + 16 * n, 500 + 20 * n))) for n in range(5)]
    assert [reason(copy) for copy in copies] == ["restricted"] * 5


def test_ones_own_copy_and_a_strangers_picture_are_registered_freely(studio: Studio) -> None:
    studio.withdrawn("ada", face())
    own, other = studio.shown("ada", crop(face())), studio.shown("bob", face(2))
    assert (reason(own), reason(other)) == ("no_grant", "no_grant")
    assert open_cases() == []


def test_a_copy_that_a_crash_left_restricted_and_submitted_is_finished_under_the_same_case(studio: Studio) -> None:
    studio.withdrawn("ada", face())
    copy = studio.bring("bob", crop(face()))
    with pytest.MonkeyPatch.context() as crash:
        crash.setattr(tasks, "register_checked", _crash)
        with pytest.raises(Crash):
            tasks.fingerprint(str(copy))
    assert state(copy) == "submitted"
    before = studio.case()
    assert [each.image for each in before.images] == [copy]
    _lapse(copy)
    tasks.fingerprint(str(copy))
    assert state(copy) == "registered"
    assert studio.case() == before
    assert reason(copy) == "restricted"


class Crash(Exception):
    """The worker is gone."""


def _crash(*_args: object, **_options: object) -> None:
    raise Crash


def _lapse(image: UUID) -> None:
    """The dead worker's claim ends."""
    Row.objects.filter(id=image).update(claimed_until=None)


def state(image: UUID) -> str:
    return str(Row.objects.values_list("state", flat=True).get(id=image))


def test_delivered_twice_nothing_more_happens(studio: Studio) -> None:
    image = studio.withdrawn("ada", face())
    studio.shown("bob", crop(face()))
    studio.work()
    before = entries()
    tasks.fingerprint(str(image))
    tasks.protect()
    tasks.look_back()
    assert entries() == before


def test_a_withdrawn_image_is_found_by_a_mirrored_crop(studio: Studio) -> None:
    image = studio.withdrawn("ada", face())
    said = match(asker(studio), purpose="ai_training", version=1, pictures=[asked(crop(face())), asked(face(2))])
    assert said.complete
    assert [picture.decision for picture in said.pictures] == ["excluded", "unknown"]
    assert [(found.image, found.reason) for found in said.pictures[0].matches] == [(image, "remove")]


def test_a_protected_image_without_a_small_picture_is_examined_again(studio: Studio) -> None:
    image = studio.shown("ada", face())
    kept = originals.small(image).read_bytes()
    originals.small(image).unlink()
    studio.world.withdraw(studio.world.person("ada"))
    assert waiting(9) == [image]
    tasks.protect()
    assert waiting(9) == []
    assert originals.small(image).read_bytes() == kept


@pytest.mark.parametrize("damage", ["lost", "damaged", "another picture"])
def test_one_whose_original_is_no_more_waits_and_stops_no_other(
    studio: Studio, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = studio.shown("ada", face(1)), studio.shown("ada", face(2))
    originals.small(bad).unlink()
    if damage == "lost":
        originals.original(bad).unlink()
    else:
        originals.original(bad).write_bytes(drawn.jpeg(7) if damage == "another picture" else b"\xff\xd8\xff")
    studio.world.withdraw(studio.world.person("ada"))
    with caplog.at_level(logging.ERROR):
        tasks.protect()
    assert waiting(9) == [bad]
    assert str(bad) in caplog.text
    assert str(good) not in caplog.text
    said = match(asker(studio), purpose="ai_training", version=1, pictures=[asked(crop(face(2)))])
    assert not said.complete
    assert [picture.decision for picture in said.pictures] == ["excluded"]


def test_a_copy_that_was_there_before_is_restricted(studio: Studio) -> None:
    copy, stranger = studio.shown("bob", crop(face())), studio.shown("cyd", face(2))
    studio.world.grant(studio.world.person("bob"))
    assert reason(copy) is None
    image = studio.withdrawn("ada", face())
    assert (reason(copy), reason(stranger)) == ("restricted", "no_grant")
    (held,) = studio.case().images
    assert (held.image, held.of) == (copy, image)
    assert unsearched(9) == []


def test_a_pipeline_that_deposited_a_copy_hears_of_it_once(studio: Studio) -> None:
    pipeline = asker(studio)
    left = [("a.jpg", asked(crop(face()))), ("b.jpg", asked(face(2)))]
    deposit(pipeline.serial, version=views.VERSION, pictures=left, at=studio.world.at)
    image = studio.withdrawn("ada", face())
    (told,) = notifications(pipeline, after=0, limit=9).notifications
    assert isinstance(told.about, Copied)
    assert (told.about.key, told.about.image, told.about.alteration) == ("a.jpg", image, "mirrored, cropped")


def test_workers_at_once_do_no_harm(studio: Studio) -> None:
    """Both protect, look back and fingerprint the same: each thing is done, and once."""
    copy = studio.shown("bob", crop(face()))
    images = [studio.shown("ada", face(seed)) for seed in (1, 2, 3)]
    studio.world.withdraw(studio.world.person("ada"))
    late = str(studio.bring("cyd", crop(face(2))))
    work = [tasks.protect, tasks.look_back, partial(tasks.fingerprint, late)]
    assert together(*work, *work) == [None] * 6
    studio.work()
    protected = Protection.objects.filter(image__in=images, searched_at__isnull=False)
    assert len(set(protected.values_list("serial", flat=True))) == 3
    assert sorted(reason(image) for image in (copy, UUID(late))) == ["restricted", "restricted"]
    assert sorted(held.image for docket in open_cases() for held in docket.images) == sorted([copy, UUID(late)])


def opened(studio: Studio, content: bytes) -> UUID:
    """As the door does it: the bytes first, then the case."""
    matter = Matter("request", asked="0" * 64, sha256=bytes(32), search=True)
    place = originals.asked(matter.case)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return open_case(matter, claimant="who@example.org", at=studio.world.at).case


def test_a_requests_picture_is_searched_and_its_bytes_are_gone(studio: Studio) -> None:
    image, other = studio.shown("ada", face()), studio.shown("bob", face(2))
    number = opened(studio, drawn.file(crop(face()), "JPEG"))
    tasks.search_request(str(number))
    tasks.search_request(str(number))
    docket = case(number)
    assert docket.search == "done"
    assert [(held.image, held.of, held.hold) for held in docket.images] == [(image, None, "restricted")]
    assert (reason(image), reason(other)) == ("restricted", "no_grant")
    assert not originals.asked(number).exists()
    assert Image.open(BytesIO(originals.asked_preview(number).read_bytes())).format == "JPEG"


def test_a_crash_after_the_bytes_went_goes_on_from_the_small_picture(studio: Studio) -> None:
    image = studio.shown("ada", face())
    number = opened(studio, drawn.file(crop(face()), "JPEG"))
    with pytest.MonkeyPatch.context() as crash:
        crash.setattr(tasks, "search_case", _crash)
        with pytest.raises(Crash):
            tasks.search_request(str(number))
    assert not originals.asked(number).exists()
    tasks.search_request(str(number))
    assert [held.image for held in case(number).images] == [image]


@pytest.mark.parametrize("content", [b"no picture", b""])
def test_a_request_with_no_picture_is_unreadable_and_goes_to_the_desk(studio: Studio, content: bytes) -> None:
    number = opened(studio, content)
    tasks.search_request(str(number))
    assert case(number).search == "unreadable"
    assert originals.asked(number).read_bytes() == content, "a steward can still look at it"
    tasks.search_request(str(number))
    studio.world.resolve(number, CaseMove.REJECT)
    studio.world.publish()
    assert leftovers.remove_answered(studio.world.at + leftovers.YOUNG * 2) == 1
    assert list(originals.asked_cases()) == []


CAMERAS = {
    "with a preview": lambda file: drawn.listed(file, (0x010002, drawn.jpeg(size=(160, 200)))),
    "with a gain map": lambda file: drawn.listed(file, (0, drawn.with_segment(drawn.jpeg(3), drawn.GAIN_MAP))),
    "without end marker": lambda file: file[:-2] + drawn.film(),
}


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS.keys())
def test_a_request_with_a_file_as_cameras_write_it_is_looked_at(
    studio: Studio, camera: Callable[[bytes], bytes]
) -> None:
    image = studio.shown("ada", face())
    number = opened(studio, camera(drawn.file(crop(face()), "JPEG")))
    tasks.search_request(str(number))
    assert (case(number).search, reason(image)) == ("done", "restricted")


def test_a_request_decided_before_it_was_searched_leaves_nothing(studio: Studio) -> None:
    image = studio.shown("ada", face())
    number = opened(studio, drawn.file(crop(face()), "JPEG"))
    with pytest.MonkeyPatch.context() as faster:
        searched = tasks.search_case

        def too_late(*args: object, **said: object) -> object:
            studio.world.resolve_claims(number, CaseMove.REJECT)
            return searched(*args, **said)  # type: ignore[arg-type] # as it came

        faster.setattr(tasks, "search_case", too_late)
        tasks.search_request(str(number))
    assert reason(image) == "no_grant"
    assert list(originals.asked_cases()) == []


def test_what_an_uploaded_file_says_of_itself_binds_its_uploader(studio: Studio) -> None:
    ines = studio.world.person("ines")
    file = drawn.jpeg(4, xmp=plus("DataMining", "DMI-PROHIBITED-GENAIMLTRAINING"))
    image = studio.world.image(ines, content=file, registered=False)
    tasks.fingerprint(str(image))
    studio.world.grant(ines)
    assert reason(image, "ai_generative_training") == "rights_signal"
    assert reason(image, "ai_training") is None
