"""`fingerprint`: all fingerprints of a 12-megapixel JPEG, beside only decoding it at reduced scale."""

import io

import numpy as np
from PIL import Image

from bench.figure import Figure, seconds
from consentkit.fingerprints.perception import perceive
from service.demo.portraits import draw

GOAL = 1.5


def run() -> list[Figure]:
    jpeg = _twelve_megapixels()
    ours = seconds(lambda: perceive(Image.open(io.BytesIO(jpeg))), runs=9)
    floor = seconds(lambda: _reduced(jpeg), runs=9)
    ratio = ours / floor
    return [Figure("fingerprint", ours * 1000, "ms", "decode at reduced scale", ratio, f"≤ {GOAL}", ratio <= GOAL)]


def _twelve_megapixels() -> bytes:
    """A drawn portrait with a photograph's grain, 4000 × 3000."""
    drawn = Image.open(io.BytesIO(draw(1))).resize((4000, 3000))
    grain = np.random.default_rng(1).normal(0, 6, (3000, 4000, 1))
    noisy = np.clip(np.asarray(drawn, dtype=np.float32) + grain, 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(noisy).save(out, "JPEG", quality=90)
    return out.getvalue()


def _reduced(jpeg: bytes) -> None:
    image = Image.open(io.BytesIO(jpeg))
    image.draft("RGB", (512, 512))
    image.load()
