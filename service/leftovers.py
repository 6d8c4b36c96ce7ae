"""Files that nobody needs any more: what a crash left, and pictures of askers whose case is decided.

A file comes before its row, so one that is young may still get it. While the log is in doubt nothing is removed:
beside a database that was rolled back, every newer picture looks like one without a row.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final
from uuid import UUID

from django.conf import settings

from consent.reads.cases import open_case_ids
from consent.reads.requests import waiting_for_code
from registry import originals
from registry.log.readiness import doubt
from registry.reads.images import known

YOUNG: Final = timedelta(hours=1)
_FOLDERS: Final = 256
_AT_ONCE: Final = 1_000
_DAY: Final = 24  # hours, by which all folders of originals were looked through


def remove_leftovers(at: datetime) -> int:
    """Of uploads; how many were removed. Asked for every hour, it looks through all originals once a day."""
    return 0 if doubt(at) else _unfinished(at) + _without_row(at)


def remove_answered(at: datetime) -> int:
    """Askers' pictures without an open case or a request that waits for its code: it is decided, it has ended, or a
    crash came before it was kept."""
    if doubt(at):
        return 0
    kept = {case for case in originals.asked_cases() if not _is_young(originals.asked(case), at)}
    answered = kept - open_case_ids(kept) - waiting_for_code(kept)
    for case in answered:
        originals.discard_asked(case)
    return len(answered)


def _unfinished(at: datetime) -> int:
    """Uploads that were never completed."""
    return _remove(path for path in _folder("incoming").glob("*") if not _is_young(path, at))


def _without_row(at: datetime) -> int:
    found, count = _originals(at), 0
    while paths := list(islice(found, _AT_ONCE)):
        count += _remove(_unknown(paths))
    return count


def _originals(at: datetime) -> Iterator[Path]:
    """The old ones of this hour's folders."""
    for number in range(at.hour, _FOLDERS, _DAY):
        yield from (path for path in _folder("originals", f"{number:02x}").glob("*") if not _is_young(path, at))


def _unknown(paths: Iterable[Path]) -> list[Path]:
    numbers = {path: UUID(path.name) for path in paths}
    rows = known(numbers.values())
    return [path for path, number in numbers.items() if number not in rows]


def _is_young(path: Path, at: datetime) -> bool:
    """By the moment at which it came to its place; the time of its contents is that of the upload."""
    try:
        return path.stat().st_ctime >= (at - YOUNG).timestamp()
    except FileNotFoundError:  # there is none, or it went meanwhile
        return False


def _folder(*names: str) -> Path:
    return Path(settings.IMAGE_DIR).joinpath(*names)


def _remove(paths: Iterable[Path]) -> int:
    count = 0
    for path in paths:
        path.unlink(missing_ok=True)
        count += 1
    return count
