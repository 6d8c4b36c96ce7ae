"""`withdraw_10k` and `publish_lag`: ten thousand pictures withdrawn in one act, until every answer excludes them."""

import statistics
import time
from uuid import UUID

from bench.figure import Figure
from bench.registry import measured

IMAGES = 10_000
ROUNDS = 3
PAUSE = 0.25  # seconds between two turns of the publisher: an act may just have missed one


def run() -> list[Figure]:
    with measured():
        from django.utils import timezone

        from bench import seeds
        from registry.acts.enrol_person import enrol_person

        person = enrol_person("ines@example.org", at=timezone.now()).person
        images = seeds.images(person, first=1, last=IMAGES)
        taken = [_round(person, images) for _ in range(ROUNDS)]
    acknowledged, lag = (statistics.median(each) for each in zip(*taken, strict=True))
    lag += PAUSE
    return [
        Figure("withdraw_10k", acknowledged, "s", "", None, "≤ 1 s", acknowledged <= 1),
        Figure("publish_lag", lag, "s", "", None, "≤ 2 s", lag <= 2),
    ]


def _round(person: UUID, images: list[UUID]) -> tuple[float, float]:
    """Seconds until the withdrawal is acknowledged, and from then until it is in a signed checkpoint."""
    from django.utils import timezone

    from bench.pipelines import excluded
    from consent.acts.grant import Permission, grant
    from consent.acts.withdraw import Withdrawing, withdraw
    from consent.reads.notices import current_notice
    from registry.log import publisher

    publisher.turn(timezone.now())
    grant(person, permission=Permission("all", ("ai_training",), current_notice().id), at=timezone.now())
    began = time.perf_counter()
    withdraw(person, withdrawing=Withdrawing("all"), at=timezone.now())
    acknowledged = time.perf_counter()
    publisher.turn(timezone.now())
    published = time.perf_counter()
    if not excluded(images):
        raise RuntimeError("an image was not excluded after its withdrawal was acknowledged")
    return acknowledged - began, published - acknowledged
