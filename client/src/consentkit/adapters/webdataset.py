"""WebDataset: a stage before `decode`, for `compose`.

    wds.WebDataset(urls).compose(webdataset_.allowed(registry, purpose="ai_training")).decode("pil")

As in `consentkit filter`, a sample's keys are the SHA-256 of its pictures, and with `key` that field of its JSON: a
sample passes if each does.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np

from consentkit.adapters.kernel import Handle, library, stream
from consentkit.content import PICTURES, picture
from consentkit.moments import Moment, Source
from consentkit.purposes import Purposes
from consentkit.sources.batches import Mask, Scope, Unreadable
from consentkit.sources.jsonlines import once
from consentkit.sources.shards import Judged, judged

library("webdataset", package="webdataset")

_PLAIN: Final = (bytes, str, int, float, dict, list, type(None))
"""What a member can be before pictures were decoded."""

Sample = dict[str, Any]


class Allowed:
    """The stage, which can be sent to other processes with a pin."""

    def __init__(self, handle: Handle, purpose: Purposes, key: str | None, scope: Scope | None) -> None:
        self._handle, self._purpose, self._key, self._scope = handle, purpose, key, scope

    def __call__(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        """Raises Unreadable for a sample that can be read in two ways, and LeaseEnded past the end of a term."""
        return stream(samples, self._handle, self._passes)

    def _passes(self, moment: Moment, some: list[Sample]) -> Mask:
        """A sample passes if each of its pictures does."""
        found = [_judged(sample, self._key, self._scope) for sample in some]
        keys = [each for sample in found for each, _ in sample]
        inside = [within for sample in found for _, within in sample]
        unreadable = self._scope.unreadable if self._scope else "refuse"
        passes = moment.mask(keys, purpose=self._purpose, in_scope=inside, unreadable=unreadable)
        return np.asarray(np.logical_and.reduceat(passes, np.cumsum([0, *map(len, found[:-1])])))


def allowed(source: Source, *, purpose: Purposes, key: str | None = None, scope: Scope | None = None) -> Allowed:
    """The stage: samples in, those that pass out, in their order. With several workers give a pin."""
    return Allowed(Handle(source), purpose, key, scope)


def _judged(sample: Sample, name: str | None, scope: Scope | None) -> list[Judged]:
    members = [(kind, value) for kind, value in sample.items() if not kind.startswith("__")]
    if not all(isinstance(value, _PLAIN) and (isinstance(value, bytes) or not _named(kind)) for kind, value in members):
        raise _unreadable(sample, "it is decoded already: put this stage before decode")
    shown = [picture(kind, value) for kind, value in members if isinstance(value, bytes)]
    digests = [hashlib.sha256(each).hexdigest() for each in shown if each is not None]
    inside = scope is None or _text(sample, scope.column) in (None, scope.value)
    told = None if name is None else _text(sample, name)
    return judged(digests, told=told, by_field=name is not None, inside=inside)


def _named(kind: str) -> bool:
    return kind.rpartition(".")[2].lower() in PICTURES


def _text(sample: Sample, name: str) -> str | None:
    text = _fields(sample).get(name)
    if not isinstance(text, str | None) or not (text or "").isascii():
        raise _unreadable(sample, f"the field {name!r} of its JSON is not plain text")
    return text


def _fields(sample: Sample) -> dict[str, Any]:
    held = sample.get("json", b"{}")
    try:
        read = json.loads(held, object_pairs_hook=once) if isinstance(held, bytes | str) else held
    except (ValueError, RecursionError) as error:  # no JSON, a name that stands twice, far too deep
        raise _unreadable(sample, f"its JSON cannot be read: {error}") from error
    if not isinstance(read, dict):
        raise _unreadable(sample, "its JSON is no object")
    return read


def _unreadable(sample: Sample, what: str) -> Unreadable:
    return Unreadable(f"sample {sample.get('__key__')!r}: {what}")
