"""Looks at one picture. As a program: at each that a line of stdin names, with one line of JSON for an answer.

A line is `[path, null]` for a file, `[path, [first byte, size]]` for a part of one.

The program says `ready` first, or why it cannot work here. Needs the extra `fingerprints`.
"""

import io
import json
import math
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from consentkit import containers
from consentkit.content import is_named, is_none, picture_format
from consentkit.errors import ConsentkitError
from consentkit.formats import HEAD_BYTES, MediaType

if TYPE_CHECKING:
    from consentkit.fingerprints.perception import Perceived

READY: Final = "ready"
VIEWS: Final = "views256"

_FORMATS: Final = {
    "JPEG": "JPEG",
    "PNG": "PNG",
    "WebP": "WEBP",
    "GIF": "GIF",
    "TIFF": "TIFF",
    "BMP": "BMP",
    "AVIF": "AVIF",
}
"""What is read here, as Pillow calls it. A registry takes the first three; copies come in all."""

_TAKEN: Final[dict[str, MediaType]] = {"JPEG": "image/jpeg", "PNG": "image/png", "WebP": "image/webp"}
_MODES: Final = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16", "I;16B")
"""Of the other formats: what these three have besides would be clipped or wrapped, and look like nothing."""


class MissingExtra(ConsentkitError):
    """The extra `fingerprints` is not installed."""


class Unreadable(ConsentkitError):
    """This file cannot be looked at, and why."""


def look(path: Path, extent: tuple[int, int] | None = None) -> "Perceived | None":
    """What a picture looks like; None for what is surely no picture, as text is. Raises Unreadable for any other
    file that is not read here, or MissingExtra.

    Content decides. Of a file that moves, its first picture.
    """
    _, image = _tools()
    from consentkit.fingerprints.decoding import DAMAGED

    if not path.is_file():
        raise Unreadable("there is no such file" if not path.exists() else "it is no file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", image.DecompressionBombWarning)
            return _perceived(path, extent)
    except (image.DecompressionBombError, image.DecompressionBombWarning) as error:
        raise Unreadable(f"it has more than {image.MAX_IMAGE_PIXELS:,} pixels: look at a smaller copy") from error
    except MemoryError as error:
        raise Unreadable("there is not enough memory to read it") from error
    except DAMAGED as error:
        raise Unreadable(f"it cannot be read, or is damaged ({_line(error)})") from error


def _not_read(name: str | None) -> str:
    if name is None:
        return "it is no picture that is read here"
    return f"{name} pictures are not read here: look at a copy in another format"


def _perceived(path: Path, extent: tuple[int, int] | None) -> "Perceived | None":
    perceive, image = _tools()
    with _opened(path, extent) as file:
        name = picture_format(head := file.read(HEAD_BYTES))
        if name is None and is_none(head) and not is_named(path.suffix.removeprefix(".")):
            return None
        if name not in _FORMATS:
            raise Unreadable(_not_read(name))
        file.seek(0)
        if name in _TAKEN:
            return _taken(file.read(), _TAKEN[name])
        with image.open(file, formats=(_FORMATS[name],)) as opened:
            if opened.mode not in _MODES:
                raise Unreadable(f"{name} pictures with samples of kind {opened.mode} are not read here")
            found: Perceived = perceive(opened)
            return found


def _taken(content: bytes, media_type: MediaType) -> "Perceived":
    """By the registry's own rule of what is the picture in a file, and whether all of it is there."""
    from consentkit.fingerprints.decoding import Undecodable, decoded

    perceive, image = _tools()
    structure = containers.read(content, media_type)
    most = image.MAX_IMAGE_PIXELS
    if structure.size and most and math.prod(structure.size) > most:
        raise Unreadable(f"it has more than {most:,} pixels: look at a smaller copy")
    if structure.damage:
        raise Unreadable(_damaged(structure.damage))
    try:
        found: Perceived = perceive(decoded(content, structure, media_type))
    except Undecodable as error:
        raise Unreadable(_damaged(error.slug)) from error
    return found


def _damaged(slug: str) -> str:
    missing = " (the end of it is missing)" if slug == "image-truncated" else ""
    return f"it cannot be read, or is damaged{missing}"


def _opened(path: Path, extent: tuple[int, int] | None) -> IO[bytes]:
    if extent is None:
        return path.open("rb")
    with path.open("rb") as file:
        file.seek(extent[0])
        return io.BytesIO(file.read(extent[1]))


def bits(perceived: "Perceived", algorithm: str) -> bytes:
    """Its fingerprint of this algorithm; of `VIEWS` the asking views, packed."""
    return next(found.bits for found in perceived.fingerprints if found.algorithm == algorithm)


def _tools() -> tuple[Any, Any]:
    """`perceive` and Pillow's `Image`. Raises MissingExtra."""
    try:
        from PIL import Image

        from consentkit.fingerprints.perception import perceive
    except ModuleNotFoundError as error:
        raise MissingExtra(f"this needs {error.name}: pip install 'consentkit[fingerprints]'") from error
    return perceive, Image


def _line(error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(said.split())[:200] or type(error).__name__


def require_extra() -> None:
    """Raises MissingExtra."""
    _tools()


def require_fit() -> None:
    """That pictures get the fingerprints here that they get elsewhere. Raises MissingExtra or ConsentkitError.

    A library that changes one bit would find nothing, and nobody would notice.
    """
    _tools()
    from consentkit.fingerprints import golden

    try:
        golden.check_views()
    except golden.Drifted as error:
        raise ConsentkitError(f"the libraries here make other fingerprints than they must: {error}") from error


def main() -> None:
    """Ends when nothing more is asked."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks, and who then asks no more
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="ascii", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a decoder prints is no answer
    try:
        require_fit()
    except ConsentkitError as error:
        print(json.dumps(str(error)), file=answers)
        return
    print(json.dumps(READY), file=answers)
    for line in sys.stdin.buffer:
        path, extent = json.loads(line)
        print(json.dumps(_answer(Path(path), extent)), file=answers)


def _answer(path: Path, extent: tuple[int, int] | None) -> dict[str, str | None]:
    try:
        perceived = look(path, extent)
    except Unreadable as error:
        return {"views": None, "problem": str(error)}
    return {"views": bits(perceived, VIEWS).hex() if perceived else None, "problem": ""}


if __name__ == "__main__":
    main()
