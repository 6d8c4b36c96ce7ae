"""An older registry is brought to the fingerprints and views of this version."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from PIL import Image

from consent.acts.register_checked import register_checked
from consent.errors import UnknownVersion
from consent.models import Protection
from consent.reads.cases import open_cases
from consent.reads.matches import match
from consent.reads.protections import waiting
from consent.rules.lifecycle import CaseMove
from consentkit.fingerprints import perception, views
from registry import originals
from registry.acts.register import Measured
from registry.models import Fingerprint
from registry.reads.queue import bringers
from service import refingerprinting
from tests.processes.registry import REPOSITORY
from tests.workers.conftest import Studio, crop, face
from tests.workers.test_tasks import asked, asker
from tests.world import World, reason


def old(studio: Studio, name: str, picture: Image.Image) -> UUID:
    """Registered by a registry that knew one fingerprint and kept no small pictures."""
    image = studio.bring(name, picture)
    (known,) = [each for each in perception.perceive(picture).fingerprints if each.algorithm == "phash256"]
    (person,), measured = bringers(image), Measured(*picture.size, [known])
    register_checked(image, person=person, measured=measured, seen=2**62, at=studio.world.at)
    return image


def made(image: UUID) -> dict[str, int]:
    return dict(Fingerprint.objects.filter(image=image).values_list("algorithm", "version"))


def faulty() -> bool:
    """Whether the command ended with 1."""
    try:
        call_command("refingerprint")
    except SystemExit as ended:
        return ended.code == 1
    return False


def test_images_of_an_older_registry_get_what_they_lack(studio: Studio) -> None:
    first, second = old(studio, "ada", face()), old(studio, "bob", face(2))
    studio.world.withdraw(studio.world.person("ada"))
    assert not faulty()
    assert made(first) == made(second) == perception.CURRENT
    assert len(originals.small(second).read_bytes()) == 128 * 128
    assert waiting(9) == []
    said = match(asker(studio), purpose="ai_training", version=views.VERSION, pictures=[asked(crop(face()))])
    assert said.complete
    assert [found.image for found in said.pictures[0].matches] == [first]


def test_a_second_run_changes_nothing(studio: Studio) -> None:
    image = old(studio, "ada", face())
    assert not faulty()
    rows, written = list(Fingerprint.objects.values_list("id", flat=True)), originals.small(image).stat().st_mtime_ns
    assert not faulty()
    assert list(Fingerprint.objects.values_list("id", flat=True)) == rows
    assert originals.small(image).stat().st_mtime_ns == written


def test_a_copy_among_the_old_ones_is_held_once_views_show_it(studio: Studio) -> None:
    copy = old(studio, "bob", crop(face()))
    studio.withdrawn("ada", face())
    assert open_cases() == [], "without views nothing is found"
    assert not faulty()
    assert reason(copy) == "restricted"
    studio.world.resolve(studio.case().id, CaseMove.REJECT)
    Fingerprint.objects.filter(image=copy, algorithm=views.ALGORITHM).delete()
    assert not faulty()
    assert open_cases() == [], "what a steward has let go is not brought up again"


@pytest.mark.parametrize("damage", ["lost", "damaged"])
def test_a_damaged_original_is_reported_and_the_others_are_done(
    studio: Studio, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bad, good = old(studio, "ada", face()), old(studio, "ada", face(2))
    whole = originals.original(bad).read_bytes()
    if damage == "lost":
        originals.original(bad).unlink()
    else:
        originals.original(bad).write_bytes(whole[:5000])
    studio.world.withdraw(studio.world.person("ada"))
    assert faulty()
    assert str(bad) in capsys.readouterr().err
    assert (made(good), waiting(9)) == (perception.CURRENT, [bad])
    originals.original(bad).write_bytes(whole)
    assert not faulty()
    assert (made(bad), waiting(9)) == (perception.CURRENT, [])


def test_it_goes_on_where_it_was_stopped(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [old(studio, "ada", face(seed)) for seed in (1, 2)]
    renew, calls = refingerprinting._renew, list[object]()

    def stopped(*args: object) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        renew(*args)  # type: ignore[arg-type] # as it came

    monkeypatch.setattr(refingerprinting, "_renew", stopped)
    with pytest.raises(KeyboardInterrupt):
        call_command("refingerprint")
    assert sorted(len(made(image)) for image in images) == [1, 4]
    monkeypatch.undo()
    assert not faulty()
    assert [made(image) for image in images] == [perception.CURRENT] * 2


NEXT = """
from consentkit.fingerprints import perception, views
views.VERSION = 2
perception.CURRENT[views.ALGORITHM] = 2
"""


def next_version(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`manage.py refingerprint` of a release that makes views of version 2, on this test's database and pictures."""
    (folder / "sitecustomize.py").write_text(NEXT)
    (folder / "home").mkdir(exist_ok=True)
    (folder / "home" / "images").unlink(missing_ok=True)
    (folder / "home" / "images").symlink_to(settings.IMAGE_DIR)
    address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    environ = {
        **os.environ,
        "DATABASE_URL": address.geturl(),
        "PYTHONPATH": os.pathsep.join([str(folder), str(REPOSITORY)]),
    }
    argv = [sys.executable, str(REPOSITORY / "manage.py"), "refingerprint", "--home", str(folder / "home"), *words]
    return subprocess.run(argv, env=environ, capture_output=True, text=True, check=False, cwd=REPOSITORY)


def test_a_new_version_of_views_is_searched_beside_the_old_one_until_that_is_forgotten(
    studio: Studio, tmp_path: Path
) -> None:
    image, other = studio.withdrawn("ada", face()), studio.shown("bob", face(2))
    pipeline, picture = asker(studio), [asked(crop(face()))]

    def found(version: int) -> list[UUID]:
        said = match(pipeline, purpose="ai_training", version=version, pictures=picture)
        assert said.complete
        return [each.image for each in said.pictures[0].matches]

    with pytest.raises(UnknownVersion):
        found(2)
    done = next_version(tmp_path)
    assert done.returncode == 0, done.stderr
    assert found(1) == found(2) == [image]
    assert sorted(Fingerprint.objects.filter(image=other).values_list("algorithm", "version"))[-2:] == [
        ("views256", 1),
        ("views256", 2),
    ]
    forgotten = next_version(tmp_path, "--forget", "1")
    assert forgotten.returncode == 0, forgotten.stderr
    assert set(Protection.objects.values_list("version", flat=True)) == {2}
    assert not Fingerprint.objects.filter(algorithm="views256", version=1).exists()
    assert found(2) == [image]
    assert not faulty()  # the older release again: it makes anew what it lacks
    assert found(1) == found(2) == [image]


def test_the_version_at_work_cannot_be_forgotten(world: World) -> None:
    with pytest.raises(CommandError, match="works with"):
        call_command("refingerprint", "--forget", "1")
