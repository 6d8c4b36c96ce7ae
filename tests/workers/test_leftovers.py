"""What nobody needs any more is removed, and nothing that somebody may still need."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from django.conf import settings

from consent.rules.lifecycle import CaseMove
from registry import originals
from service import leftovers, tasks
from tests import drawn
from tests.workers.conftest import Studio, face
from tests.workers.test_tasks import opened
from tests.world import World

LATER = timedelta(hours=2)


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"left")
    return path


def through_a_day(world: World) -> int:
    """As the clock asks, every hour; the files of this test are old by then."""
    return sum(leftovers.remove_leftovers(world.at + timedelta(hours=hours)) for hours in range(2, 26))


def test_an_upload_that_never_ended_goes_after_an_hour(world: World) -> None:
    world.publish()
    cut = put(Path(settings.IMAGE_DIR) / "incoming" / uuid4().hex)
    assert leftovers.remove_leftovers(world.at + timedelta(minutes=50)) == 0
    assert cut.exists()
    assert leftovers.remove_leftovers(world.at + LATER) == 1
    assert not cut.exists()


def test_bytes_without_a_row_go_within_a_day_and_those_of_images_stay(studio: Studio) -> None:
    kept = [studio.bring("ada", face()), studio.shown("ada", face(2))]
    lost = [put(originals.original(uuid4())) for _ in range(5)]
    studio.world.publish()
    assert through_a_day(studio.world) == 5
    assert not any(path.exists() for path in lost)
    assert all(originals.original(image).exists() for image in kept)


def test_while_the_log_is_in_doubt_nothing_is_removed(world: World) -> None:
    """A database that was rolled back has no rows of its newest pictures, and no cases, until it is whole again."""
    world.publish()
    lost, asked = put(originals.original(uuid4())), put(originals.asked(uuid4()))
    checkpoint = Path(settings.CHECKPOINT_DIR) / "checkpoint"
    note = checkpoint.read_text()
    checkpoint.unlink()
    assert through_a_day(world) == 0
    assert leftovers.remove_answered(world.at + LATER) == 0
    assert lost.exists()
    assert asked.exists()
    checkpoint.write_text(note)
    world.later(days=2)
    assert leftovers.remove_answered(world.at) == 1
    assert through_a_day(world) == 1


def test_an_askers_picture_stays_while_the_case_is_open(studio: Studio) -> None:
    waiting, searched = (opened(studio, drawn.jpeg(seed)) for seed in (1, 2))
    tasks.search_request(str(searched))
    studio.world.publish()
    assert leftovers.remove_answered(studio.world.at + LATER) == 0
    assert set(originals.asked_cases()) == {waiting, searched}


def test_an_askers_picture_goes_once_it_is_answered_and_old(studio: Studio) -> None:
    waiting, searched = (opened(studio, drawn.jpeg(seed)) for seed in (1, 2))
    tasks.search_request(str(searched))
    studio.world.resolve_claims(waiting, CaseMove.REJECT)  # both: they are of one claimant
    studio.world.publish()
    assert leftovers.remove_answered(studio.world.at) == 1
    assert set(originals.asked_cases()) == {waiting}, "its bytes are young: the case might come yet"
    assert leftovers.remove_answered(studio.world.at + LATER) == 1
    assert set(originals.asked_cases()) == set()


def test_an_askers_picture_whose_case_never_came_goes_after_an_hour(world: World) -> None:
    world.publish()
    put(originals.asked(uuid4()))
    assert leftovers.remove_answered(world.at + timedelta(minutes=50)) == 0
    assert leftovers.remove_answered(world.at + LATER) == 1
    assert set(originals.asked_cases()) == set()
