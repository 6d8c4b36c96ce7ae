"""WebDataset: a stage before `decode`, for `compose`.

    wds.WebDataset(urls).compose(webdataset_.allowed(registry, purpose="ai_training")).decode("pil")

As in `consentkit filter`, a sample's key is the SHA-256 of its picture, or with `key` that field of its JSON.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final

from consentkit.adapters.kernel import fixed, library
from consentkit.moments import Source
from consentkit.sources.batches import Scope, Unreadable
from consentkit.sources.jsonlines import once
from consentkit.sources.shards import PICTURES

library("webdataset", package="webdataset")

_AT_ONCE: Final = 64

Sample = dict[str, Any]


def allowed(
    source: Source, *, purpose: str, key: str | None = None, scope: Scope | None = None
) -> Callable[[Iterable[Sample]], Iterator[Sample]]:
    """The stage: samples in, those that pass out, in their order. A pin's epoch begins here.

    With several workers give a pin. Raises, when read, Unreadable for a sample that can be read in two ways.
    """
    asked = fixed(source)

    def stage(samples: Iterable[Sample]) -> Iterator[Sample]:
        coming = iter(samples)
        while some := list(islice(coming, _AT_ONCE)):
            keys = [_key(sample, key) for sample in some]
            inside = None if scope is None else [_text(s, scope.column) in (None, scope.value) for s in some]
            passes = asked.mask(keys, purpose=purpose, in_scope=inside)
            yield from (sample for sample, kept in zip(some, passes, strict=True) if kept)

    return stage


def _key(sample: Sample, name: str | None) -> str | None:
    if name is not None:
        return _text(sample, name)
    pictures = [value for kind, value in sample.items() if kind.rpartition(".")[2].lower() in PICTURES]
    if len(pictures) > 1:
        raise _unreadable(sample, "several pictures: name the JSON field with the digest by key")
    if any(not isinstance(picture, bytes) for picture in pictures):
        raise _unreadable(sample, "its picture is decoded already: put this stage before decode")
    return next((hashlib.sha256(picture).hexdigest() for picture in pictures), None)


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
