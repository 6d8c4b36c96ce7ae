"""`copies_found`, `copies_false`: altered copies of portraits, found by us and by what is used today, and the cost.
`copies_confirmed`: what a comparison of pixels says of copies, and of the strangers whose views come nearest.

Real portraits from `../shared/portraits`, drawn ones where that folder is absent. Each altered copy is compared with
the picture it was made of and with all pictures of other people, drawn ones added for number.
"""

import io
import random
import sys
from dataclasses import dataclass
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image

from bench import alterations
from bench.figure import Figure, seconds
from consentkit.fingerprints import Fingerprint, distance, pdq, phash, pixels, preparation, views
from consentkit.matching.resident import Resident
from service.demo.portraits import draw

PORTRAITS = Path(__file__).parents[2] / "shared" / "portraits"
DRAWN = 40
SIDE = 512  # pictures are decoded to at least this, as the preparation does
DRAWS = 2  # of each alteration that is cut at random
CONFIRMED = 4  # copies of each alteration whose pixels are compared
NEAREST = 40  # strangers
SLOW = 5  # portraits for the peer that takes most of a second each
GOAL = 0.98
PAIRS = 1_000_000
PHASH, PDQ = 48, 31


@dataclass(frozen=True)
class Row:
    """Shares found, and pictures of other people that ours took for the same."""

    name: str
    ours: float
    phash: float
    pdq: float
    resistant: float
    false: int
    pairs: int


@dataclass(frozen=True)
class Today:
    """What is used today, of one picture. `resistant`: imagehash's crop-resistant hash, with its own matching."""

    phash: Fingerprint
    pdq: Fingerprint
    resistant: imagehash.ImageMultiHash | None


def run() -> list[Figure]:
    people = _people()
    strangers = [_drawn(seed) for seed in range(1000, 1000 + DRAWN)]
    index = Resident((number, views.protected(_small(each))) for number, each in enumerate([*people, *strangers]))
    known = [_today(image, number) for number, image in enumerate(people)]
    rows = [_row(name, alter, people, index, known) for name, alter in alterations.ALL.items()]
    sys.stderr.write(_table(rows))
    return [
        _found("copies_found", rows),
        _found_one(rows),
        _false(rows),
        _confirmed(people, strangers),
        *_costs(people[0], index, len(people)),
    ]


def _found(name: str, rows: list[Row]) -> Figure:
    worst = min(rows, key=lambda row: row.ours)
    peer = f"lowest: {worst.name}; one pHash-256 {worst.phash:.0%}, one PDQ {worst.pdq:.0%}"
    return Figure(name, worst.ours, "share", peer, None, f"≥ {GOAL}", worst.ours >= GOAL)


def _found_one(rows: list[Row]) -> Figure:
    return _found("copies_found_one", [row for row in rows if row.name in alterations.ONE])


def _false(rows: list[Row]) -> Figure:
    false, pairs = sum(row.false for row in rows), sum(row.pairs for row in rows)
    met = false == 0 and pairs >= PAIRS if pairs >= PAIRS else None
    return Figure("copies_false", false, "matches", f"{pairs:,} pairs of different people", None, "0 in 10⁶", met)


def _row(
    name: str, alter: alterations.Alter, people: list[Image.Image], index: Resident[int], known: list[Today]
) -> Row:
    everyone = list(range(len(people))) * (DRAWS if "crop" in name else 1)
    copies = [_copy(name, alter, people[number], draw) for draw, number in enumerate(everyone)]
    matched = [{match.key for match in index.matches(views.asked(_small(copy)))} for copy in copies]
    both = [
        (known[number], _today(copy, draw)) for draw, (number, copy) in enumerate(zip(everyone, copies, strict=True))
    ]
    return Row(
        name,
        _share([number in keys for number, keys in zip(everyone, matched, strict=True)]),
        _share([distance(a.phash, b.phash) <= PHASH for a, b in both]),
        _share([distance(a.pdq, b.pdq) <= PDQ for a, b in both]),
        _share([bool(a.resistant.matches(b.resistant)) for a, b in both if a.resistant and b.resistant]),
        sum(len(keys - {number}) for number, keys in zip(everyone, matched, strict=True)),
        len(copies) * (len(people) + DRAWN - 1),
    )


def _copy(name: str, alter: alterations.Alter, image: Image.Image, draw: int) -> Image.Image:
    return alter(image, random.Random(f"{draw} {name}"))  # noqa: S311


def _confirmed(people: list[Image.Image], strangers: list[Image.Image]) -> Figure:
    """Every alteration of a few, and the strangers whose views come nearest to each other."""
    copies = [
        (_small(_copy(name, alter, people[number], number)), _small(people[number]))
        for at, (name, alter) in enumerate(alterations.ALL.items())
        for number in (np.arange(CONFIRMED) + at * CONFIRMED) % len(people)
    ]
    alike = sorted(pixels.likeness(copy, held) for copy, held in copies)
    nearest = max(
        pixels.likeness(a, b) for a, b in _nearest_strangers([_small(each) for each in [*people, *strangers]])
    )
    took = seconds(lambda: pixels.likeness(*copies[0]), runs=9) * 1000
    share = _share([each >= pixels.CONFIRMED for each in alike])
    words = f"limit {pixels.CONFIRMED}; least copy {alike[0]:.2f}, nearest stranger {nearest:.2f}; {took:.0f} ms a pair"
    met = share >= GOAL and nearest < pixels.CONFIRMED
    return Figure("copies_confirmed", share, "share", words, None, f"≥ {GOAL}", met)


def _nearest_strangers(smalls: list[preparation.Pixels]) -> list[tuple[preparation.Pixels, preparation.Pixels]]:
    """Pairs of different people, of all, those with the least sum of their two nearest views."""
    asked, held = [views.asked(small) for small in smalls], [views.protected(small) for small in smalls]
    apart = [
        (
            int(np.sort(np.bitwise_count(each[:, None, :4] ^ held[b][None, :, :4]).sum(axis=2).min(axis=1))[:2].sum()),
            a,
            b,
        )
        for a, each in enumerate(asked)
        for b in range(len(held))
        if a != b and len(each)
    ]
    return [(smalls[a], smalls[b]) for _, a, b in sorted(apart)[:NEAREST]]


def _today(image: Image.Image, number: int) -> Today:
    small = preparation.small_of_flat(image)
    resistant = imagehash.crop_resistant_hash(image) if number < SLOW else None
    return Today(phash.fingerprint(small), pdq.fingerprint(small), resistant)


def _share(found: list[bool]) -> float:
    return sum(found) / len(found)


def _costs(image: Image.Image, index: Resident[int], people: int) -> list[Figure]:
    small = _small(image)
    asking = seconds(lambda: views.asked(small), runs=15) * 1000
    protecting = seconds(lambda: views.protected(small), runs=9) * 1000
    single = seconds(lambda: imagehash.phash(image, hash_size=16), runs=9) * 1000
    size = len(index) * 8 * views.WORDS / (people + DRAWN)
    peer = "one imagehash pHash-256"
    return [
        Figure("copies_asking", asking, "ms", peer, asking / single, "", None),
        Figure("copies_protecting", protecting, "ms", peer, protecting / single, "", None),
        Figure("copies_protected_size", size, "bytes", "one fingerprint of 32 bytes", size / 32, "", None),
    ]


def _people() -> list[Image.Image]:
    paths = sorted((PORTRAITS / "1024").glob("*.jpg")) + sorted((PORTRAITS / "original").glob("*.jpg"))
    if not paths:
        sys.stderr.write(f"{PORTRAITS} is absent: drawn portraits stand in, and the figures are not comparable.\n")
        return [_drawn(seed) for seed in range(DRAWN)]
    return [_decoded(path) for path in paths]


def _decoded(path: Path) -> Image.Image:
    image = Image.open(path)
    image.draft("RGB", (SIDE, SIDE))
    factor = SIDE / min(image.size)
    size = (round(image.width * factor), round(image.height * factor))
    return image.convert("RGB").resize(size, Image.Resampling.BOX) if factor < 1 else image.convert("RGB")


def _drawn(seed: int) -> Image.Image:
    return Image.open(io.BytesIO(draw(seed, (SIDE, SIDE * 5 // 4)))).convert("RGB")


def _small(image: Image.Image) -> preparation.Pixels:
    return preparation.area_reduced(preparation.luma(image), side=views.SIDE)


def _table(rows: list[Row]) -> str:
    """Alteration × share found."""
    wide = max(len(row.name) for row in rows)
    lines = [f"{'alteration':{wide}}   ours  pHash-256≤{PHASH}  PDQ≤{PDQ}  crop-resistant  false"]
    for row in rows:
        shares = f"{row.ours:7.1%} {row.phash:13.1%} {row.pdq:7.1%} {row.resistant:15.0%} {row.false:6}"
        lines.append(f"{row.name:{wide}} {shares}")
    mean = [float(np.mean([getattr(row, column) for row in rows])) for column in ("ours", "phash", "pdq", "resistant")]
    lines.append(f"{'mean':{wide}} {mean[0]:7.1%} {mean[1]:13.1%} {mean[2]:7.1%} {mean[3]:15.0%}")
    return "\n".join(lines) + "\n"
