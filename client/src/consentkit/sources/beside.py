"""What lies beside the pictures of a folder: captions and other files of their names, and lists of them.

A side file is no picture, and has a picture's name up to a dot: `a.txt`, `a.json` or `a.jpg.txt` beside `a.jpg`. A list
is `metadata.jsonl`, `metadata.csv` or `metadata.parquet`, as `datasets` reads an image folder: its `file_name`, each
`…_file_name`, and each of its `file_names` is a path from the folder of the list.
"""

import csv
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from consentkit.content import is_named, picture_format
from consentkit.formats import HEAD_BYTES
from consentkit.sources.batches import Unreadable

LISTS: Final = ("metadata.jsonl", "metadata.csv", "metadata.parquet")

Kept = Callable[[str], bool]
"""Whether the file at a path from the folder was kept."""


@dataclass(frozen=True)
class Contents:
    """Of a folder, by their paths from it and in order. `sides`: with the pictures that each goes with."""

    pictures: list[str]
    sides: dict[str, list[str]]
    lists: list[str]
    others: list[str]


def contents(folder: Path, names: Iterable[str]) -> Contents:
    """Sorts the files of a folder of pictures. Raises Unreadable."""
    pictures, rest = list[str](), list[str]()
    for name in sorted(names):
        (pictures if _is_picture(folder / name) else rest).append(name)
    of_stem: dict[str, list[str]] = {}
    for name in pictures:
        for stem in {name, str(Path(name).with_suffix(""))}:
            of_stem.setdefault(stem, []).append(name)
    found = Contents(pictures, {}, [], [])
    for name in rest:
        if Path(name).name in LISTS:
            found.lists.append(name)
        elif of := next((of_stem[stem] for stem in _stems(name) if stem in of_stem), None):
            found.sides[name] = of
        else:
            found.others.append(name)
    return found


def write_list(source: Path, out: Path, kept: Kept, *, within: str) -> None:
    """The rows of a list whose files were all kept. `within`: the list's folder, from that of the pictures.

    Raises Unreadable where a row names no file, or in two ways.
    """

    def passes(row: object) -> bool:
        files = _files(row)
        if not files:
            raise Unreadable(f"{source}: a row names no picture by file_name")
        return all(kept(str(Path(within) / file)) for file in files)

    try:
        {".jsonl": _write_lines, ".csv": _write_csv, ".parquet": _write_parquet}[source.suffix](source, out, passes)
    except (OSError, ValueError, RecursionError, csv.Error, pa.ArrowException) as error:  # cut, or of another kind
        raise Unreadable(f"{source} cannot be read as a list of pictures: {error}") from error


def _is_picture(path: Path) -> bool:
    if is_named(path.suffix.removeprefix(".")):
        return True
    try:
        with path.open("rb") as file:
            return picture_format(file.read(HEAD_BYTES)) is not None
    except OSError as error:  # no permission, gone meanwhile
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from error


def _stems(name: str) -> list[str]:
    """The beginnings of a path that end before a dot of its last part, the longest first."""
    head = len(name) - len(Path(name).name)
    return [name[:at] for at in range(len(name) - 1, head, -1) if name[at] == "."]


def _files(row: object) -> list[str]:
    if not isinstance(row, dict):
        return []
    files = list[object]()
    for field, value in row.items():
        if field in ("file_name", "file_names") or str(field).endswith(("_file_name", "_file_names")):
            files += value if isinstance(value, list) else [value]
    return [file for file in files if isinstance(file, str)] if all(isinstance(file, str) for file in files) else []


def _write_lines(source: Path, out: Path, passes: Callable[[object], bool]) -> None:
    with source.open("rb") as lines, out.open("wb") as written:
        written.writelines(line for line in lines if line.strip() and passes(json.loads(line)))


def _write_csv(source: Path, out: Path, passes: Callable[[object], bool]) -> None:
    with source.open(encoding="utf-8-sig", newline="") as lines, out.open("w", encoding="utf-8", newline="") as written:
        rows = csv.DictReader(lines, strict=True)
        writer = csv.DictWriter(written, rows.fieldnames or [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for row in rows if passes(row))


def _write_parquet(source: Path, out: Path, passes: Callable[[object], bool]) -> None:
    table: Any = pq.read_table(source, partitioning=None)
    pq.write_table(table.filter(pa.array([passes(row) for row in table.to_pylist()], pa.bool_())), out)
