"""Table formats, whose folder is more than its files: a log or manifest says which files and rows are in the table.

Read as plain files, such a table gives rows that were deleted from it; written as plain files, it cannot be opened any
more. So whatever lies in one, is one, or has one in it is refused. The names are those of each format's specification:
Delta's PROTOCOL.md, Iceberg's spec (metadata files), Hudi's technical spec, Lance's table spec, and `datasets`'
`save_to_disk`; Paimon's and DuckLake's likewise.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from consentkit.settings import Misuse
from consentkit.sources.batches import Unreadable, printable


def require_plain(path: Path) -> None:
    """Raises Misuse where a file or folder is a table of such a format, lies in one, or has one in it, links to files
    included; Unreadable for a folder that cannot be read.
    """
    for place in _above(path):
        _refuse_table(place)
    if not path.is_dir():
        return
    known = set[Path]()
    for folder, _, names in os.walk(path, onerror=_refuse_unread):
        _refuse_table(Path(folder))
        for name in names:
            file = Path(folder) / name
            if file.is_symlink() and (parent := file.resolve().parent) not in known:
                known.add(parent)
                for place in (parent, *parent.parents):
                    _refuse_table(place)


def require_no_summary(path: Path) -> None:
    """Raises Misuse where a folder has a Parquet `_metadata`, which repeats where the rows of every part stand: a part
    that is written anew could not be read by it.
    """
    if summary := next(path.rglob("_metadata"), None):
        raise Misuse(f"{printable(str(summary))} tells readers where each row stands: remove it, and make it anew then")


def checksum_of(part: Path) -> Path:
    """Where Hadoop and Spark keep the checksum of a local file, which they compare with it."""
    return part.with_name(f".{part.name}.crc")


def _above(path: Path) -> Iterator[Path]:
    """The folders that a path lies in, by its own name and by where its links lead; a folder itself included."""
    for place in {path.absolute(), path.resolve()}:
        yield from (place, *place.parents) if path.is_dir() else place.parents


def _refuse_table(folder: Path) -> None:
    if kind := _kind(folder):
        name, instead = kind
        raise Misuse(
            f"{printable(str(folder))} is a table of {name}: its files alone are not what is in it, and a file that is "
            f"written anew would leave it unreadable. {instead}"
        )


def _kind(folder: Path) -> tuple[str, str] | None:
    """The format's name, and what to do instead."""
    if (folder / "_delta_log").is_dir():
        return "Delta Lake", _export("deltalake: DeltaTable(...).to_pyarrow_table()")
    if _any(folder / "metadata", "*.metadata.json*") or (folder / "metadata" / "version-hint.text").is_file():
        return "Apache Iceberg", _export("pyiceberg: table.scan().to_arrow()")
    if (folder / ".hoodie").is_dir():
        return "Apache Hudi", _export("Spark or hudi")
    if _is_lance(folder):
        return "Lance", _export("lance.dataset(...).to_table()")
    if _is_saved(folder):
        return "Hugging Face datasets", (
            "Load it with datasets.load_from_disk, filter it by consentkit.adapters.datasets, and save it to another "
            "place; or write it to Parquet first (to_parquet)."
        )
    if _any(folder / "snapshot", "snapshot-*") and _any(folder / "schema", "schema-*"):
        return "Apache Paimon", _export("pypaimon")
    if _any(folder, "ducklake-*.parquet"):
        return "DuckLake", _export("DuckDB: COPY ... TO 'rows.parquet'")
    return None


def _is_lance(folder: Path) -> bool:
    versions = folder / "_versions"
    return _any(versions, "*.manifest") or (folder / "_latest.manifest").is_file() or _any(folder, "*.lance", file=True)


def _is_saved(folder: Path) -> bool:
    """What `save_to_disk` and the cache of `datasets` leave."""
    if (folder / "dataset_dict.json").is_file():
        return True
    told = (folder / "state.json").is_file() or (folder / "dataset_info.json").is_file()
    return told and _any(folder, "*.arrow")


def _any(folder: Path, pattern: str, *, file: bool = False) -> bool:
    try:
        return any(each.is_file() or not file for each in folder.glob(pattern))
    except OSError:  # a folder above ours that we may not read
        return False


def _export(by: str) -> str:
    return (
        f"Export it with its own library ({by}) to Parquet and filter that, or filter what that library reads by one "
        "of consentkit.adapters; then delete the rows by the table's own DELETE."
    )


def _refuse_unread(error: OSError) -> None:
    raise Unreadable(f"{error.filename} cannot be read: {error.strerror}") from error
