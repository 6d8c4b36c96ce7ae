"""No oracle: what an account reads about its upload tells nothing of whether somebody else has the picture, or one like
it. An attacker plays both worlds and guesses; their advantage is the largest difference of any reading's frequency.
"""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import pytest

from consent.rules.lifecycle import CaseMove
from tests.api.conftest import Doors
from tests.drawn import jpeg
from tests.world import World, altered

TRIALS: Final = 3
ADVANTAGE: Final = 0.02
CHANGING: Final = re.compile(
    r'[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{64}|\d{4}-\d\d-\d\dT[\d:.]+Z|/receipts/\d+|"(?:size|index)": ?\d+'
)

Victim = Callable[[World, int], None]


def _picture(number: int) -> bytes:
    return jpeg(number)


def _permitted(world: World, number: int) -> None:
    ada = world.person("ada")
    world.grant(ada, [world.image(ada, content=_picture(number))])


def _withdrawn(world: World, number: int) -> None:
    ada = world.person("ada")
    world.withdraw(ada, [world.image(ada, content=_picture(number))])
    world.protect()


def _rejected(world: World, number: int) -> None:
    world.reject(world.image(world.person("ada"), content=_picture(number), registered=False))


def _being_decoded(world: World, number: int) -> None:
    world.image(world.person("ada"), content=_picture(number), registered=False)


def _revoked(world: World, number: int) -> None:
    ada = world.person("ada")
    image = world.image(ada, content=_picture(number))
    world.resolve(world.case(image=image, claimant=f"{number}@example.org"), CaseMove.ACCEPT)
    world.protect()


def _like_it(world: World, number: int) -> None:
    ada = world.person("ada")
    world.withdraw(ada, [world.image(ada, content=altered(_picture(number), crop=0.9))])
    world.protect()


def _unknown_people(world: World, number: int) -> None:
    world.image(world.person("ada"), content=_picture(number), depicts="unknown")


VICTIMS: Final[dict[str, Victim]] = {
    "permitted": _permitted,
    "withdrawn": _withdrawn,
    "rejected": _rejected,
    "being decoded": _being_decoded,
    "revoked": _revoked,
    "like it": _like_it,
    "unknown people": _unknown_people,
}


def read(answer: Any) -> str:
    """What stands there, but for numbers, times and digests, which differ between any two pictures."""
    return f"{answer.status_code} {CHANGING.sub('…', answer.content.decode())}"


def attack(world: World, doors: Doors, *, name: str, number: int) -> list[str]:
    """Upload, look, wait for the worker, look, allow, look, stop, look; and again with other words."""
    mallory = world.person(name)
    token, readings = doors.token(mallory), []
    brought = doors.upload(token, _picture(number))
    readings.append(read(brought))
    image = brought.json()["image"]

    def look() -> None:
        readings.extend(read(doors.get(path, token)) for path in (f"me/images/{image}", "me/images"))

    look()
    world.upload(mallory, _picture(number))  # the same again, and what a worker does
    look()
    body = {"images": [image], "purposes": ["ai_training"], "notice": doors.notice()}
    world.publish()
    granted = doors.post("me/grants", token, body)
    assert granted.status_code == 201
    readings.append(read(granted))
    look()
    readings.append(read(doors.upload(token, _picture(number), depicts=["self", "unknown"])))
    look()
    readings.append(read(doors.post("me/withdrawals", token, {"images": "all", "purposes": "all"})))
    look()
    assert "given" in readings[7]
    return readings


def _steps(attacks: list[list[str]]) -> list[tuple[str, ...]]:
    return list(zip(*attacks, strict=True))


@pytest.mark.parametrize("victim", VICTIMS)
def test_an_upload_tells_nothing_of_anybody_else(world: World, doors: Doors, victim: str) -> None:
    worlds: dict[bool, list[list[str]]] = {True: [], False: []}
    for trial in range(TRIALS):
        for there in (True, False):
            number = 10 * trial + there
            if there:
                VICTIMS[victim](world, number)
            world.later(seconds=1)
            world.publish()
            worlds[there].append(attack(world, doors, name=f"mallory{number}", number=number))
    for step, (with_victim, without) in enumerate(zip(_steps(worlds[True]), _steps(worlds[False]), strict=True)):
        readings = Counter(with_victim), Counter(without)
        advantage = max(abs(readings[0][r] - readings[1][r]) / TRIALS for r in readings[0] | readings[1])
        assert advantage <= ADVANTAGE, (step, with_victim[0], without[0])
