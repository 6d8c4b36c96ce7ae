"""Portraits of people who do not exist, drawn from a number: for the demonstration and for tests.

The same seed and size give the same picture. No photograph is behind any of it.
"""

import io
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
Point = tuple[float, float]

SCALE: Final = 2  # drawn larger and reduced, for smooth edges
_SKINS: Final[Sequence[Colour]] = (
    (247, 214, 190),
    (236, 188, 152),
    (214, 160, 118),
    (176, 120, 82),
    (132, 86, 58),
    (92, 58, 42),
)
_HAIRS: Final[Sequence[Colour]] = (
    (34, 26, 24),
    (66, 42, 30),
    (112, 70, 40),
    (170, 116, 62),
    (214, 178, 118),
    (150, 64, 36),
    (158, 156, 158),
)
_CLOTHES: Final[Sequence[Colour]] = (
    (38, 52, 84),
    (150, 52, 58),
    (232, 226, 214),
    (56, 96, 84),
    (206, 148, 62),
    (92, 72, 116),
    (40, 40, 44),
    (118, 156, 190),
)
_WALLS: Final[Sequence[Colour]] = (
    (226, 214, 198),
    (150, 178, 190),
    (66, 88, 104),
    (196, 168, 160),
    (110, 132, 108),
    (48, 46, 58),
    (228, 196, 142),
    (166, 158, 190),
)
_IRISES: Final[Sequence[Colour]] = (
    (74, 48, 30),
    (96, 74, 42),
    (72, 102, 76),
    (74, 110, 148),
    (104, 112, 118),
)


class _Dice:
    """Choices that depend on nothing but `random()`, whose sequence Python keeps for ever."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - drawing, not secrecy

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self._random.random()

    def one_of(self, colours: Sequence[Colour]) -> Colour:
        return colours[int(self._random.random() * len(colours))]

    def number(self, below: int) -> int:
        return int(self._random.random() * below)

    def happens(self, chance: float) -> bool:
        return self._random.random() < chance


@dataclass(frozen=True)
class _Sitter:
    """Where the head is, in pixels of the large canvas, and what it looks like."""

    x: float
    y: float
    half_width: float
    half_height: float
    skin: Colour
    hair: Colour
    cloth: Colour
    light: float  # -1 from the left, 1 from the right
    hairstyle: int

    def at(self, across: float, down: float) -> Point:
        """A point in units of half the head, from its middle."""
        return self.x + across * self.half_width, self.y + down * self.half_height


def draw(seed: int, size: tuple[int, int] = (640, 800)) -> bytes:
    """A JPEG of `size` (width, height in pixels; at least 64 each)."""
    dice = _Dice(seed)
    canvas = _wall(dice, (size[0] * SCALE, size[1] * SCALE))
    sitter = _sitter(dice, canvas.size)
    _hair_behind(canvas, sitter)
    _shoulders(canvas, sitter, dice)
    _head(canvas, sitter)
    _beard(canvas, sitter, dice)
    _face(canvas, sitter, dice)
    _hair_before(canvas, sitter, dice)
    _adornments(canvas, sitter, dice)
    picture = _grain(canvas, dice).resize(size, Image.Resampling.BOX)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


def _sitter(dice: _Dice, size: tuple[int, int]) -> _Sitter:
    width, height = size
    unit = min(width, height * 0.8)
    half_width = unit * dice.between(0.185, 0.235)
    return _Sitter(
        x=width * dice.between(0.42, 0.58),
        y=height * dice.between(0.4, 0.47),
        half_width=half_width,
        half_height=half_width * dice.between(1.24, 1.42),
        skin=dice.one_of(_SKINS),
        hair=dice.one_of(_HAIRS),
        cloth=dice.one_of(_CLOTHES),
        light=-1 if dice.happens(0.5) else 1,
        hairstyle=dice.number(5),
    )


# The room


def _wall(dice: _Dice, size: tuple[int, int]) -> Image.Image:
    """Two colours melting into each other, and one large thing out of focus."""
    first, second = dice.one_of(_WALLS), dice.one_of(_WALLS)
    slope = Image.linear_gradient("L").rotate(dice.between(-70, 70), Image.Resampling.BICUBIC).crop((48, 48, 208, 208))
    wall = Image.composite(
        Image.new("RGB", size, first),
        Image.new("RGB", size, second),
        slope.resize(size, Image.Resampling.BICUBIC),
    )
    things = wall.copy()
    mask = Image.new("L", size)
    pens = ImageDraw.Draw(things), ImageDraw.Draw(mask)
    (_lamps, _shelves, _window, _hills)[dice.number(4)](pens, dice, size)
    for _ in range(4):
        _blot(pens, dice, size)
    blur = ImageFilter.GaussianBlur(size[0] / 70)
    wall.paste(things.filter(blur), mask=mask.filter(blur))
    return wall


_Pens = tuple[ImageDraw.ImageDraw, ImageDraw.ImageDraw]
_Ink = Colour | int


def _inks(pens: _Pens, colour: Colour, strength: int) -> tuple[tuple[ImageDraw.ImageDraw, _Ink], ...]:
    """The colour for the picture's pen, the strength for the mask's."""
    return (pens[0], colour), (pens[1], strength)


def _blot(pens: _Pens, dice: _Dice, size: tuple[int, int]) -> None:
    x, y, r = dice.between(0, size[0]), dice.between(0, size[1]), dice.between(0.08, 0.26) * size[0]
    for pen, ink in _inks(pens, dice.one_of(_WALLS), 150):
        pen.ellipse((x - r, y - r, x + r, y + r), fill=ink)


def _lamps(pens: _Pens, dice: _Dice, size: tuple[int, int]) -> None:
    for _ in range(26):
        x, y, r = dice.between(0, size[0]), dice.between(0, size[1] * 0.8), dice.between(0.02, 0.07) * size[0]
        for pen, ink in _inks(pens, (255, 226, 170), int(dice.between(70, 190))):
            pen.ellipse((x - r, y - r, x + r, y + r), fill=ink)


def _shelves(pens: _Pens, dice: _Dice, size: tuple[int, int]) -> None:
    width, height = size
    for shelf in range(5):
        bottom = height * (shelf + 1) / 5
        x = 0.0
        while x < width:
            book, tall = dice.between(0.02, 0.06) * width, dice.between(0.1, 0.17) * height
            for pen, ink in _inks(pens, dice.one_of(_CLOTHES), 200):
                pen.rectangle((x, bottom - tall, x + book, bottom), fill=ink)
            x += book * dice.between(1, 1.8)


def _window(pens: _Pens, dice: _Dice, size: tuple[int, int]) -> None:
    width, height = size
    left, top = width * dice.between(-0.1, 0.6), height * dice.between(-0.05, 0.15)
    pane, high = width * dice.between(0.16, 0.26), height * dice.between(0.2, 0.34)
    for column in range(2):
        for row in range(2):
            x, y = left + column * pane * 1.08, top + row * high * 1.06
            for pen, ink in _inks(pens, (236, 244, 250), 225):
                pen.rectangle((x, y, x + pane, y + high), fill=ink)


def _hills(pens: _Pens, dice: _Dice, size: tuple[int, int]) -> None:
    width, height = size
    for ridge in range(3):
        base, swing, phase = (
            height * (0.35 + 0.17 * ridge),
            height * dice.between(0.04, 0.12),
            dice.between(0, 6.3),
        )
        tops = [(x * width / 24, base + swing * math.sin(phase + x * dice.between(0.2, 0.3))) for x in range(25)]
        for pen, ink in _inks(pens, _mixed((96, 122, 96), (40, 62, 66), ridge / 2), 235):
            pen.polygon([*tops, (width, height), (0, height)], fill=ink)


# The sitter, from the back to the front


def _hair_behind(canvas: Image.Image, sitter: _Sitter) -> None:
    length = (None, 0.95, 1.75, None, 1.35)[sitter.hairstyle]
    if length is None:
        return
    wide = 1.28 if length > 1 else 1.2
    outline = [sitter.at(wide * math.cos(a), -0.2 + 1.02 * math.sin(a)) for a in _angles(180, 360)]
    outline += _curve(
        sitter.at(wide * 1.05, length * 0.6), sitter.at(wide * 1.08, length), sitter.at(wide * 0.5, length)
    )
    outline += _curve(
        sitter.at(-wide * 0.5, length), sitter.at(-wide * 1.08, length), sitter.at(-wide * 1.05, length * 0.6)
    )
    _soft(canvas, outline, _shaded(sitter.hair, 0.78), sitter, depth=0.5)


def _shoulders(canvas: Image.Image, sitter: _Sitter, dice: _Dice) -> None:
    bottom = canvas.height + sitter.half_width
    slope, wide = dice.between(1.62, 1.8), dice.between(2.05, 2.5)
    left, right = sitter.at(-wide, 2.3), sitter.at(wide, 2.3)
    outline = [
        (left[0] - sitter.half_width * 0.3, bottom + 9),
        left,
        *_curve(left, sitter.at(-wide * 0.86, slope), sitter.at(-0.62, 1.36)),
        *_curve(sitter.at(0.62, 1.36), sitter.at(wide * 0.86, slope), right),
        (right[0] + sitter.half_width * 0.3, bottom + 9),
    ]
    cloth = dice.number(3)
    _soft(canvas, outline, sitter.cloth, sitter, depth=0.8)
    if cloth == 0:
        _stripes(canvas, sitter, dice, outline)
    _neck(canvas, sitter)
    (_shirt_collar if cloth == 1 else _round_collar)(canvas, sitter, dice)


def _neck(canvas: Image.Image, sitter: _Sitter) -> None:
    outline = [sitter.at(-0.5, 0.5), sitter.at(0.5, 0.5), sitter.at(0.52, 1.2)]
    outline += [
        *_curve(sitter.at(0.66, 1.4), sitter.at(0, 1.92), sitter.at(-0.66, 1.4)),
        sitter.at(-0.52, 1.2),
    ]
    _soft(canvas, outline, _shaded(sitter.skin, 0.88), sitter, depth=0.6)
    _smudge(
        canvas,
        [sitter.at(0.62 * math.cos(a), 1.02 + 0.22 * math.sin(a)) for a in _angles(0, 360)],
        _shaded(sitter.skin, 0.5),
        0.55,
        0.09,
        sitter,
    )


def _round_collar(canvas: Image.Image, sitter: _Sitter, dice: _Dice) -> None:
    hem = _curve(sitter.at(-0.68, 1.38), sitter.at(0, 1.98), sitter.at(0.68, 1.38))
    colour = _shaded(sitter.cloth, dice.between(0.68, 0.85))
    ImageDraw.Draw(canvas).line(hem, fill=colour, width=int(sitter.half_width * 0.1), joint="curve")


def _shirt_collar(canvas: Image.Image, sitter: _Sitter, dice: _Dice) -> None:
    pen = ImageDraw.Draw(canvas)
    white = _mixed(sitter.cloth, (255, 255, 255), dice.between(0.35, 0.8))
    for side in (-1, 1):
        outer = [
            sitter.at(side * 0.56, 1.18),
            sitter.at(side * 0.98, 1.5),
            sitter.at(side * 0.52, 2.02),
            sitter.at(side * 0.02, 1.72),
        ]
        pen.polygon(outer, fill=_shaded(white, 0.92 if side == sitter.light else 1.0), outline=_shaded(white, 0.75))
    pen.line(
        [sitter.at(0, 1.74), sitter.at(0, 4)],
        fill=_shaded(sitter.cloth, 0.7),
        width=int(sitter.half_width * 0.035),
    )


def _stripes(canvas: Image.Image, sitter: _Sitter, dice: _Dice, outline: list[Point]) -> None:
    band, gap = dice.between(0.06, 0.12), dice.between(0.24, 0.34)
    colour = _mixed(sitter.cloth, (250, 246, 236), 0.55)
    layer, inside = canvas.copy(), Image.new("L", canvas.size)
    ImageDraw.Draw(inside).polygon(outline, fill=200)
    for row in range(12):
        down = 1.85 + row * gap
        arch = _curve(sitter.at(-3, down + 0.5), sitter.at(0, down), sitter.at(3, down + 0.5))
        ImageDraw.Draw(layer).line(arch, fill=colour, width=int(sitter.half_height * band), joint="curve")
    canvas.paste(layer, mask=inside)


def _head(canvas: Image.Image, sitter: _Sitter) -> None:
    for side in (-1, 1):
        ear = [sitter.at(side * (1.0 + 0.14 * math.cos(a)), 0.06 + 0.24 * math.sin(a)) for a in _angles(0, 360)]
        _soft(canvas, ear, _shaded(sitter.skin, 0.9), sitter, depth=0.5)
    _soft(canvas, _outline(sitter), sitter.skin, sitter, depth=1.0)
    for side in (-1, 1):
        cheek = [sitter.at(side * 0.52 + 0.26 * math.cos(a), 0.36 + 0.17 * math.sin(a)) for a in _angles(0, 360)]
        _smudge(canvas, cheek, _mixed(sitter.skin, (214, 84, 74), 0.5), 0.32, 0.1, sitter)


def _outline(sitter: _Sitter) -> list[Point]:
    """Round above, narrower to the chin."""
    points = []
    for a in _angles(0, 360):
        across, down = math.cos(a), math.sin(a)
        narrowing = 1 - 0.2 * max(0.0, down) ** 1.6
        points.append(sitter.at(across * narrowing, down))
    return points


def _beard(canvas: Image.Image, sitter: _Sitter, dice: _Dice) -> None:
    if sitter.hairstyle not in (0, 3) or not dice.happens(0.5):
        return
    outline = [
        sitter.at(1.0 * math.cos(a) * (1 - 0.2 * max(0.0, math.sin(a)) ** 1.6), 1.03 * math.sin(a))
        for a in _angles(12, 168)
    ]
    outline += [
        sitter.at(-0.72, 0.3),
        *_curve(sitter.at(-0.5, 0.42), sitter.at(0, 0.3), sitter.at(0.5, 0.42)),
        sitter.at(0.72, 0.3),
    ]
    _smudge(canvas, outline, _shaded(sitter.hair, 0.9), dice.between(0.7, 0.95), 0.035, sitter)


def _face(canvas: Image.Image, sitter: _Sitter, dice: _Dice) -> None:
    gap, level = dice.between(0.38, 0.44), dice.between(-0.08, 0.02)
    iris, gaze = dice.one_of(_IRISES), dice.between(-0.03, 0.03)
    brow = dice.between(0.045, 0.075)
    for side in (-1, 1):
        _eye(canvas, sitter, (side * gap, level), iris, gaze)
        arch = _curve(
            sitter.at(side * (gap - 0.22), level - 0.2),
            sitter.at(side * gap, level - 0.34),
            sitter.at(side * (gap + 0.25), level - 0.19),
        )
        _smudge_line(canvas, arch, _shaded(sitter.hair, 0.8), brow, sitter)
    _nose(canvas, sitter, dice.between(0.13, 0.18))
    _mouth(canvas, sitter, dice)


def _eye(canvas: Image.Image, sitter: _Sitter, middle: Point, iris: Colour, gaze: float) -> None:
    x, y = middle
    half, open_ = 0.185, 0.088
    socket = [sitter.at(x + 0.26 * math.cos(a), y - 0.03 + 0.15 * math.sin(a)) for a in _angles(0, 360)]
    _smudge(canvas, socket, _shaded(sitter.skin, 0.62), 0.4, 0.07, sitter)
    lids = [*_curve(sitter.at(x - half, y), sitter.at(x, y - 2 * open_), sitter.at(x + half, y))]
    lower = [*_curve(sitter.at(x + half, y), sitter.at(x, y + 1.7 * open_), sitter.at(x - half, y))]
    ball = Image.new("RGB", canvas.size, (246, 242, 238))
    pen = ImageDraw.Draw(ball)
    for radius, colour in ((0.1, _shaded(iris, 0.6)), (0.085, iris), (0.042, (14, 12, 12))):
        _dot(pen, sitter, (x + gaze, y - 0.008), radius, colour)
    _dot(pen, sitter, (x + gaze + 0.035 * sitter.light, y - 0.045), 0.02, (255, 255, 255))
    mask = Image.new("L", canvas.size)
    ImageDraw.Draw(mask).polygon([*lids, *lower], fill=255)
    canvas.paste(ball, mask=mask)
    top = ImageDraw.Draw(canvas)
    top.line(lids, fill=_shaded(sitter.skin, 0.25), width=max(2, int(sitter.half_width * 0.035)), joint="curve")
    top.line(lower, fill=_shaded(sitter.skin, 0.6), width=max(1, int(sitter.half_width * 0.012)), joint="curve")


def _nose(canvas: Image.Image, sitter: _Sitter, half: float) -> None:
    shade = _shaded(sitter.skin, 0.66)
    side = -sitter.light
    bridge = [
        sitter.at(0.05 * side, -0.1),
        sitter.at(0.15 * side, 0.12),
        sitter.at(half * 1.1 * side, 0.36),
        sitter.at(0.02 * side, 0.38),
        sitter.at(0.03 * side, 0.1),
    ]
    _smudge(canvas, bridge, shade, 0.5, 0.045, sitter)
    under = _curve(sitter.at(-half, 0.35), sitter.at(0, 0.49), sitter.at(half, 0.35))
    _smudge_line(canvas, under, _shaded(sitter.skin, 0.55), 0.026, sitter)
    light = [sitter.at(-0.02 * side + 0.045 * math.cos(a), 0.27 + 0.06 * math.sin(a)) for a in _angles(0, 360)]
    _smudge(canvas, light, _mixed(sitter.skin, (255, 255, 255), 0.6), 0.6, 0.03, sitter)


def _mouth(canvas: Image.Image, sitter: _Sitter, dice: _Dice) -> None:
    half, smile, y = dice.between(0.3, 0.4), dice.between(0.02, 0.09), 0.63
    lips = _mixed(_shaded(sitter.skin, 0.8), (186, 62, 70), dice.between(0.3, 0.65))
    left, right = sitter.at(-half, y - smile), sitter.at(half, y - smile)
    middle = _curve(left, sitter.at(0, y + smile), right)
    upper = [
        *_curve(left, sitter.at(-0.16, y - 0.11), sitter.at(0, y - 0.055)),
        *_curve(sitter.at(0, y - 0.055), sitter.at(0.16, y - 0.11), right),
    ]
    lower = _curve(right, sitter.at(0, y + 0.2 + smile), left)
    _smudge(canvas, [*upper, *middle[::-1]], _shaded(lips, 0.82), 0.95, 0.012, sitter)
    _smudge(canvas, [*middle, *lower], lips, 0.95, 0.012, sitter)
    ImageDraw.Draw(canvas).line(
        middle, fill=_shaded(lips, 0.45), width=max(1, int(sitter.half_width * 0.018)), joint="curve"
    )


def _hair_before(canvas: Image.Image, sitter: _Sitter, dice: _Dice) -> None:
    part = dice.between(-0.5, 0.5)
    lift = (1.12, 1.2, 1.16, 1.3, 1.22)[sitter.hairstyle]
    low = (-0.2, 0.3, 0.5, -0.12, 0.25)[sitter.hairstyle]
    cap = [
        sitter.at(-1.06, low),
        *(sitter.at(1.1 * math.cos(a), lift * math.sin(a)) for a in _angles(190, 350)),
        sitter.at(1.06, low),
    ]
    fringe = [*_curve(sitter.at(0.93, low - 0.1), sitter.at(0.82, -0.62), sitter.at(part, -0.72))]
    fringe += [*_curve(sitter.at(part, -0.72), sitter.at(-0.82, -0.62), sitter.at(-0.93, low - 0.1))]
    _soft(canvas, [*cap, *fringe], sitter.hair, sitter, depth=0.9)
    _strands(canvas, sitter, dice, part=part, lift=lift)


def _strands(canvas: Image.Image, sitter: _Sitter, dice: _Dice, *, part: float, lift: float) -> None:
    pen = ImageDraw.Draw(canvas)
    for _ in range(70):
        a = math.radians(dice.between(196, 344))
        end = sitter.at(1.04 * math.cos(a), lift * 0.96 * math.sin(a))
        start = sitter.at(part + dice.between(-0.1, 0.1), -0.76 - dice.between(0, 0.2))
        bow = sitter.at((part + math.cos(a)) * 0.6, -lift * dice.between(0.86, 0.98))
        tone = _mixed(_shaded(sitter.hair, 0.7), _mixed(sitter.hair, (255, 255, 255), 0.22), dice.between(0, 1))
        pen.line(_curve(start, bow, end), fill=tone, width=max(1, int(sitter.half_width * 0.008)))


def _adornments(canvas: Image.Image, sitter: _Sitter, dice: _Dice) -> None:
    pen = ImageDraw.Draw(canvas)
    if dice.happens(0.3):
        frame, width = _shaded(dice.one_of(_CLOTHES), 0.5), max(2, int(sitter.half_width * 0.035))
        for side in (-1, 1):
            (left, top), (right, bottom) = (
                sitter.at(side * 0.42 - 0.29, -0.21),
                sitter.at(side * 0.42 + 0.29, 0.2),
            )
            pen.rounded_rectangle(
                (left, top, right, bottom),
                radius=sitter.half_width * dice.between(0.1, 0.24),
                outline=frame,
                width=width,
            )
            pen.line([sitter.at(side * 0.71, -0.08), sitter.at(side * 1.0, -0.04)], fill=frame, width=width)
        pen.line(
            _curve(sitter.at(-0.13, -0.06), sitter.at(0, -0.13), sitter.at(0.13, -0.06)),
            fill=frame,
            width=width,
        )
    if dice.happens(0.3):
        for side in (-1, 1):
            _dot(pen, sitter, (side * 1.05, 0.36), 0.05, (226, 192, 104))


# Brushes


def _soft(canvas: Image.Image, outline: list[Point], colour: Colour, sitter: _Sitter, *, depth: float) -> None:
    """A filled shape, darker on the side away from the light and lighter towards it."""
    width, height = canvas.size
    margin = int(sitter.half_width)  # what lies outside the canvas throws its shade into it
    shape = Image.new("L", (width + 2 * margin, height + 2 * margin))
    ImageDraw.Draw(shape).polygon([(x + margin, y + margin) for x, y in outline], fill=255)
    blurred = _blurred(shape, sitter.half_width * 0.2)
    shape = shape.crop((margin, margin, margin + width, margin + height))
    canvas.paste(colour, mask=shape)
    for tone, side, most in _tones(colour, sitter.light):
        left, top = int(margin + side * margin * 0.34), int(margin * 1.11)
        rim = ImageChops.invert(blurred.crop((left, top, left + width, top + height)))
        canvas.paste(tone, mask=ImageChops.multiply(_weakened(rim, most * depth), shape))


def _tones(colour: Colour, light: float) -> tuple[tuple[Colour, float, float], ...]:
    """Shade and light: the colour, the side it comes from, its greatest strength."""
    return ((_shaded(colour, 0.45), light, 0.75), (_mixed(colour, (255, 250, 236), 0.7), -light, 0.4))


def _weakened(mask: Image.Image, strength: float) -> Image.Image:
    return mask.point([int(value * strength) for value in range(256)])


def _blurred(mask: Image.Image, radius: float) -> Image.Image:
    """A wide blur, made on a quarter of the size."""
    quarter = mask.resize((mask.width // 4, mask.height // 4), Image.Resampling.BOX)
    return quarter.filter(ImageFilter.GaussianBlur(radius / 4)).resize(mask.size, Image.Resampling.BILINEAR)


def _smudge(
    canvas: Image.Image, outline: list[Point], colour: Colour, strength: float, blur: float, sitter: _Sitter
) -> None:
    """A filled shape with a soft edge; `blur` in half widths of the head."""
    reach = blur * sitter.half_width * 3 + 4
    xs, ys = [x for x, _ in outline], [y for _, y in outline]
    left, top, right, bottom = (
        int(min(xs) - reach),
        int(min(ys) - reach),
        int(max(xs) + reach),
        int(max(ys) + reach),
    )
    mask = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in outline], fill=int(255 * strength))
    canvas.paste(colour, (left, top, right, bottom), mask.filter(ImageFilter.GaussianBlur(blur * sitter.half_width)))


def _smudge_line(canvas: Image.Image, line: list[Point], colour: Colour, width: float, sitter: _Sitter) -> None:
    """A line, thinner towards its ends; `width` in half widths of the head."""
    last = len(line) - 1
    thick = [width * sitter.half_width * (0.35 + 0.65 * math.sin(math.pi * i / last)) for i in range(last + 1)]
    outline = [(x, y - t / 2) for (x, y), t in zip(line, thick, strict=True)]
    outline += [(x, y + t / 2) for (x, y), t in zip(reversed(line), reversed(thick), strict=True)]
    _smudge(canvas, outline, colour, 0.92, 0.012, sitter)


def _dot(pen: ImageDraw.ImageDraw, sitter: _Sitter, middle: Point, radius: float, colour: Colour) -> None:
    (x, y), r = sitter.at(*middle), radius * sitter.half_width
    pen.ellipse((x - r, y - r, x + r, y + r), fill=colour)


def _grain(canvas: Image.Image, dice: _Dice) -> Image.Image:
    """A little noise and darker corners, as a lens has them."""
    tile = bytes(int(128 + 9 * (dice.between(-1, 1) + dice.between(-1, 1))) for _ in range(128 * 128))
    noise = Image.new("L", canvas.size)
    for x in range(0, canvas.width, 256):
        for y in range(0, canvas.height, 256):
            noise.paste(Image.frombytes("L", (128, 128), tile).resize((256, 256)), (x, y))
    corners = Image.radial_gradient("L").resize(canvas.size).point(lambda v: int(max(0, v - 110) * 0.6))
    canvas.paste((16, 14, 20), mask=corners)
    return ImageChops.add(canvas, Image.merge("RGB", [noise] * 3), offset=-128)


def _curve(start: Point, pull: Point, end: Point) -> list[Point]:
    """A quadratic Bezier curve."""
    steps = [i / 24 for i in range(25)]
    return [
        (
            (1 - t) ** 2 * start[0] + 2 * t * (1 - t) * pull[0] + t * t * end[0],
            (1 - t) ** 2 * start[1] + 2 * t * (1 - t) * pull[1] + t * t * end[1],
        )
        for t in steps
    ]


def _angles(first: float, last: float) -> list[float]:
    return [math.radians(first + (last - first) * i / 90) for i in range(91)]


def _shaded(colour: Colour, factor: float) -> Colour:
    return _mixed((0, 0, 0), colour, factor)


def _mixed(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue
