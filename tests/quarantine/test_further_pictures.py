"""One rule of what is a second picture in a file, for the registry and for whoever asks it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from consentkit.containers import jpeg
from consentkit.fingerprints import Fingerprint
from consentkit.formats import Rejection
from consentkit.looking import Unreadable, look
from service.quarantine import Examined, Quarantine
from tests import drawn

FIRST = drawn.jpeg()
SMALLER = drawn.jpeg(size=(160, 200))
OTHER = drawn.jpeg(2)
GREY_MAP = drawn.with_segment(drawn.file(drawn.portrait().convert("L"), "JPEG"), drawn.GAIN_MAP)


def map_with(metadata: bytes) -> bytes:
    return drawn.with_segment(SMALLER, drawn.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + metadata))


@pytest.fixture(scope="module")
def quarantine() -> Iterator[Quarantine]:
    with Quarantine() as quarantine:
        yield quarantine


@pytest.fixture
def examine(quarantine: Quarantine, tmp_path: Path) -> "Examine":
    def examine(file: bytes) -> Examined | Rejection:
        path = tmp_path / "image"
        path.write_bytes(file)
        return quarantine.examine(path)

    return examine


Examine = Callable[[bytes], Examined | Rejection]


def looked(file: bytes, folder: Path) -> tuple[Fingerprint, ...]:
    """What a pipeline's own program sees in it."""
    path = folder / "asked"
    path.write_bytes(file)
    found = look(path)
    assert found is not None
    return found.fingerprints


ONE_PICTURE = {
    "a small preview": drawn.listed(FIRST, (0x010001, SMALLER)),
    "a large preview": drawn.listed(FIRST, (0x010002, SMALLER)),
    "two previews, the other byte order": drawn.listed(FIRST, (0x010002, SMALLER), (0x010001, SMALLER), order="<"),
    "a preview of 8,000 lines": drawn.listed(FIRST, (0x010004, SMALLER)),
    "an ISO gain map": drawn.listed(FIRST, (0, GREY_MAP)),
    "an ISO gain map that only the first picture names": drawn.listed(
        drawn.with_segment(FIRST, drawn.GAIN_MAP), (0, SMALLER)
    ),
    "an Apple gain map": drawn.listed(FIRST, (0, map_with(b'<x xmlns:H="http://ns.apple.com/HDRGainMap/1.0/"/>'))),
    "an Adobe gain map": drawn.listed(FIRST, (0, map_with(b'<x xmlns:h="http://ns.adobe.com/hdr-gain-map/1.0/"/>'))),
    "a gain map by its type": drawn.listed(FIRST, (0x050000, SMALLER)),
    "a preview and a gain map": drawn.listed(FIRST, (0x010002, SMALLER), (0, GREY_MAP)),
    "a list whose pictures are gone": drawn.listed(FIRST, (0x020003, OTHER), missing=True),
    "a list that cannot be read": drawn.with_segment(FIRST, drawn.segment(0xE2, b"MPF\0MM\0*\xff\xff\xff\xff")),
    "a picture that no list names": FIRST + OTHER,
    "a film": FIRST + drawn.film(),
}


@pytest.mark.parametrize("file", ONE_PICTURE.values(), ids=ONE_PICTURE.keys())
def test_a_preview_a_gain_map_or_a_trailer_is_no_second_picture(examine: Examine, tmp_path: Path, file: bytes) -> None:
    found, plain = examine(file), examine(FIRST)
    assert found == plain
    assert isinstance(found, Examined)
    assert looked(file, tmp_path) == found.fingerprints


SEVERAL = {
    "a panorama": drawn.listed(FIRST, (0x020001, OTHER)),
    "two eyes": drawn.listed(FIRST, (0x020002, OTHER)),
    "several angles": drawn.listed(FIRST, (0x020003, OTHER)),
    "the picture before it was changed": drawn.listed(FIRST, (0x040000, OTHER)),
    "of no type": drawn.listed(FIRST, (0, OTHER)),
    "of no type, beside a gain map": drawn.listed(drawn.with_segment(FIRST, drawn.GAIN_MAP), (0, GREY_MAP), (0, OTHER)),
    "behind a preview": drawn.listed(FIRST, (0x010001, SMALLER), (0x020003, OTHER)),
}


@pytest.mark.parametrize("file", SEVERAL.values(), ids=SEVERAL.keys())
def test_a_second_picture_is_refused_and_whoever_asks_about_the_file_sees_the_first(
    examine: Examine, tmp_path: Path, file: bytes
) -> None:
    assert len(drawn.frames(file)) > 1, "another reader of such lists finds them, too"
    assert examine(file) == Rejection("image-animated")
    assert looked(file, tmp_path) == looked(FIRST, tmp_path)


def animation(form: str, *frames: Image.Image) -> bytes:
    return drawn.file(frames[0], form, save_all=True, append_images=frames[1:], lossless=True)


def one_frame_png() -> bytes:
    """As encoders write a film of one frame: its control chunks before the picture's data."""
    still = drawn.png()
    control = drawn.chunk(b"fcTL", (0).to_bytes(4) + still[16:24] + bytes(8) + b"\0\1\0\x0a\0\0")
    return drawn.with_chunk(still, drawn.chunk(b"acTL", (1).to_bytes(4) + bytes(4)) + control)


def one_frame_webp() -> bytes:
    """The still picture's chunk inside the only frame of an animation (RFC 9649)."""
    still = drawn.file(drawn.portrait(), "WEBP", lossless=True)
    size = (319).to_bytes(3, "little") + (399).to_bytes(3, "little")

    def chunk(name: bytes, body: bytes) -> bytes:
        return name + len(body).to_bytes(4, "little") + body + bytes(len(body) % 2)

    frame = chunk(b"ANMF", bytes(6) + size + bytes(3) + b"\x02" + still[12:])
    body = b"WEBP" + chunk(b"VP8X", b"\x02\0\0\0" + size) + chunk(b"ANIM", bytes(6)) + frame
    return b"RIFF" + len(body).to_bytes(4, "little") + body


@pytest.mark.parametrize(("form", "file"), [("PNG", one_frame_png()), ("WEBP", one_frame_webp())], ids=["PNG", "WEBP"])
def test_an_animation_of_one_frame_is_a_picture(examine: Examine, tmp_path: Path, form: str, file: bytes) -> None:
    found, still = examine(file), examine(drawn.file(drawn.portrait(), form, lossless=True))
    assert isinstance(found, Examined)
    assert isinstance(still, Examined)
    assert (found.fingerprints, found.small) == (still.fingerprints, still.small)
    assert looked(file, tmp_path) == found.fingerprints


def test_an_animation_of_one_frame_behind_another_picture_is_refused(examine: Examine) -> None:
    """Programs that know no animations show the one, those that do show the other."""
    hidden = drawn.chunk(b"fdAT", (1).to_bytes(4) + b"another picture")
    file = drawn.png()
    assert examine(file[:-12] + hidden + file[-12:]) == Rejection("image-animated")


TRAILERS = {
    "nothing": b"",
    "zeros": bytes(5000),
    "text": b"\x00\x00\x01\x0a\x0e\x00\x00\x00Image_UTC_Data1415926535897SEFHe\x00\x00\x00SEFT",
    "another picture": OTHER,
    "markers of a frame": b"\xff\xc4\x00\x04ab\xff\xc0\x00\x0bjunkjunk\xff\xda\x00\x03x",
    "an end marker": b"junk\xff\xd9" + OTHER,
    **{f"a film, {seed}": drawn.film(seed) for seed in range(6)},
}


@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
def test_a_picture_without_end_marker_gets_one_verdict_whatever_follows(
    examine: Examine, tmp_path: Path, progressive: bool
) -> None:
    whole = drawn.jpeg(progressive=progressive)
    plain = examine(whole)
    assert isinstance(plain, Examined)
    for name, trailer in TRAILERS.items():
        file = whole[:-2] + trailer
        assert examine(file) == plain, name
        assert looked(file, tmp_path) == plain.fingerprints, name


@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
def test_half_a_picture_is_refused_whatever_follows(examine: Examine, tmp_path: Path, progressive: bool) -> None:
    half = drawn.jpeg(progressive=progressive)[:9000]
    for name, trailer in TRAILERS.items():
        if name != "an end marker":
            assert examine(half + trailer) == Rejection("image-truncated"), name
            with pytest.raises(Unreadable):
                looked(half + trailer, tmp_path)


def test_the_coded_bytes_of_a_picture_are_kept_to_the_last() -> None:
    """A stuffed zero belongs to the byte before it; zeros that a broken download left do not."""
    file = drawn.jpeg()[:-2] + b"\xff\x00"
    assert jpeg.first_picture(file + bytes(9), jpeg.read(file + bytes(9))) == file + b"\xff\xd9"


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_noise_in_a_list_of_pictures_stops_nothing(examine: Examine, form: str) -> None:
    sound = drawn.listed(FIRST, (0x010002, SMALLER)) if form == "JPEG" else drawn.file(drawn.portrait(), form)
    for file in drawn.mutated(sound, 60):
        assert isinstance(examine(file), Examined | Rejection)
    assert isinstance(examine(sound + os.urandom(50)), Examined)
