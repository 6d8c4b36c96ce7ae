"""The picture that pages show: made anew from pixels, so that nothing of the upload's bytes is left."""

import io
from typing import Final

from PIL import Image

LONG_SIDE: Final = 640  # pixels
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def preview(picture: Image.Image, *, orientation: int) -> bytes:
    """JPEG of a flat picture (mode L or RGB), upright, never enlarged."""
    share = min(1.0, LONG_SIDE / max(picture.size))
    size = (max(1, round(picture.width * share)), max(1, round(picture.height * share)))
    shown = picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    if orientation in _TURNS:
        shown = shown.transpose(_TURNS[orientation])
    shown.info.clear()  # Pillow would write the upload's comment and colour profile
    file = io.BytesIO()
    shown.save(file, "JPEG", quality=85)
    return file.getvalue()
