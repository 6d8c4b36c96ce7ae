"""What people do to a picture before they pass it on. Each takes a picture in RGB and dice, and gives one back."""

import io
import random
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Alter = Callable[[Image.Image, random.Random], Image.Image]
Colour = tuple[int, int, int]

_PAPERS: list[Colour] = [(255, 255, 255), (0, 0, 0), (30, 30, 30), (240, 240, 242), (200, 210, 220)]
_BARS: list[Colour] = [(60, 60, 60), (220, 220, 220), (40, 80, 160)]
_LIGHTS: list[Colour] = [(255, 95, 86), (255, 189, 46), (39, 201, 63)]


def recompressed(quality: int) -> Alter:
    def alter(image: Image.Image, _dice: random.Random) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file).convert("RGB")

    return alter


def cropped(share: float) -> Alter:
    def alter(image: Image.Image, dice: random.Random) -> Image.Image:
        width, height = round(image.width * share), round(image.height * share)
        left, top = dice.randint(0, image.width - width), dice.randint(0, image.height - height)
        return image.crop((left, top, left + width, top + height))

    return alter


def bannered(share: float, *, at_top: bool = False) -> Alter:
    """A bar with words over the lowest (or highest) part."""

    def alter(image: Image.Image, dice: random.Random) -> Image.Image:
        copy, high = image.copy(), round(image.height * share)
        top = 0 if at_top else image.height - high
        colour = (dice.randint(0, 255), dice.randint(0, 255), dice.randint(0, 255))
        pen = ImageDraw.Draw(copy)
        pen.rectangle((0, top, image.width, top + high), fill=colour)
        place = (image.width * 0.05, top + high * 0.25)
        pen.text(place, "BREAKING NEWS TODAY", fill=_readable(colour), font_size=max(8, high * 0.45))
        return copy

    return alter


def bordered(share: float) -> Alter:
    def alter(image: Image.Image, dice: random.Random) -> Image.Image:
        colour = (dice.randint(0, 255), dice.randint(0, 255), dice.randint(0, 255))
        chosen = dice.choice([*_PAPERS[:2], colour])
        return ImageOps.expand(image, round(min(image.size) * share), chosen)

    return alter


def screenshot(image: Image.Image, dice: random.Random) -> Image.Image:
    """In a window: a frame, a title bar with a name and three buttons."""
    frame, bar = round(image.width * dice.uniform(0.01, 0.08)), round(image.height * dice.uniform(0.04, 0.1))
    canvas = Image.new("RGB", (image.width + 2 * frame, image.height + 2 * frame + bar), dice.choice(_PAPERS))
    pen, colour = ImageDraw.Draw(canvas), dice.choice(_BARS)
    pen.rectangle((0, 0, canvas.width, bar), fill=colour)
    for number, light in enumerate(_LIGHTS):
        middle = bar * (0.6 + 0.7 * number)
        pen.ellipse((middle - bar * 0.2, bar * 0.3, middle + bar * 0.2, bar * 0.7), fill=light)
    place = (image.width * 0.35, bar * 0.25)
    pen.text(place, "portrait.jpg", fill=_readable(colour), font_size=max(8, bar * 0.5))
    canvas.paste(image, (frame, frame + bar))
    return canvas


def tilted(image: Image.Image, dice: random.Random) -> Image.Image:
    return image.rotate(dice.choice([3, -3]), Image.Resampling.BICUBIC)


def _readable(colour: Colour) -> Colour:
    return (255, 255, 255) if sum(colour) < 380 else (0, 0, 0)


def _both(first: Alter, second: Alter) -> Alter:
    return lambda image, dice: second(first(image, dice), dice)


ONE: dict[str, Alter] = {
    "recompress q50": recompressed(50),
    "recompress q30": recompressed(30),
    "resize to 25 %": lambda image, _: image.resize((image.width // 4, image.height // 4)),
    "grey": lambda image, _: image.convert("L").convert("RGB"),
    "brightness +30 %": lambda image, _: ImageEnhance.Brightness(image).enhance(1.3),
    "brightness -30 %": lambda image, _: ImageEnhance.Brightness(image).enhance(0.7),
    "contrast +50 %": lambda image, _: ImageEnhance.Contrast(image).enhance(1.5),
    "contrast -40 %": lambda image, _: ImageEnhance.Contrast(image).enhance(0.6),
    "blur": lambda image, _: image.filter(ImageFilter.GaussianBlur(image.width / 170)),
    "stretch 20 %": lambda image, _: image.resize((round(image.width * 1.2), image.height)),
    "banner 14 %": bannered(0.14),
    "banner 20 %": bannered(0.2),
    "banner at the top": bannered(0.17, at_top=True),
    "border 5 %": bordered(0.05),
    "border 15 %": bordered(0.15),
    "screenshot": screenshot,
    "rotate 3°": tilted,
    "mirror": lambda image, _: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "turn 90°": lambda image, _: image.transpose(Image.Transpose.ROTATE_90),
    "turn 180°": lambda image, _: image.transpose(Image.Transpose.ROTATE_180),
    "turn 270°": lambda image, _: image.transpose(Image.Transpose.ROTATE_270),
    "crop to 90 %": cropped(0.9),
    "crop to 80 %": cropped(0.8),
    "crop to 70 %": cropped(0.7),
    "crop to 60 %": cropped(0.6),
}
_PAIRS = [
    ("mirror", "crop to 80 %"),
    ("crop to 60 %", "mirror"),
    ("turn 90°", "crop to 70 %"),
    ("crop to 70 %", "recompress q30"),
    ("crop to 60 %", "grey"),
    ("contrast +50 %", "crop to 70 %"),
    ("crop to 80 %", "brightness +30 %"),
    ("stretch 20 %", "crop to 80 %"),
    ("rotate 3°", "crop to 80 %"),
    ("rotate 3°", "crop to 60 %"),
    ("banner 20 %", "mirror"),
    ("banner at the top", "blur"),
    ("rotate 3°", "banner 14 %"),
    ("crop to 80 %", "banner 14 %"),
    ("crop to 70 %", "banner 20 %"),
    ("crop to 60 %", "banner 14 %"),
    ("banner 14 %", "border 15 %"),
    ("mirror", "border 5 %"),
    ("crop to 90 %", "border 15 %"),
    ("screenshot", "blur"),
    ("screenshot", "resize to 25 %"),
    ("screenshot", "mirror"),
    ("rotate 3°", "screenshot"),
    ("crop to 80 %", "screenshot"),
    ("crop to 60 %", "screenshot"),
    ("screenshot", "crop to 60 %"),
    ("screenshot", "rotate 3°"),
    ("banner 20 %", "screenshot"),
    ("banner 20 %", "rotate 3°"),
    ("banner 20 %", "crop to 60 %"),
    ("turn 90°", "banner 14 %"),
    ("border 5 %", "rotate 3°"),
    ("stretch 20 %", "rotate 3°"),
    ("crop to 60 %", "stretch 20 %"),
    ("crop to 60 %", "rotate 3°"),
    ("crop to 60 %", "contrast +50 %"),
    ("crop to 60 %", "border 15 %"),
    ("crop to 70 %", "banner at the top"),
]
TWO: dict[str, Alter] = {f"{a}, {b}": _both(ONE[a], ONE[b]) for a, b in _PAIRS}
ALL: dict[str, Alter] = ONE | TWO
