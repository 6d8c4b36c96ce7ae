"""Forged collisions: against each single hash nothing matches, and against all of them nobody else is harmed (law 10).

A picture's low frequencies are nudged until a hash says what the forger wants: a few hundredths of a second, no secret
needed, because the algorithms are public.
"""

from collections.abc import Callable
from functools import partial
from typing import Final
from uuid import UUID

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from consent.exclusions import matching
from consent.models import Case, CaseImage, Protection, Standing
from consent.reads.copies import protected_copies, registered_copies
from consent.reads.matches import match
from consent.rules.lifecycle import CaseMove
from consent.rules.pictures import protected_views
from consentkit.fingerprints import pdq, phash, views
from consentkit.fingerprints.asking import packed
from consentkit.fingerprints.pixels import CONFIRMED, likeness
from consentkit.fingerprints.preparation import Pixels, area_reduced
from consentkit.matching.rule import near
from registry import originals
from registry.models import Entry, Fingerprint
from tests.drawn import jpeg, png
from tests.world import World, perceived, reason, views_of_file

Floats = NDArray[np.float64]
Bits = NDArray[np.bool_]
ROUNDS: Final = 400
BY: Final = 12.0  # grey levels (times the wave's length) by which a frequency is moved past its threshold

VICTIM, FORGER = jpeg(3), jpeg(4)


def small(content: bytes) -> Pixels:
    return perceived(content).small


def file_of(pixels: Pixels) -> bytes:
    """A picture of which just these pixels are the small picture."""
    return png(Pillow.fromarray(pixels).resize((512, 512), Pillow.Resampling.NEAREST))


def planes(frequencies: list[tuple[int, int]], side: int) -> Floats:
    """(k, side, side): the cosine waves whose sums a hash takes."""
    waves = np.cos(np.pi / (2 * side) * np.outer(np.arange(17), 2 * np.arange(side) + 1))
    return np.stack([np.outer(waves[down], waves[across]) for down, across in frequencies])


def forged(start: Pixels, *pushes: Callable[[Floats], Floats | None]) -> Pixels:
    """The picture once none of the pushes wants it otherwise; each says how the pixels should change."""
    picture = start.astype(np.float64)
    for _ in range(ROUNDS):
        wanted = [push(np.rint(picture)) for push in pushes]
        if all(change is None for change in wanted):
            return np.rint(picture).astype(np.uint8)
        picture = np.clip(picture + sum(change for change in wanted if change is not None), 0, 255)
    raise AssertionError("the forger gave up")


def towards(bits: Bits, waves: Floats, picture: Floats, *, above_median: bool = False) -> Floats | None:
    """The change that moves each frequency which is on the wrong side of its threshold; None where all are right."""
    found = np.einsum("kij,ij->k", waves, picture)
    threshold = np.median(found) if above_median else 0.0
    wrong = (found > threshold) != bits
    if not wrong.any():
        return None
    lengths = (waves**2).sum(axis=(1, 2))
    goal = threshold + np.where(bits, BY, -BY) * np.sqrt(lengths)
    moved = np.where(wrong, goal - found, 0) / lengths
    return np.asarray(np.einsum("k,kij->ij", moved, waves), np.float64)


def through_steps(bits: Bits, waves: Floats, picture: Floats) -> Floats | None:
    """The same for the sums over |across| + |down|: a little way down their slope."""
    wide = np.pad(picture, 1, mode="edge")
    across, down = wide[1:-1, 2:] - wide[1:-1, :-2], wide[2:, 1:-1] - wide[:-2, 1:-1]
    wanted = towards(bits, waves, np.abs(across) + np.abs(down))
    if wanted is None:
        return None
    change = np.zeros_like(picture)
    change[:, 1:] += (np.sign(across) * wanted)[:, :-1]
    change[:, :-1] -= (np.sign(across) * wanted)[:, 1:]
    change[1:, :] += (np.sign(down) * wanted)[:-1, :]
    change[:-1, :] -= (np.sign(down) * wanted)[1:, :]
    return 0.15 * change


def whole_view(content: bytes) -> views.Views:
    return views.views(small(content), [views._WHOLE])


def light(victim: bytes) -> Callable[[Floats], Floats | None]:
    return partial(towards, views._bits(whole_view(victim)[:, :2])[0], planes(views._FREQUENCIES, views.SIDE))


def edges(victim: bytes) -> Callable[[Floats], Floats | None]:
    return partial(through_steps, views._bits(whole_view(victim)[:, 2:4])[0], planes(views._FREQUENCIES, views.SIDE))


def in_light(victim: bytes, start: bytes) -> bytes:
    return file_of(forged(small(start), light(victim)))


def in_edges(victim: bytes, start: bytes) -> bytes:
    return file_of(forged(small(start), edges(victim)))


def in_both(victim: bytes, start: bytes) -> bytes:
    return file_of(forged(small(start), light(victim), edges(victim)))


def reduced(content: bytes) -> Pixels:
    return area_reduced(small(content), side=64)


def in_phash(victim: bytes, start: bytes) -> bytes:
    bits = np.unpackbits(np.frombuffer(phash.fingerprint(reduced(victim)).bits, np.uint8)).astype(bool)
    waves = planes([(down, across) for down in range(16) for across in range(16)], 64)
    return file_of(forged(reduced(start), partial(towards, bits, waves, above_median=True)))


def in_pdq(victim: bytes, start: bytes) -> bytes:
    bits = np.unpackbits(np.frombuffer(pdq.fingerprint(reduced(victim)).bits, np.uint8)).astype(bool)[::-1]
    waves = planes([(down, across) for down in range(1, 17) for across in range(1, 17)], 64)
    return file_of(forged(reduced(start), partial(towards, bits, waves, above_median=True)))


def apart(a: bytes, b: bytes) -> dict[str, int]:
    """Bits by which two files differ, by hash."""
    words = np.bitwise_count(whole_view(a)[0] ^ whole_view(b)[0])
    found = {"light": int(words[0] + words[1]), "edges": int(words[2] + words[3])}
    for one, other in zip(perceived(a).fingerprints, perceived(b).fingerprints, strict=True):
        if one.algorithm != views.ALGORITHM:
            differ = int.from_bytes(one.bits) ^ int.from_bytes(other.bits)
            found[one.algorithm] = differ.bit_count()
    return found


SINGLE: Final = {"light": in_light, "edges": in_edges, "phash256": in_phash, "pdq256r": in_pdq}
LEFT: Final = {"light": 2, "edges": 2, "phash256": 16, "pdq256r": 16}  # bits; 31 of 256 counts as a match elsewhere


def standings() -> dict[UUID, tuple[list[int | None], list[int | None]]]:
    return {row.image_id: (row.until, row.reason) for row in Standing.objects.all()}


@pytest.fixture
def victim(world: World) -> UUID:
    """Ines' picture, withdrawn."""
    ines = world.person("ines")
    image = world.image(ines, content=VICTIM)
    world.withdraw(ines)
    world.protect()
    return image


@pytest.mark.parametrize("hash_", SINGLE)
def test_a_collision_in_one_hash_is_no_match(world: World, victim: UUID, hash_: str) -> None:
    """Neither where only views come in, nor at an upload, nor among what was registered before."""
    lab, jo, ann = world.pipeline(), world.person("jo"), world.person("ann")
    content = SINGLE[hash_](VICTIM, FORGER)
    found = apart(content, VICTIM)
    assert found[hash_] <= LEFT[hash_], "the forger failed"
    assert max(found["light"], found["edges"]) > 34
    assert world.match(lab, VICTIM).pictures[0].decision == "excluded"
    assert world.match(lab, content).pictures[0].decision == "unknown"
    assert reason(world.upload(jo, content)) == "no_grant"
    world.image(ann, content=file_of(small(content)[:, ::-1]))
    assert world.look_back() == 0
    case = world.ask(content)
    world.search(case)
    assert not CaseImage.objects.filter(image=victim).exists()


def test_a_collision_in_both_costs_no_more_and_the_pixels_tell(world: World, victim: UUID) -> None:
    """The two hashes together are no wall against forgers, so wherever pictures are held they have the last word.

    To be sure that the views collide whichever are looked at, the registry is given the forger's for the victim's.
    """
    jo, ann, lab = world.person("jo"), world.person("ann"), world.asker(world.pipeline())
    content = in_both(VICTIM, FORGER)
    assert max(apart(content, VICTIM)[hash_] for hash_ in ("light", "edges")) <= LEFT["edges"]
    assert likeness(small(content), small(VICTIM)) < CONFIRMED < likeness(small(VICTIM), small(VICTIM))
    forger_says = packed(whole_view(content))
    distances = np.bitwise_count(views.protected(small(VICTIM))[:1, :4] ^ whole_view(content)[:, :4])
    assert near(distances).all()
    Protection.objects.update(views=protected_views(small(content).tobytes()), serial=100)
    (answer,) = match(lab, purpose="ai_training", version=1, pictures=[forger_says]).pictures
    assert [each.image for each in answer.matches] == [victim]  # the forger's own answer
    before = standings()
    upload = world.upload(jo, content)
    assert [each.key for each in matching.current(1).matches(views.asked(small(content)), collection=world.collection)]
    assert protected_copies(originals.small(upload).read_bytes(), image=upload).found == ()
    late = world.image(ann, content=FORGER)
    Fingerprint.objects.filter(image=late, algorithm=views.ALGORITHM).update(bits=views_of_file(VICTIM))
    assert registered_copies(originals.small(victim).read_bytes(), of=victim) == ()
    assert world.look_back() == 0
    assert not Case.objects.exists()
    assert {image: row for image, row in standings().items() if image in before} == before


def test_nobody_suspends_a_strangers_picture_with_a_forged_one(world: World) -> None:
    """Brought and withdrawn, or asked about: the stranger's picture, with everything granted, is never touched."""
    ines, mallory, lab = world.person("ines"), world.person("mallory"), world.pipeline()
    image = world.image(ines, content=VICTIM)
    world.grant(ines)
    for number, forge in enumerate((*SINGLE.values(), in_both)):
        world.image(mallory, content=forge(VICTIM, jpeg(20 + number)))
    world.withdraw(mallory)
    world.protect()
    world.look_back()
    case = world.ask(in_both(VICTIM, FORGER), claimant="mallory@example.org")
    world.search(case)
    world.publish()
    assert reason(image) is None
    assert world.decision(lab, image).decision == "permitted"
    assert not CaseImage.objects.exists()
    assert reason(world.upload(ines, VICTIM)) is None  # the same picture once more: nothing new


def test_forged_bytes_change_the_forgers_own_answer_and_nothing_else(world: World, victim: UUID) -> None:
    """Any bytes may be sent as views; with `deposit` they are even kept. All that follows is word to that pipeline."""
    jo = world.person("jo")
    other = world.image(jo, content=FORGER)
    world.grant(jo)
    world.publish()
    mallory, lab = world.pipeline("mallory"), world.pipeline("lab")
    forged_views = packed(views.protected(small(VICTIM))[:6])
    of_other = views_of_file(FORGER)
    before, size = standings(), Entry.objects.count()
    asker = world.asker(mallory)
    said = match(
        asker,
        purpose="ai_training",
        version=views.VERSION,
        pictures=[forged_views, of_other, bytes(198), b"\xff" * 198],
    )
    assert [str(each.decision) for each in said.pictures] == ["excluded", "unknown", "unknown", "unknown"]
    world.deposit(mallory, a=VICTIM)
    assert world.look_back() == 1
    assert (standings(), Entry.objects.count()) == (before, size)
    assert world.match(lab, FORGER).pictures[0].decision == "unknown"
    assert world.decision(lab, other).decision == "permitted"
    assert reason(victim) == "withdrawn"


def test_a_true_copy_suspends_and_only_a_steward_decides(world: World) -> None:
    """What a real copy may do, within the reach, a forged one may not even begin. Nothing here is final."""
    ines, mallory = world.person("ines"), world.person("mallory")
    image = world.image(ines, content=VICTIM)
    world.grant(ines)
    world.image(mallory, content=file_of(small(VICTIM)[:, ::-1]))
    world.withdraw(mallory)
    world.protect()
    world.look_back()
    assert reason(image) == "restricted"
    (case,) = Case.objects.all()
    world.resolve(case.id, CaseMove.REJECT)
    assert reason(image) is None
    assert set(CaseImage.objects.values_list("hold", flat=True)) == {"lifted"}
    world.withdraw(mallory)  # said again, nothing new is looked for
    world.protect()
    world.look_back()
    assert reason(image) is None
