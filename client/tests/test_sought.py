"""One protected picture among many asking ones: the same as asking for each of them."""

import numpy as np
import pytest

from consentkit.fingerprints import golden, preparation, views
from consentkit.fingerprints.asking import packed, unpacked, unpacked_many
from consentkit.matching.resident import Resident
from consentkit.matching.sought import Sought

SEEDS = range(1, 13)


def drawn(seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return golden.drawn(seed, 256, 256)[:, :, 0]


def small(pixels: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> preparation.Pixels:
    return preparation.area_reduced(np.ascontiguousarray(pixels), side=views.SIDE)


def copies(seed: int) -> list[preparation.Pixels]:
    """The picture, mirrored, turned, cropped, both, and much of it under a banner."""
    whole = drawn(seed)
    under = whole.copy()
    under[200:] = 255
    cropped = whole[20:230, 30:240]
    return [small(each) for each in (whole, whole[:, ::-1], np.rot90(whole), cropped, cropped[:, ::-1], under)]


@pytest.fixture(scope="module")
def asking() -> list[views.Views]:
    return [views.asked(copy) for seed in SEEDS for copy in copies(seed)]


@pytest.mark.parametrize("seed", [1, 5, 9, 99])
def test_it_finds_what_asking_for_each_picture_finds(seed: int, asking: list[views.Views]) -> None:
    """Nearest view and distance too; and of what comparing every view finds, it misses nothing here."""
    protected = views.protected(small(drawn(seed)))
    resident = Resident([(0, protected)])
    one_by_one = {at: found[0].near for at, each in enumerate(asking) if (found := resident.matches(each))}
    together, owners = unpacked_many([packed(each) for each in asking])
    assert dict(Sought(protected).among(together, owners)) == one_by_one
    assert set(one_by_one) == {at for at, each in enumerate(asking) if resident.scan(each)}
    mine = {at for at in range(len(asking)) if seed in SEEDS and at // 6 == SEEDS.index(seed)}
    assert mine <= set(one_by_one)


def test_in_however_small_parts(monkeypatch: pytest.MonkeyPatch, asking: list[views.Views]) -> None:
    sought = Sought(views.protected(small(drawn(3))))
    together, owners = unpacked_many([packed(each) for each in asking])
    whole = list(sought.among(together, owners))
    monkeypatch.setattr("consentkit.matching.sought._CHUNK", 7)
    assert list(sought.among(together, owners)) == whole
    assert whole


def test_none_among_none() -> None:
    """A flat picture has no views, and nobody may ask."""
    nothing, nobody = unpacked_many([])
    flat = views.protected(np.full((views.SIDE, views.SIDE), 128, np.uint8))
    for protected in (flat, views.protected(small(drawn(1)))):
        assert list(Sought(protected).among(nothing, nobody)) == []
    assert list(Sought(flat).among(views.asked(small(drawn(1))), np.zeros(6, np.int64))) == []


def test_many_are_unpacked_as_each_is(asking: list[views.Views]) -> None:
    kept = [packed(each) for each in asking[:5]] + [b""] + [packed(asking[5])]
    together, owners = unpacked_many(kept)
    assert np.array_equal(together, np.concatenate([unpacked(each) for each in kept]))
    assert owners.tolist() == [at for at, each in enumerate(kept) for _ in range(len(each) // 33)]
