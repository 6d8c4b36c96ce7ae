"""What all adapters share: the library, the answers, and columns of any kind as Arrow."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import pyarrow as pa

from consentkit.errors import ConsentkitError
from consentkit.moments import Moment, Source
from consentkit.registry import Registry
from consentkit.settings import Misuse
from consentkit.sources.batches import Mask, Scope
from consentkit.sources.parquet import in_scope


class MissingLibrary(ConsentkitError):
    """The library of this adapter is not installed."""


def library(name: str, *, package: str) -> Any:
    """The module of a library. Raises MissingLibrary, which says what to install."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise  # it is here, and lacks something of its own
        raise MissingLibrary(f"this adapter needs {package}: pip install {package}") from error


def fixed(source: Source | Registry) -> "Registry | Moment":
    """For what is read later: a pin as of now, its epoch; a registry is asked again at each reading."""
    return source if isinstance(source, Registry) else source.moment()


def mask_of(rows: Any, *, source: "Registry | Moment", purpose: str, key: str, scope: Scope | None) -> Mask:
    """Which rows of an Arrow table or batch, or of a mapping of columns, pass. Raises Misuse for a missing column."""
    if isinstance(rows, Mapping):
        rows = pa.table({name: _column(rows, name) for name in {key, scope.column if scope else key}})
    for name in (key, scope.column if scope else key):
        if rows.schema.names.count(name) != 1:
            raise Misuse(f"no column {name!r}, or several; there are {', '.join(rows.schema.names)}")
    return source.mask(rows.column(key), purpose=purpose, in_scope=in_scope(rows, scope))


def _column(rows: Mapping[str, Any], name: str) -> Any:
    if name not in rows:
        raise Misuse(f"no column {name!r}; there are {', '.join(map(str, rows))}")
    return rows[name] if isinstance(rows[name], pa.Array | pa.ChunkedArray) else pa.array(rows[name])
