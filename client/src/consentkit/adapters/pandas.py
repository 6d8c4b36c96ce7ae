"""pandas: a mask beside `isin`, and a frame of what passes.

faces = pandas.allowed(faces, registry, purpose="ai_training")
"""

from typing import Any

from consentkit.adapters.kernel import as_column, library, mask_of
from consentkit.moments import Source
from consentkit.purposes import Purposes
from consentkit.settings import Misuse
from consentkit.sources.batches import COLUMN, Scope

pd = library("pandas", package="pandas")


def mask(frame: Any, source: Source, *, purpose: Purposes, key: str = COLUMN, scope: Scope | None = None) -> Any:
    """A Series of bool on the frame's index."""
    columns = {name: _arrow(frame, name) for name in {key, scope.column if scope else key}}
    kept = mask_of(columns, moment=source.moment(), purpose=purpose, key=key, scope=scope)
    return pd.Series(kept, index=frame.index, name="allowed")


def allowed(frame: Any, source: Source, *, purpose: Purposes, key: str = COLUMN, scope: Scope | None = None) -> Any:
    """The rows that pass, with their index, in their order."""
    return frame.loc[mask(frame, source, purpose=purpose, key=key, scope=scope).to_numpy()]


def _arrow(frame: Any, name: str) -> Any:
    if list(frame.columns).count(name) != 1:
        raise Misuse(f"no column {name!r}, or several; there are {', '.join(map(str, frame.columns))}")
    return as_column(frame[name], name)
