"""What a person has is stopped in one act, however many pictures they are."""

import pytest
from django.db import connection

from bench import seeds
from tests.world import World

MANY = 20_000
IDLE_MS = 500  # the database gives up a transaction that stands idle for longer; computing over MANY takes more


@pytest.mark.unchecked("seeds are not in the log")
def test_computing_over_many_images_is_not_standing_idle(world: World) -> None:
    institute = world.person("institute")
    world.publish()
    images = seeds.images(institute, first=1, last=MANY)
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = {IDLE_MS}")
    try:
        withdrawn = world.withdraw(institute)
        assert not withdrawn.repeated
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM consent_withdrawalline WHERE in_force <> 0")
            assert cursor.fetchone() == (len(images),)
            cursor.execute("SHOW idle_in_transaction_session_timeout")
            assert cursor.fetchone() == (f"{IDLE_MS}ms",)  # for that act alone
    finally:
        connection.close()
