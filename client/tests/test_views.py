"""Views: bits that are the same everywhere, the algebra of turning, and what is found on real portraits."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from consentkit.fingerprints import Incomparable, golden, landmarks, margins, pixels, preparation, tilts, views
from consentkit.fingerprints.asking import VIEW_BYTES, packed, unpacked
from consentkit.matching import rule
from consentkit.matching.resident import Resident

PORTRAITS = Path(__file__).parents[3] / "shared" / "portraits"
WHOLE = [landmarks.Window(0, 1024, 0, 1024)]


def small(seed: int, width: int = 256, height: int = 256) -> preparation.Pixels:
    return preparation.area_reduced(golden.drawn(seed, width, height)[:, :, 0], side=views.SIDE)


def portraits(count: int) -> list[Image.Image]:
    found = sorted((PORTRAITS / "1024").glob("*.jpg"))[:count]
    if not found:
        pytest.skip(f"no real portraits: {PORTRAITS} is missing")
    return [Image.open(path).convert("RGB").resize((512, 512)) for path in found]


def seen(image: Image.Image) -> preparation.Pixels:
    return preparation.area_reduced(preparation.luma(image), side=views.SIDE)


def apart(a: views.Views, b: views.Views) -> int:
    """Bits that differ, of one view each."""
    return int(np.bitwise_count(a[:4] ^ b[:4]).sum())


def nearest(asking: views.Views, held: views.Views) -> int:
    words = views.turned(asking)[:, :, None, :4] ^ held[None, None, :, :4]
    return int(np.bitwise_count(words).sum(axis=3).min())


def test_golden_vectors_hold() -> None:
    golden.check_views()


def test_a_library_that_changes_a_bit_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "_FLAT", 40.0)
    with pytest.raises(golden.Drifted, match="views256"):
        golden.check_views()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_turning_bits_is_turning_the_picture(seed: int, orientation: int) -> None:
    pixels_ = small(seed)
    turned = views.views(preparation.upright(pixels_, orientation), WHOLE)[0]
    expected = views.turned(views.views(pixels_, WHOLE))[orientation - 1, 0]
    assert apart(turned, expected) <= 2


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_has_turned_views(orientation: int) -> None:
    for image in portraits(6):
        asking = views.asked(preparation.upright(seen(image), orientation))
        assert nearest(asking, views.protected(seen(image))) <= 8


def test_the_asking_side_is_small_and_comes_back_from_its_bytes() -> None:
    for seed in range(1, 9):
        found = views.asked(small(seed))
        sent = packed(found)
        assert len(sent) == len(found) * VIEW_BYTES <= 200
        assert np.array_equal(unpacked(sent), found)


@given(st.binary(max_size=220))
def test_bytes_that_are_no_views_are_refused_and_others_come_back(sent: bytes) -> None:
    if len(sent) % VIEW_BYTES or len(sent) > views.ASKED * VIEW_BYTES:
        with pytest.raises(Incomparable):
            unpacked(sent)
    else:
        assert packed(unpacked(sent)) == sent


@given(st.lists(st.binary(min_size=31, max_size=31), min_size=3, max_size=3))
def test_a_distance_is_a_metric(three: list[bytes]) -> None:
    a, b, c = (np.frombuffer(each + b"\0", ">u8").astype(np.uint64) for each in three)
    assert apart(a, a) == 0
    assert apart(a, b) == apart(b, a)
    assert apart(a, c) <= apart(a, b) + apart(b, c)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_flat_picture_has_no_views(level: int) -> None:
    flat = np.full((views.SIDE, views.SIDE), level, np.uint8)
    assert len(views.asked(flat)) == len(views.protected(flat)) == 0
    assert pixels.likeness(flat, small(1)) == 0.0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 255))
def test_margins_come_off(top: int, bottom: int, left: int, right: int, colour: int) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (128 - top - bottom, 128 - left - right)).astype(np.uint8)
    framed = np.pad(noise, ((top, bottom), (left, right)), constant_values=colour)
    assert margins.content(framed) == (top, 128 - bottom, left, 128 - right)


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("gap", [2, 4])
def test_words_on_a_banner_come_off_with_it(gap: int, turn: int) -> None:
    """Also where they leave less than a third of their lines' paper."""
    picture = np.random.default_rng(1).integers(0, 256, (128, 128)).astype(np.uint8)
    picture[104:] = 200
    picture[110:118, 5:123] = 10
    picture[110:118, 5:123:gap] = 200
    top, bottom, left, right = margins.content(np.rot90(picture, turn))
    assert (top, 128 - bottom, left, 128 - right) == [(0, 24, 0, 0), (0, 0, 0, 24), (24, 0, 0, 0), (0, 0, 24, 0)][turn]


def test_what_is_no_margin_stays() -> None:
    """Words alone, and a plain strip further in with the picture between."""
    picture = np.random.default_rng(1).integers(0, 256, (128, 128)).astype(np.uint8)
    picture[:4], picture[30:40] = 200, 200
    assert margins.content(picture) == (4, 128, 0, 128)


def test_the_asking_windows_lie_apart() -> None:
    """A picture beside its own frame: none of its windows hangs on the frame while others do."""
    for image in portraits(8):
        framed = np.pad(preparation.area_reduced(seen(image), side=96), 16, constant_values=255)
        found = views.asked_windows(framed)
        assert len(found) == views.ASKED
        assert min(min(each.top, each.left) for each in found) >= 100
        assert max(max(each.bottom, each.right) for each in found) <= 924


def test_windows_lie_inside_and_are_not_the_same_twice() -> None:
    for seed in range(1, 9):
        found = views.protected_windows(small(seed))
        assert len(set(found)) == len(found)
        assert all(0 <= w.top < w.bottom <= 1024 and 0 <= w.left < w.right <= 1024 for w in found)


def test_a_tilt_of_nothing_changes_nothing() -> None:
    assert np.array_equal(tilts.tilted(small(1), 0), small(1))
    assert tilts.moved(landmarks.Window(100, 300, 400, 600), 0) == (100, 300, 400, 600)


def crop(image: Image.Image, share: float) -> Image.Image:
    side = image.width
    left, top, length = round(side * 0.7 * (1 - share)), round(side * 0.3 * (1 - share)), round(side * share)
    return image.crop((left, top, left + length, top + length))


ALTERATIONS = {
    "itself": lambda image: image,
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "tilted": lambda image: image.rotate(3, Image.Resampling.BICUBIC),
    "cropped to 60 %": lambda image: crop(image, 0.6),
    "cropped and mirrored": lambda image: crop(image, 0.75).transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "smaller": lambda image: image.resize((100, 100)),
}


@pytest.mark.parametrize("alter", ALTERATIONS.values(), ids=ALTERATIONS.keys())
def test_altered_portraits_are_found_and_only_they(alter) -> None:  # type: ignore[no-untyped-def]
    people = portraits(16)
    index = Resident((number, views.protected(seen(image))) for number, image in enumerate(people))
    found = [[match.key for match in index.matches(views.asked(seen(alter(image))))] for image in people]
    assert all(set(keys) <= {number} for number, keys in enumerate(found))
    assert sum(keys == [number] for number, keys in enumerate(found)) >= 15


def test_pixels_confirm_copies_and_nothing_else() -> None:
    people = [seen(image) for image in portraits(8)]
    copies = [seen(ALTERATIONS["cropped and mirrored"](image)) for image in portraits(8)]
    for number, copy in enumerate(copies):
        assert pixels.likeness(copy, people[number]) >= pixels.CONFIRMED
        assert pixels.likeness(copy, people[number - 1]) < pixels.CONFIRMED


def test_one_part_that_is_the_same_is_no_copy() -> None:
    """A collar on a collar: its blocks agree, and the others do not."""
    held, other = small(3), small(4)
    pasted = other.copy()
    pasted[32:96, 32:96] = held[32:96, 32:96]
    assert pixels.likeness(pasted, held) < 0.6 < pixels.CONFIRMED < pixels.likeness(held, held)


def forged(a: preparation.Pixels, b: preparation.Pixels, *, rounds: int = 60) -> preparation.Pixels:
    """`a` nudged until the frequencies of its luma have the signs of `b`'s: what a forger of any luma DCT hash does."""
    picture = a.astype(np.float64)
    side = len(a)
    waves = np.cos(np.pi * np.arange(17)[:, None] * (2 * np.arange(side) + 1) / (2 * side)) * np.sqrt(2 / side)
    wanted = np.sign(waves @ b.astype(np.float64) @ waves.T)
    wanted[0, 0] = 0
    for _ in range(rounds):
        has = waves @ picture @ waves.T
        lack = np.where((wanted != 0) & (has * wanted < 6), wanted * 6 - has, 0)
        picture = np.clip(picture + waves.T @ lack @ waves, 0, 255)
    return np.rint(picture).astype(np.uint8)


def test_a_forged_collision_in_light_is_no_match() -> None:
    """pHash, PDQ and our `light` all fall to one forgery; `edges` and the pixels do not."""
    from consentkit.fingerprints import distance, pdq, phash

    images = [seen(image) for image in portraits(6)]
    for a, b in zip(images, images[1:] + images[:1], strict=True):
        fake = forged(a, b)
        tiny, victim = (preparation.area_reduced(each, side=64) for each in (fake, b))
        assert distance(phash.fingerprint(tiny), phash.fingerprint(victim)) <= 48
        assert distance(pdq.fingerprint(tiny), pdq.fingerprint(victim)) <= 31
        whole = np.bitwise_count(views.views(fake, WHOLE)[0] ^ views.protected(b)[0])
        assert whole[0] + whole[1] <= 12
        before = np.bitwise_count(views.views(a, WHOLE)[0] ^ views.protected(b)[0])
        assert int(whole[2] + whole[3]) > max(rule.EDGES, int(before[2] + before[3]) - 16)
        assert Resident([("victim", views.protected(b))]).matches(views.asked(fake)) == []
        assert pixels.likeness(fake, b) < pixels.CONFIRMED
