"""The frozen preparation, the fingerprint, and the golden vectors that guard both."""

import os
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from consentkit.fingerprints import (
    Fingerprint,
    Incomparable,
    distance,
    fingerprint,
    golden,
    library_versions,
    preparation,
)

PORTRAITS = Path(__file__).parents[3] / "shared" / "portraits"


def test_golden_vectors_hold() -> None:
    golden.check()


def test_golden_vectors_are_all_different() -> None:
    assert len({expected for _, _, expected in golden.vectors()}) == len(list(golden.vectors())) >= 12


def checked(tmp_path: Path, drift: str) -> subprocess.CompletedProcess[str]:
    """`golden.check()` in a process whose libraries behave otherwise."""
    (tmp_path / "sitecustomize.py").write_text(drift)
    return subprocess.run(
        [sys.executable, "-c", "from consentkit.fingerprints import golden; golden.check()"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )


DRIFTS = {
    "another median": "import numpy; numpy.median = numpy.mean",
    "another transform": (
        "import scipy.fftpack as f; was = f.dct; f.dct = lambda x, axis: was(x, axis=axis, norm='ortho') + 1"
    ),
    "rounding in the reduction": (
        "from consentkit.fingerprints import preparation as p; was = p.area_reduced\n"
        "p.area_reduced = lambda x: was(x) // 4 * 4"
    ),
    "another CMYK": (
        "from PIL import Image; was = Image.Image.convert\n"
        "def convert(image, mode=None, **options):\n"
        "    done = was(image, mode, **options)\n"
        "    return done.point(lambda v: v * v // 255) if image.mode == 'CMYK' else done\n"
        "Image.Image.convert = convert"
    ),
}


@pytest.mark.parametrize("drift", DRIFTS.values(), ids=DRIFTS.keys())
def test_golden_vectors_notice_a_library_that_drifted(tmp_path: Path, drift: str) -> None:
    run = checked(tmp_path, drift)
    assert run.returncode == 1
    assert "Drifted: phash256 version 1, vector" in run.stderr
    assert "pillow" in run.stderr


def test_a_resampling_that_drifted_changes_nothing(tmp_path: Path) -> None:
    """What happened between Pillow 12.3 and 13.0 cannot happen to us."""
    drift = (
        "from PIL import Image; was = Image.Image.resize\n"
        "def resize(image, size, *a, **k):\n"
        "    same = image.size == tuple(size)\n"
        "    return image.copy() if same else was(image, size, Image.Resampling.NEAREST)\n"
        "Image.Image.resize = resize"
    )
    run = checked(tmp_path, drift)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("size", [(64, 64), (65, 64), (200, 131), (63, 700), (5, 3)])
def test_a_cell_is_the_exact_mean_of_what_it_covers(size: tuple[int, int]) -> None:
    width, height = size
    pixels = golden.drawn(21, width, height)[:, :, 0]
    small = preparation.area_reduced(pixels)
    for row, column in ((0, 0), (17, 40), (63, 63), (31, 5)):
        total = sum(
            down * across * int(pixels[y, x]) for y, down in shares(row, height) for x, across in shares(column, width)
        )
        exact = Fraction(total) / Fraction(height * width, 64 * 64)
        assert abs(exact - int(small[row, column])) <= Fraction(1, 2)


def shares(cell: int, length: int) -> Iterator[tuple[int, Fraction]]:
    """Each pixel that a cell touches, and how much of it."""
    low, high = Fraction(cell * length, 64), Fraction((cell + 1) * length, 64)
    for pixel in range(length):
        share = min(high, Fraction(pixel + 1)) - max(low, Fraction(pixel))
        if share > 0:
            yield pixel, share


def test_turning_commutes_with_the_reduction() -> None:
    pixels = golden.drawn(22, 333, 170)[:, :, 1]
    small = preparation.area_reduced(pixels)
    assert np.array_equal(preparation.area_reduced(pixels.T), small.T)
    assert np.array_equal(preparation.area_reduced(pixels[::-1]), small[::-1])


def test_luma_is_in_16_bit_fixed_point() -> None:
    rgb = golden.drawn(23, 100, 700)
    red, green, blue = (rgb[:, :, i].astype(int) for i in range(3))
    expected = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16
    assert np.array_equal(preparation.luma(Image.fromarray(rgb)), expected)


@pytest.mark.parametrize(
    "exif", [b"", b"II*\x00", b"MM\x00*\xff\xff\xff\xff", b"II*\x00\x08\x00\x00\x00\xff\xff", b"junk" * 9]
)
def test_an_orientation_that_makes_no_sense_is_none(exif: bytes) -> None:
    image = Image.new("L", (64, 64))
    image.info["exif"] = b"Exif\x00\x00" + exif
    assert preparation.orientation(image) == 1


def test_distance_counts_bits_and_refuses_what_cannot_be_compared() -> None:
    a, b = Fingerprint("phash256", 1, bytes(32)), Fingerprint("phash256", 1, bytes(31) + b"\x07")
    assert (distance(a, a), distance(a, b)) == (0, 3)
    for other in (Fingerprint("phash256", 2, bytes(32)), Fingerprint("pdq", 1, bytes(32))):
        with pytest.raises(Incomparable):
            distance(a, other)


def test_versions_name_every_library_that_matters() -> None:
    assert library_versions().keys() >= {"pillow", "numpy", "scipy", "imagehash", "libjpeg_turbo", "webp"}


def portraits() -> list[Path]:
    found = sorted(PORTRAITS.glob("*/*.jpg"))
    if not found:
        pytest.skip(f"no real portraits: {PORTRAITS} is missing")
    return found


def test_full_and_reduced_decoding_agree_on_real_portraits() -> None:
    for path in portraits():
        whole = Image.open(path)
        whole.load()
        assert distance(fingerprint(Image.open(path)), fingerprint(whole)) <= 4, path.name


def test_people_are_told_apart_and_smaller_copies_are_found() -> None:
    portraits()
    large = [fingerprint(Image.open(path)) for path in sorted((PORTRAITS / "1024").glob("*.jpg"))]
    tiny = [fingerprint(Image.open(path)) for path in sorted((PORTRAITS / "256").glob("*.jpg"))]
    assert max(distance(a, b) for a, b in zip(large, tiny, strict=True)) <= 8
    assert min(distance(a, b) for i, a in enumerate(large) for b in large[:i]) > 56


def test_nothing_heavy_is_imported_before_a_fingerprint_is_made() -> None:
    code = "import sys, consentkit.fingerprints, consentkit.formats; sys.exit('numpy' in sys.modules)"
    assert (
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            check=False,
        ).returncode
        == 0
    )
