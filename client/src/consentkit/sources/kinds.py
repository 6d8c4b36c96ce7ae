"""Which kind IN is: by its first bytes where they say it, else by its name."""

import tarfile
from pathlib import Path
from typing import Final

from consentkit.settings import Misuse
from consentkit.sources.batches import Scope, Source, Unreadable
from consentkit.sources.folder import PictureFolder, names_in
from consentkit.sources.jsonlines import JsonLines
from consentkit.sources.parquet import ParquetFile
from consentkit.sources.separated import CsvFile
from consentkit.sources.shards import PICTURES, Shard

_READ: Final = (
    "Parquet, CSV (.csv), JSON lines, a WebDataset shard (.tar), a folder of any of these, a folder of pictures"
)
_TABLES: Final = (".parquet", ".pq", ".csv", ".jsonl", ".ndjson")
_USTAR: Final = slice(257, 262)


def source_of(path: Path, *, key: str | None, scope: Scope | None) -> Source:
    """IN opened as what it is. Raises Unreadable or Misuse."""
    kind = PictureFolder if path.is_dir() else _of_file(path)
    return kind(path, key=key, scope=scope)


def shards_in(path: Path) -> list[str]:
    """The names of the shards directly in a folder; none if it is a folder of pictures, or a file."""
    return sorted(each.name for each in path.glob("*.tar") if each.is_file()) if path.is_dir() else []


def parts_in(path: Path) -> list[str]:
    """The shards directly in a folder, else the tables anywhere in it, by their paths from the folder.

    Empty if it is a file, or if it holds a picture: then it is a folder of pictures. Names that begin with a dot or an
    underscore are of no part, as Spark and Hive have it. Raises Unreadable.
    """
    if shards := shards_in(path):
        return shards
    names = sorted(names_in(path)) if path.is_dir() else []
    if any(_ending(name)[1:] in PICTURES for name in names):
        return []
    return [name for name in names if _ending(name) in _TABLES and not _is_hidden(name)]


def others_in(path: Path) -> list[str]:
    """Files beside the parts of a folder that are of none, and that nobody reads, by their paths; no hidden ones."""
    parts = set(parts_in(path))
    return [name for name in sorted(names_in(path)) if name not in parts and not _is_hidden(name)] if parts else []


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
