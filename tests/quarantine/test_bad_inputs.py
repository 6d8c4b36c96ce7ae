"""Rows 1 to 52 of the table of bad images: one file each, its exact slug, through a real child."""

import io
import os
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from consentkit.formats import REJECTIONS, Rejection, sniff
from service.quarantine import Examined, Quarantine
from tests import drawn

GIF = drawn.file(Image.new("L", (80, 80)), "GIF")
TWO = [drawn.portrait(1), drawn.portrait(2)]


@pytest.fixture(scope="module")
def quarantine() -> Iterator[Quarantine]:
    with Quarantine() as quarantine:
        yield quarantine


@pytest.fixture
def examine(quarantine: Quarantine, tmp_path: Path) -> Callable[[bytes], Examined | Rejection]:
    def examine(file: bytes) -> Examined | Rejection:
        path = tmp_path / "image"
        path.write_bytes(file)
        return quarantine.examine(path)

    return examine


Examine = Callable[[bytes], Examined | Rejection]


def mpo() -> bytes:
    return drawn.file(TWO[0], "MPO", save_all=True, append_images=TWO[1:])


def broken_sum() -> bytes:
    sound = bytearray(drawn.png())
    sound[-20] ^= 1  # inside the last IDAT
    return bytes(sound)


def polyglot() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("a.class", b"hidden")
    return drawn.jpeg() + archive.getvalue()


def bomb(name: bytes, body: bytes) -> bytes:
    return drawn.with_chunk(drawn.png(), drawn.chunk(name, body + zlib.compress(bytes(100 * 2**20), 9)))


def doubled_frame() -> bytes:
    sound = drawn.jpeg()
    at = sound.index(b"\xff\xc0")
    frame = sound[at : at + 2 + int.from_bytes(sound[at + 2 : at + 4])]
    wide = frame[:7] + (4000).to_bytes(2) + frame[9:]
    return sound[:at] + wide + sound[at:]


def cut_with_an_end() -> bytes:
    sound = drawn.jpeg()
    return sound[: len(sound) // 2] + b"\xff\xd9"


REFUSED = {
    "1 empty": (lambda: b"", "image-empty"),
    "2 one byte": (lambda: b"\xff", "image-unrecognised"),
    "3 random": (lambda: b"\x00\x07" + os.urandom(2**20), "image-unrecognised"),
    "4 svg": (lambda: b"<?xml version='1.0'?><svg><script>1</script></svg>", "format-not-allowed"),
    "4 bare svg": (lambda: b"\n<svg xmlns='http://www.w3.org/2000/svg'/>", "format-not-allowed"),
    "5 html": (lambda: b"<!DOCTYPE html><html><svg></svg></html>", "image-unrecognised"),
    "6 pdf": (lambda: b"%PDF-1.7\n", "format-not-allowed"),
    "7 eps": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n", "format-not-allowed"),
    "8 tiff": (lambda: drawn.file(Image.new("L", (80, 80)), "TIFF"), "format-not-allowed"),
    "9 fits": (lambda: b"SIMPLE  =                    T", "format-not-allowed"),
    "10 psd": (lambda: b"8BPS\x00\x01", "format-not-allowed"),
    "11 heic": (lambda: b"\x00\x00\x00\x18ftypheic", "format-not-allowed"),
    "12 avif": (lambda: b"\x00\x00\x00\x1cftypavif", "format-not-allowed"),
    "13 jpeg 2000": (lambda: b"\x00\x00\x00\x0cjP  \r\n\x87\n", "format-not-allowed"),
    "14 bmp": (lambda: drawn.file(Image.new("L", (80, 80)), "BMP"), "format-not-allowed"),
    "15 ico": (lambda: drawn.file(Image.new("L", (80, 80)), "ICO"), "format-not-allowed"),
    "15 icns": (lambda: b"icns\x00\x00\x01\x00", "format-not-allowed"),
    "16 gif": (lambda: GIF, "format-not-allowed"),
    "17 webp": (lambda: drawn.file(TWO[0], "WEBP", save_all=True, append_images=TWO[1:]), "image-animated"),
    "18 apng": (lambda: drawn.png(TWO[0], save_all=True, append_images=TWO[1:]), "image-animated"),
    "19 mpo": (mpo, "image-animated"),
    "20 header of 400 Mpx": (lambda: drawn.PNG + drawn.header(20_000, 20_000), "image-too-large"),
    "21 144 Mpx": (lambda: drawn.PNG + drawn.header(12_000, 12_000), "image-too-large"),
    "22 just above": (lambda: drawn.PNG + drawn.header(8_000, 5_001), "image-too-large"),
    "24 a line": (lambda: drawn.PNG + drawn.header(1, 25_000_000), "image-aspect"),
    "25 nothing": (lambda: drawn.png_of(0, 0, b""), "image-unrecognised"),
    "26 a dot": (lambda: drawn.png(Image.new("L", (1, 1))), "image-too-small"),
    "27 63 pixels": (lambda: drawn.png(drawn.portrait().resize((63, 63))), "image-too-small"),
    "27 too long a side": (lambda: drawn.PNG + drawn.header(16_001, 900), "image-too-large"),
    "28 half a jpeg": (lambda: drawn.jpeg()[:9000], "image-truncated"),
    "28 half a progressive jpeg": (lambda: drawn.jpeg(progressive=True)[:9000], "image-truncated"),
    "28 half a png": (lambda: drawn.png()[:9000], "image-truncated"),
    "28 half a webp": (lambda: drawn.file(TWO[0], "WEBP")[:3000], "image-truncated"),
    "28 half a jpeg, then zeros": (lambda: drawn.jpeg()[:9000] + bytes(40_000), "image-truncated"),
    "28 half a jpeg, then a film": (lambda: drawn.jpeg()[:9000] + drawn.film(), "image-truncated"),
    "28 half a progressive jpeg, then a film": (
        lambda: drawn.jpeg(progressive=True)[:9000] + drawn.film(),
        "image-truncated",
    ),
    "29 no end, and a byte less": (lambda: drawn.jpeg()[:-12], "image-truncated"),
    "29 no end, the last scan cut": (lambda: drawn.jpeg(progressive=True)[:-40], "image-truncated"),
    "29 half, then an end": (cut_with_an_end, "image-corrupt"),
    "30 checksum": (broken_sum, "image-corrupt"),
    "31 too many rows": (lambda: drawn.png_of(100, 100, bytes(200 * 2**20)), "image-corrupt"),
    "31 too few rows": (lambda: drawn.png_of(100, 100, bytes(101 * 50)), "image-corrupt"),
    "32 zTXt": (lambda: bomb(b"zTXt", b"a\x00\x00"), "image-corrupt"),
    "32 iCCP": (lambda: bomb(b"iCCP", b"a\x00\x00"), "image-corrupt"),
    "35 two frames": (doubled_frame, "image-corrupt"),
    "35 wider than its rows": (lambda: drawn.wider(drawn.jpeg(), by=64), "image-corrupt"),
    "35 progressive, cut in its first scan": (
        lambda: drawn.jpeg(progressive=True)[:1500] + b"\xff\xd9",
        "image-corrupt",
    ),
    "37 gifar": (lambda: GIF + b"PK\x03\x04", "format-not-allowed"),
    "37 phar": (lambda: b"<?php __HALT_COMPILER(); ?>" + drawn.jpeg(), "image-unrecognised"),
    "42 hidden": (lambda: drawn.png(transparent(0)), "image-no-content"),
    "47 black": (lambda: drawn.png(Image.new("L", (200, 200), 0)), "image-low-information"),
    "47 white": (lambda: drawn.png(Image.new("RGB", (200, 200), "white")), "image-low-information"),
    "47 nothing but grain": (lambda: drawn.png(grain()), "image-low-information"),
    "47 grey": (lambda: drawn.file(Image.new("L", (200, 200), 128), "JPEG"), "image-low-information"),
    "53 a byte too many": (lambda: drawn.jpeg().ljust(40 * 2**20 + 1, b"\0"), "upload-too-large"),
}


def grain() -> Image.Image:
    """A fine chequered board: not flat, yet no view of it says anything, so no copy of it could be found."""
    board = bytes(60 + 120 * ((x + y) % 2) for y in range(64) for x in range(64))
    return Image.frombytes("L", (64, 64), board).resize((512, 512), Image.Resampling.NEAREST)


def transparent(alpha: int) -> Image.Image:
    image = drawn.portrait().convert("RGBA")
    image.putalpha(alpha)
    return image


@pytest.mark.parametrize(("make", "slug"), REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_image_is_refused_by_its_slug(examine: Examine, make: Callable[[], bytes], slug: str) -> None:
    found = examine(make())
    assert isinstance(found, Rejection), found
    assert found.slug == slug


def sixteen_bits() -> Image.Image:
    return Image.frombytes("I;16", (320, 400), b"".join(bytes((0, v)) for v in drawn.portrait().convert("L").tobytes()))


def palette() -> Image.Image:
    return drawn.portrait().quantize(32)


ACCEPTED = {
    "23 exactly 40 Mpx": lambda: drawn.png(drawn.portrait().convert("L").resize((8000, 5000)), compress_level=1),
    "27 64 pixels": lambda: drawn.png(drawn.portrait().resize((64, 64))),
    "34 10,000 segments": lambda: drawn.with_segment(drawn.jpeg(), drawn.segment(0xE5, b"x") * 10_000),
    "36 polyglot": polyglot,
    "38 comment": lambda: drawn.with_segment(drawn.jpeg(), drawn.segment(0xFE, b"<?php evil() ?>")),
    "39 cmyk": lambda: drawn.file(drawn.portrait().convert("CMYK"), "JPEG", quality=90),
    "40 16 bits": lambda: drawn.png(sixteen_bits()),
    "41 one bit": lambda: drawn.png(drawn.portrait().convert("1")),
    "41 palette": lambda: drawn.png(palette(), transparency=3),
    "43 half transparent": lambda: drawn.png(transparent(128)),
    "45 orientation 99": lambda: drawn.jpeg(exif=drawn.exif(99)),
    "46 icc broken": lambda: drawn.jpeg(icc_profile=b"nonsense" * 10_000),
    "46 icc broken, png": lambda: drawn.with_chunk(drawn.png(), drawn.chunk(b"iCCP", b"a\x00\x00nonsense")),
    "46 icc huge": lambda: drawn.png(icc_profile=os.urandom(3 * 2**20)),
    "49 gps": lambda: drawn.jpeg(
        exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x25\x88\x04\x00\x01\x00\x00\x00GPS!"
    ),
    "53 exactly 40 MiB": lambda: drawn.jpeg().ljust(40 * 2**20, b"\0"),
    "webp": lambda: drawn.file(TWO[0], "WEBP"),
    "webp lossless with alpha": lambda: drawn.file(transparent(200), "WEBP", lossless=True),
    "progressive": lambda: drawn.jpeg(progressive=True),
    "a grey corner": lambda: drawn.file(grey_corner(), "JPEG"),
    "a grey corner, progressive": lambda: drawn.file(grey_corner(), "JPEG", progressive=True),
}


def grey_corner() -> Image.Image:
    image = drawn.portrait()
    image.paste((128, 128, 128), (200, 200, 320, 400))
    return image


@pytest.mark.parametrize("make", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_strange_but_sound_image_is_accepted(examine: Examine, make: Callable[[], bytes]) -> None:
    file = make()
    found = examine(file)
    assert isinstance(found, Examined), found
    shown = Image.open(io.BytesIO(found.preview))
    assert shown.format == "JPEG"
    assert max(shown.size) <= 640
    assert not shown.getexif()
    assert not shown.info.keys() & {"icc_profile", "comment", "exif"}
    assert not any(word in found.preview for word in (b"PK\x03\x04", b"php", b"GPS"))


def test_33_34_a_header_loop_ends_within_a_second(examine: Examine) -> None:
    loop = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\x13" + b"\x12\x01\x04\x00\x01\x00\x00\x00\x08\x00\x00\x00" * 5000
    for file in (
        drawn.with_segment(drawn.jpeg(), drawn.segment(0xE1, loop[:65_000])),
        drawn.with_segment(drawn.jpeg(), drawn.segment(0xE1, b"a") * 10_000),
    ):
        before = time.perf_counter()
        examine(file)
        assert time.perf_counter() - before < 1


def fingerprint(found: Examined | Rejection) -> bytes:
    assert isinstance(found, Examined), found
    (bits,) = [each.bits for each in found.fingerprints if each.algorithm == "phash256"]
    return bits


def bits_apart(a: bytes, b: bytes) -> int:
    return (int.from_bytes(a) ^ int.from_bytes(b)).bit_count()


def test_39_40_43_colours_do_not_flip(examine: Examine) -> None:
    plain = fingerprint(examine(drawn.png()))
    cmyk = fingerprint(examine(drawn.file(drawn.portrait().convert("CMYK"), "JPEG", quality=90)))
    assert bits_apart(plain, cmyk) <= 20
    assert bits_apart(plain, fingerprint(examine(drawn.png(sixteen_bits())))) <= 2
    assert bits_apart(plain, fingerprint(examine(drawn.png(transparent(128))))) <= 8


def test_42_hidden_colours_are_not_fingerprinted(examine: Examine) -> None:
    one, other = transparent(255), transparent(255)
    hole = Image.new("RGBA", (150, 150), (255, 0, 0, 0))
    one.paste(hole, (50, 50))
    other.paste(Image.new("RGBA", (150, 150), (0, 0, 255, 0)), (50, 50))
    assert fingerprint(examine(drawn.png(one))) == fingerprint(examine(drawn.png(other)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_44_every_orientation_gives_the_fingerprint_of_the_upright_picture(examine: Examine, orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    upright = drawn.portrait(3)
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    found = examine(drawn.png(stored, exif=drawn.exif(orientation)))
    assert fingerprint(found) == fingerprint(examine(drawn.png(upright)))
    assert isinstance(found, Examined)
    assert (found.width, found.height) == upright.size
    assert Image.open(io.BytesIO(found.preview)).size == upright.size
    assert (
        bits_apart(
            fingerprint(found),
            fingerprint(examine(drawn.file(stored, "JPEG", quality=95, exif=drawn.exif(orientation)))),
        )
        <= 4
    )


def test_48_metadata_changes_nothing_that_is_seen(examine: Examine) -> None:
    plain = drawn.jpeg()
    assert examine(plain) == examine(drawn.with_segment(plain, drawn.segment(0xFE, b"another file, the same pixels")))


def test_51_content_decides() -> None:
    assert sniff(drawn.jpeg()[:64], 1000) == "image/jpeg"
    assert sniff(drawn.png()[:64], 1000) == "image/png"
    assert sniff(drawn.file(TWO[0], "WEBP")[:64], 1000) == "image/webp"


def test_every_rejection_has_words_and_a_way_out() -> None:
    for slug, sentence in REJECTIONS.items():
        assert sentence.endswith("."), slug
        assert "end " in sentence or "rop " in sentence, slug  # send, crop
