"""Hugging Face datasets: `filter`, map-style and streaming.

faces = datasets_.allowed(load_dataset("parquet", data_files="faces.parquet", split="train"), registry, purpose=P)
"""

import hashlib
from typing import Any, Final

from consentkit.adapters.kernel import Handle, library, mask_of
from consentkit.moments import Moment, Source
from consentkit.purposes import Purposes
from consentkit.settings import Misuse
from consentkit.sources.batches import COLUMN, Scope
from consentkit.terms import Term

datasets = library("datasets", package="datasets")

_AT_ONCE: Final = 64


class AllowedRows(datasets.Dataset):  # type: ignore[misc, name-defined]
    """A Dataset of rows that passed when it was made, until the term ends: reading it then raises LeaseEnded.

    What `map` or `select` make of it is a Dataset without that end: filter last, and make it anew for each epoch.
    """

    term: Term

    def __iter__(self) -> Any:
        for row in super().__iter__():
            self.term.require()
            yield row

    def _getitem(self, key: Any, **options: Any) -> Any:
        self.term.require()
        return super()._getitem(key, **options)

    def __getitems__(self, keys: Any) -> Any:
        self.term.require()
        return super().__getitems__(keys)


class _Decide:
    """A batch of columns in, bools out; can be sent to other processes with a pin."""

    def __init__(self, handle: Handle, purpose: Purposes, key: str, scope: Scope | None) -> None:
        self._handle, self._purpose, self._key, self._scope = handle, purpose, key, scope
        self.names = [key] if scope is None or scope.column == key else [key, scope.column]
        self.moment: Moment | None = None

    def __call__(self, *columns: Any) -> list[bool]:
        moment = self.moment = self._handle.moment()
        held = dict(zip(self.names, columns, strict=True))
        mask = mask_of(held, moment=moment, purpose=self._purpose, key=self._key, scope=self._scope)
        return [bool(each) for each in mask]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "moment": None}


class _Still:
    """A row that waited in its batch while the term ended is decided anew, or raises LeaseEnded."""

    def __init__(self, decide: _Decide) -> None:
        self._decide = decide

    def __call__(self, *columns: Any) -> bool:
        moment = self._decide.moment
        if moment is not None and not moment.ended:
            return True
        [passes] = self._decide(*([value] for value in columns))
        self._decide.moment = moment
        return passes


def allowed(
    rows: Any, source: Source, *, purpose: Purposes, key: str = COLUMN, scope: Scope | None = None, **options: Any
) -> Any:
    """What passes of a Dataset or IterableDataset; `options` go to its `filter`.

    A Dataset is decided here, and cached under a fingerprint of the size and of the terms ended: the cache never
    answers with an older decision. `num_proc` needs a pin. A stream is decided as it is read; its workers need a pin.
    """
    if not isinstance(rows, datasets.Dataset | datasets.IterableDataset):
        raise Misuse(f"a {type(rows).__name__} is no Dataset: name the split, as in faces['train']")
    if isinstance(rows, datasets.IterableDataset):
        decide = _Decide(Handle(source), purpose, key, scope)
        options = {"batch_size": _AT_ONCE, **options}
        kept = rows.filter(decide, batched=True, input_columns=decide.names, **options)
        return kept.filter(_Still(decide), input_columns=decide.names)
    moment = source.moment()
    decide = _Decide(Handle(moment), purpose, key, scope)
    told = repr((rows._fingerprint, moment.fingerprint(purpose), key, scope))  # noqa: SLF001 - the library's own way
    fingerprint = hashlib.sha256(told.encode()).hexdigest()[:32]
    kept = rows.filter(decide, batched=True, input_columns=decide.names, new_fingerprint=fingerprint, **options)
    kept.__class__, kept.term = AllowedRows, moment.term
    return kept
