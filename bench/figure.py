"""One measured figure."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A value with its unit, the peer it was measured beside, and the goal as design section 6 has it.

    `ratio` is the value over the peer's; None where the goal is absolute. `met` is None where there is no goal.
    """

    name: str
    value: float
    unit: str
    peer: str
    ratio: float | None
    goal: str
    met: bool | None


def seconds(work: Callable[[], object], *, runs: int = 3) -> float:
    """The median of several runs, in seconds."""
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)
