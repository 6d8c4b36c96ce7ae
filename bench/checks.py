"""`checks` and `checks_growth`: POST checks over HTTP, beside the bare SQL lookup of the same keys."""

import json
import random
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.figure import Figure, seconds
from bench.registry import running

KEYS: Final = 100_000
SIZES: Final = (100_000, 1_000_000, 10_000_000)
GOAL, GROWTH_GOAL = 2.0, 1.2
LOOKUP: Final = "SELECT sha256, until[1], reason[1] FROM consent_standing WHERE sha256 = ANY(%s::bytea[])"


@dataclass(frozen=True)
class Measured:
    """Seconds at one number of images."""

    images: int
    asked: float
    looked_up: float


def run() -> list[Figure]:
    """Images are seeded by SQL."""
    with running() as registry:
        from bench import seeds
        from bench.pipelines import asker

        _, key = asker()
        taken, last = [], 0
        for images in SIZES:
            seeds.standings(first=last + 1, last=images)
            last = images
            keys = seeds.digests(random.Random(images).sample(range(1, images + 1), KEYS))  # noqa: S311
            taken.append(Measured(images, _asked(registry.url, key, keys), _looked_up(keys)))
    return [_checks(taken[1]), *(_growth(taken[0], each) for each in taken[1:])]


def _checks(at: Measured) -> Figure:
    ratio = at.asked / at.looked_up
    peer = f"bare SQL, {at.images:,} images ({at.looked_up:.3f} s)"
    return Figure("checks", at.asked, "s", peer, ratio, f"≤ {GOAL}", ratio <= GOAL)


def _growth(small: Measured, large: Measured) -> Figure:
    ratio = large.asked / small.asked
    sql = large.looked_up / small.looked_up
    peer = f"{large.images:,} images beside {small.images:,} ({small.asked:.3f} s; bare SQL grew {sql:.2f})"
    return Figure("checks_growth", large.asked, "s", peer, ratio, f"≤ {GROWTH_GOAL}", ratio <= GROWTH_GOAL)


def _asked(url: str, key: str, keys: Sequence[str]) -> float:
    """From the first byte sent to the last one received."""
    body = json.dumps({"purpose": "ai_training", "by": "sha256", "keys": keys}).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    asking = urllib.request.Request(f"{url}/api/v1/checks", body, headers)  # noqa: S310 - our own loopback

    def ask() -> bytes:
        with urllib.request.urlopen(asking) as answer:  # noqa: S310
            read: bytes = answer.read()
        return read

    decisions = [each["decision"] for each in json.loads(ask())["decisions"]]
    if len(decisions) != KEYS or not 0.75 < decisions.count("permitted") / KEYS < 0.85:
        raise RuntimeError("four of five images are permitted, and the registry says otherwise")
    return seconds(ask, runs=5)


def _looked_up(keys: Sequence[str]) -> float:
    from django.db import connection

    wanted = "{" + ",".join(f'"\\\\x{key}"' for key in keys) + "}"  # the cheapest way to send them

    def look_up() -> None:
        with connection.cursor() as cursor:
            cursor.execute(LOOKUP, [wanted])
            if len(cursor.fetchall()) != KEYS:
                raise RuntimeError("a seeded image is missing")

    return seconds(look_up, runs=5)
