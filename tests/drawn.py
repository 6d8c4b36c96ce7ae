"""Pictures for tests, built in memory: sound ones, and ones broken in a named way."""

import io
import random
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from PIL import Image, ImageSequence

from service.demo.portraits import draw

PNG = b"\x89PNG\r\n\x1a\n"


def portrait(seed: int = 1, size: tuple[int, int] = (320, 400)) -> Image.Image:
    image = Image.open(io.BytesIO(draw(seed, size)))
    image.load()
    return image


def file(image: Image.Image, form: str, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, form, **options)
    return target.getvalue()


def jpeg(seed: int = 1, size: tuple[int, int] = (320, 400), **options: object) -> bytes:
    return file(portrait(seed, size), "JPEG", **({"quality": 90} | options))


def png(image: Image.Image | None = None, **options: object) -> bytes:
    return file(image or portrait(), "PNG", **options)


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def header(width: int, height: int, *, depth: int = 8, colour: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def png_of(width: int, height: int, rows: bytes, *before: bytes) -> bytes:
    """A grey PNG whose rows are the given bytes, with chunks before them."""
    return PNG + header(width, height) + b"".join(before) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def blank_png(width: int, height: int) -> bytes:
    """Grey 0 all over, made without holding the rows."""
    packer = zlib.compressobj(1)
    row = bytes(1 + width)
    packed = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    return PNG + header(width, height) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def with_chunk(file: bytes, added: bytes) -> bytes:
    """After IHDR."""
    return file[:33] + added + file[33:]


def segment(code: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(body) + 2) + body


def with_segment(file: bytes, added: bytes) -> bytes:
    """After SOI."""
    return file[:2] + added + file[2:]


def wider(file: bytes, *, by: int) -> bytes:
    """A JPEG that announces a broader picture than it holds."""
    at = file.index(b"\xff\xc0") + 7
    (width,) = struct.unpack_from(">H", file, at)
    return file[:at] + struct.pack(">H", width + by) + file[at + 2 :]


def endless_jpeg(side: int = 4000, scans: int = 4000) -> bytes:
    """A small progressive JPEG that passes over its many pixels thousands of times."""
    flat = file(Image.linear_gradient("L").resize((side, side)), "JPEG", progressive=True, quality=20)
    last = flat.rindex(b"\xff\xda")
    return flat[:last] + flat[last:-2] * scans + flat[-2:]


def mutated(sound: bytes, count: int) -> Iterator[bytes]:
    """Copies with a few bytes changed, doubled or cut, by a fixed sequence."""
    state = 12345
    for _ in range(count):
        copy = bytearray(sound)
        for _ in range(1 + state % 6):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            at = (state >> 33) % len(copy) if state >> 62 else (state >> 33) % min(700, len(copy))
            copy[at] = state >> 24 & 0xFF
        if state % 7 == 0:
            at = (state >> 20) % len(copy)
            copy[at:at] = copy[at : at + 64]
        if state % 11 == 0:
            del copy[len(copy) // 2 + (state >> 40) % (len(copy) // 3) :]
        yield bytes(copy)


GAIN_MAP: Final = segment(0xE2, b"urn:iso:std:iso:ts:21496:-1\0" + bytes(4))


def listed(first: bytes, *others: tuple[int, bytes], order: str = ">", missing: bool = False) -> bytes:
    """A JPEG with a list of further pictures behind it (CIPA DC-007), each with its type code.

    `missing`: only the list is there, as where a program copied the first picture alone.
    """
    head = {">": b"MM\0*", "<": b"II*\0"}[order]
    count = 1 + len(others)
    tiff = head + struct.pack(order + "I", 8) + struct.pack(order + "H", 3)
    tiff += struct.pack(order + "HHI4s", 0xB000, 7, 4, b"0100") + struct.pack(order + "HHII", 0xB001, 4, 1, count)
    tiff += struct.pack(order + "HHII", 0xB002, 7, 16 * count, 8 + 2 + 36 + 4)
    tiff += bytes(4)  # no further directory
    base = 2 + 4 + 4  # SOI, the segment's own head, the signature
    start = len(first) + base - 2 + len(tiff) + 16 * count
    entries = struct.pack(order + "IIIHH", 0x20030000, start, 0, 0, 0)
    for kind, other in others:
        entries += struct.pack(order + "IIIHH", kind, len(other), start - base, 0, 0)
        start += len(other)
    behind = b"" if missing else b"".join(other for _, other in others)
    return with_segment(first, segment(0xE2, b"MPF\0" + tiff + entries)) + behind


def film(seed: int = 0, length: int = 3000) -> bytes:
    """What phones write behind a moving photo's picture: a film's head and noise."""
    return b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00isommp42" + random.Random(seed).randbytes(length)


def frames(file: bytes) -> list[tuple[int, int]]:
    """The sides of each picture that Pillow finds."""
    with Image.open(io.BytesIO(file)) as image:
        return [each.size for each in ImageSequence.all_frames(image)]
