"""Which kind IN is: by its first bytes where they say it, else by its name."""

import glob
import tarfile
from pathlib import Path
from typing import Final

from consentkit import filtered
from consentkit.content import is_named
from consentkit.settings import Misuse
from consentkit.sources import dropped
from consentkit.sources.batches import Scope, Source, Unreadable
from consentkit.sources.beside import contents
from consentkit.sources.folder import PictureFolder, names_in
from consentkit.sources.jsonlines import JsonLines
from consentkit.sources.parquet import ParquetFile
from consentkit.sources.partitions import Partitioned, columns_of
from consentkit.sources.separated import CsvFile
from consentkit.sources.shards import Shard
from consentkit.sources.sidecars import sidecar_of
from consentkit.sources.tables import require_plain

_READ: Final = (
    "Parquet, CSV (.csv), JSON lines, a WebDataset shard (.tar), a folder of any of these, a folder of pictures"
)
_TABLES: Final = (".parquet", ".pq", ".csv", ".jsonl", ".ndjson")
_OURS: Final = (dropped.SUFFIX, filtered.SUFFIX, ".attested.json")  # what consentkit writes beside a file
_USTAR: Final = slice(257, 262)


def source_of(path: Path, *, key: str | None, scope: Scope | None) -> Source:
    """IN opened as what it is. Raises Unreadable or Misuse."""
    if path.is_dir():
        return PictureFolder(path, key=key, scope=scope)
    kind = _of_file(path)
    if scope is None or scope.column not in (folders := columns_of(path)):
        return kind(path, key=key, scope=scope)
    opened = kind(path, key=key, scope=None)
    if isinstance(opened, ParquetFile) and scope.column in opened.names:
        raise Misuse(f"--scope: {path} has a column {scope.column!r}, and so have its folders: which one counts?")
    return Partitioned(opened, folders[scope.column], scope)


def shards_in(path: Path) -> list[str]:
    """The names of the shards directly in a folder; none if it is a folder of pictures, or a file."""
    return sorted(each.name for each in path.glob("*.tar") if each.is_file()) if path.is_dir() else []


def parts_in(path: Path) -> list[str]:
    """The shards directly in a folder, else the tables anywhere in it, by their paths from the folder.

    Empty if it is a file, or if it holds a picture: then it is a folder of pictures. Names that begin with a dot or an
    underscore are of no part, as Spark and Hive have it. Raises Unreadable, or Misuse for a table's folder or file.
    """
    require_plain(path)
    if shards := shards_in(path):
        return shards
    names = sorted(names_in(path)) if path.is_dir() else []
    if any(is_named(_ending(name)[1:]) for name in names):
        return []
    return [name for name in names if _ending(name) in _TABLES and not _is_hidden(name)]


def others_in(path: Path) -> list[str]:
    """Files of a folder that nobody reads, by their paths; no hidden ones. They are of no part, or neither pictures nor
    beside any. Of a shard alone: those beside it that have its name, and an ending of their own.
    """
    if not path.is_dir():
        beside = path.parent.glob(f"{glob.escape(path.stem)}.*") if path.suffix == ".tar" else []
        read = (path, sidecar_of(path), *(path.with_name(path.name + suffix) for suffix in _OURS))
        return sorted(each.name for each in beside if each not in read)
    if parts := set(parts_in(path)):
        parts |= {str(each.relative_to(path)) for name in parts if (each := sidecar_of(path / name))}
        others = [name for name in sorted(names_in(path)) if name not in parts]
    else:
        others = contents(path, names_in(path)).others
    return [name for name in others if not _is_hidden(name)]


def is_description(name: str) -> bool:
    """Whether a file only tells of a data set as a whole, by its name, and holds none of its rows."""
    stem = Path(name).name.lower()
    return stem.endswith((".md", "_stats.json")) or stem.startswith(("readme", "licen", "citation"))


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "_")) for part in Path(name).parts)


def _ending(name: str) -> str:
    return Path(name).suffix.lower()


def _of_file(path: Path) -> type[ParquetFile | CsvFile | JsonLines | Shard]:
    try:
        with path.open("rb") as file:
            head = file.read(tarfile.BLOCKSIZE)
    except OSError as error:  # not there, no permission
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from error
    ending = path.suffix.lower()
    if head.startswith(b"PAR1"):
        return ParquetFile
    if head[_USTAR] == b"ustar" or ending == ".tar":
        return Shard
    if ending == ".csv":
        return CsvFile
    if head.lstrip().startswith(b"{") or ending in (".jsonl", ".ndjson"):
        return JsonLines
    if ending in (".parquet", ".pq"):
        return ParquetFile
    raise Misuse(f"{path} is of no kind that is read here: {_READ}")
