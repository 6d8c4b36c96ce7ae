"""People who bring drawn portraits and copies of them, and the tasks called as a worker calls them."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
from PIL import Image

from consent.reads.cases import Docket, open_cases
from consent.reads.protections import unsearched, waiting
from service import tasks
from tests import drawn
from tests.world import World


@dataclass(frozen=True)
class Studio:
    """Pictures on their way through the workers. Nothing runs by itself."""

    world: World

    def bring(self, name: str, picture: Image.Image) -> UUID:
        """Handed in, and nobody has looked yet."""
        person = self.world.person(name)
        return self.world.image(person, content=drawn.file(picture, "JPEG", quality=85), registered=False)

    def shown(self, name: str, picture: Image.Image) -> UUID:
        """Handed in, and a worker has looked."""
        image = self.bring(name, picture)
        tasks.fingerprint(str(image))
        return image

    def withdrawn(self, name: str, picture: Image.Image) -> UUID:
        """Shown, permitted, withdrawn, protected, and copies of it looked for."""
        image = self.shown(name, picture)
        self.world.grant(self.world.person(name))
        self.world.withdraw(self.world.person(name))
        self.work()
        return image

    def work(self) -> None:
        """What the messages after an act lead to."""
        while waiting(1) or unsearched(1):
            tasks.protect()
            tasks.look_back()

    def case(self) -> Docket:
        """The one that is open."""
        (case,) = open_cases()
        return case


@functools.cache
def face(seed: int = 1) -> Image.Image:
    return drawn.portrait(seed, (480, 600))


def crop(picture: Image.Image) -> Image.Image:
    """Mirrored, and cut to 85 % of its sides."""
    wide, high = picture.size
    part = picture.crop((wide // 20, high // 20, wide * 9 // 10, high * 9 // 10))
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


@pytest.fixture
def studio(world: World) -> Studio:
    return Studio(world)


@pytest.fixture(scope="session", autouse=True)
def _decoder_ends() -> Iterator[None]:
    yield
    tasks.quarantine().__exit__(None, None, None)
    tasks.quarantine.cache_clear()
