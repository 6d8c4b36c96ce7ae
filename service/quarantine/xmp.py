"""The XMP packets in a picture file (ISO 16684-1, and Adobe's XMP specification, part 3)."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from PIL import Image

from consentkit.containers import jpeg
from consentkit.formats import MediaType

_MAIN: Final = b"http://ns.adobe.com/xap/1.0/\0"
_EXTENDED: Final = b"http://ns.adobe.com/xmp/extension/\0"
_APP1: Final = 0xE1
_GUID: Final = 32  # characters, then the whole length and this part's offset, four bytes each
_RAW: Final = "Raw profile type xmp"  # as ImageMagick writes it into a PNG: name, length, hex


def packets(file: bytes, image: Image.Image, media_type: MediaType) -> Iterator[bytes]:
    """`image`: decoded, so that what a PNG holds behind its rows was met, too."""
    if media_type == "image/jpeg":
        yield from _of_jpeg(file)
        return
    for name in ("xmp", "XML:com.adobe.xmp"):
        packet = image.info.get(name)
        if packet:
            yield packet if isinstance(packet, bytes) else str(packet).encode()
    if raw := image.info.get(_RAW):
        yield _raw(str(raw))


def _of_jpeg(file: bytes) -> Iterator[bytes]:
    extended: dict[bytes, dict[int, bytes]] = defaultdict(dict)
    for code, content in jpeg.header(file):
        if code != _APP1:
            continue
        if content.startswith(_MAIN):
            yield content[len(_MAIN) :]
        elif content.startswith(_EXTENDED):
            part = content[len(_EXTENDED) :]
            offset = int.from_bytes(part[_GUID + 4 : _GUID + 8])
            extended[part[:_GUID]][offset] = part[_GUID + 8 :]
    for parts in extended.values():
        yield b"".join(parts[offset] for offset in sorted(parts))


def _raw(text: str) -> bytes:
    """What is no hex is given as it is: it cannot be read, and is judged so."""
    try:
        return bytes.fromhex("".join(text.split()[2:]))
    except ValueError:
        return text.encode()
