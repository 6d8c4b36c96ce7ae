"""What room is left on the disk is kept for withdrawing: files stop first, then grants, and neither is a fault."""

from pytest_django import Settings

from registry import originals
from tests.api.conftest import Doors, slug
from tests.drawn import jpeg
from tests.world import World


def test_files_stop_first_then_grants_and_withdrawals_never(world: World, doors: Doors, settings: Settings) -> None:
    ines = world.person("ines")
    token = doors.token(ines)
    world.image(ines)
    world.publish()
    asked = {"images": "all", "purposes": ["ai_training"], "notice": doors.notice()}
    settings.DISK_RESERVE = originals.free() * 3 // 2  # less is free, and more than half of it
    for full in (doors.upload(token, jpeg(7)), doors.client.get("/readyz")):
        assert (full.status_code, slug(full)) == (507, "storage-full")
    assert doors.post("me/grants", token, asked).status_code == 201
    settings.DISK_RESERVE = originals.free() * 3
    refused = doors.post("me/grants", token, asked)
    assert (refused.status_code, slug(refused)) == (507, "storage-full")
    assert doors.post("me/withdrawals", token, {"images": "all", "purposes": "all"}).status_code == 201
