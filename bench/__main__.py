"""Run the benchmarks, print a table of ratios, and keep them in `bench/results.json`.

Each runs in a process of its own, so that none warms another's caches or holds its memory.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from bench import (
    acts,
    attesting,
    checks,
    copies,
    filtering,
    fingerprints,
    indexing,
    matching,
    publishing,
    rewriting,
    syncing,
    waiting,
    withdrawals,
)
from bench.apart import apart
from bench.figure import Figure

BENCHMARKS: dict[str, Callable[[], list[Figure]]] = {
    "fingerprint": fingerprints.run,
    "copies": copies.run,
    "matching": matching.run,
    "filter": filtering.run,
    "rewrite": rewriting.run,
    "index": indexing.run,
    "checks": checks.run,
    "sync": syncing.run,
    "publish": publishing.run,
    "attest": attesting.run,
    "acts": acts.run,
    "withdraw_10k": withdrawals.run,
    "withdraw_beside": waiting.run,
}
RESULTS = Path(__file__).with_name("results.json")


def main(argv: Sequence[str]) -> int:
    """Exit code 2 for a benchmark that does not exist; a goal that was missed is a result, not an error."""
    only = argv[0] if argv else None
    if only is not None and only not in BENCHMARKS:
        sys.stderr.write(f"There is no benchmark {only!r}. There are: {', '.join(BENCHMARKS)}.\n")
        return 2
    figures: list[Figure] = []
    for name, run in BENCHMARKS.items():
        if only in (None, name):
            sys.stderr.write(f"{name} …\n")
            figures += apart(run)
    RESULTS.write_text(json.dumps([asdict(figure) for figure in figures], indent=1) + "\n")
    sys.stdout.write(table(figures))
    return 0


def table(figures: Sequence[Figure]) -> str:
    """One row a figure, aligned for reading."""
    rows = [("name", "value", "unit", "ratio", "beside", "goal", "met")]
    for each in figures:
        ratio = "" if each.ratio is None else f"{each.ratio:.2f}"
        met = "" if each.met is None else ("yes" if each.met else "NO")
        rows.append((each.name, f"{each.value:,.4g}", each.unit, ratio, each.peer, each.goal, met))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
