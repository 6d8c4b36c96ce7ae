"""An index as `filter` opens it: the parts that `index.json` names, whole and unchanged in number."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from consentkit import canonical, keys
from consentkit.errors import Malformed
from consentkit.indexing import parts
from consentkit.keys import Keys
from consentkit.settings import Misuse
from consentkit.sources.batches import Unreadable

NAME: Final = "index.json"
VERSION: Final = 1


@dataclass(frozen=True)
class Part:
    """`of`: the stamp of what it was made of; `views`: their version, or None where nothing was looked at."""

    name: str
    rows: int
    of: str
    views: int | None

    @classmethod
    def parse(cls, value: object) -> Self:
        """Raises Malformed."""
        name, rows, of, views = canonical.fields(value, "name", "rows", "of", "views")
        if "/" in canonical.text(name):
            raise Malformed("a part lies beside index.json")
        return cls(
            canonical.text(name),
            canonical.whole(rows),
            canonical.text(of),
            None if views is None else canonical.whole(views),
        )


@dataclass(frozen=True)
class Index:
    """`digest`: of what `index.json` says, 64 hex digits."""

    folder: Path
    parts: tuple[Part, ...]
    digest: str

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Raises Misuse where there is none, or Unreadable."""
        try:
            data = (folder / NAME).read_bytes()
        except OSError as error:  # never made, not finished
            raise Misuse(f"{folder} has no finished index: run consentkit index SHARDS -o {folder}") from error
        try:
            version, listed = canonical.fields(json.loads(data), "v", "parts")
            if version != VERSION:
                raise Malformed(f"an index of version {version}")
            found = tuple(map(Part.parse, canonical.array(listed)))
        except (Malformed, ValueError) as error:  # cut, written over, of another version
            raise Unreadable(f"{folder / NAME} cannot be read ({error}): run consentkit index again") from error
        return cls(folder, found, hashlib.sha256(data).hexdigest())

    def pairs(self) -> Iterator[tuple[Keys, Keys]]:
        """Stored and source digests of the same pictures; a source may be missing. Raises Unreadable."""
        for batch in self.read("stored", "source"):
            yield keys.from_arrow(batch.column("stored")), keys.from_arrow(batch.column("source"))

    def read(self, *columns: str) -> Iterator[Any]:
        """Batches of these columns of `parts.SCHEMA`. Raises Unreadable."""
        for part in self.parts:
            rows = 0
            for batch in parts.read(self.folder / part.name, list(columns)):
                rows += len(batch)
                yield batch
            if rows != part.rows:  # replaced by a run that did not end
                raise Unreadable(f"{self.folder / part.name} is not what {NAME} names: run consentkit index again")
