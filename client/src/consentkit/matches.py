"""Asks the registry which pictures are copies of protected ones, altered or not: `POST matches`.

Only fingerprints leave this machine, and the names below a folder that was given. Nothing here permits anything: a
picture that matches nothing is `unknown`.
"""

import re
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, Self

from consentkit import canonical
from consentkit.errors import Malformed
from consentkit.lookers import Lookers
from consentkit.pictures import Picture, walk
from consentkit.purposes import Purposes, purposes_of
from consentkit.settings import Misuse
from consentkit.transport import Transport

PICTURES_AT_ONCE: Final = 200
VERSION: Final = 1
"""Of `views256`, by a test."""

Word = Literal["excluded", "unknown"]
Progress = Callable[[int], object]
"""Told after each file how many have been opened so far."""

Asked = tuple[Picture, bytes]
"""A picture and its views, packed."""

UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_STRENGTH: Final = (None, "wait", "remove")
_WORDS: Final = re.compile(r"[a-z][a-z ,]{0,63}")


@dataclass(frozen=True)
class Found:
    """A protected image that a picture is a copy of. `distance`: bits that differ; `alteration`: in a word or two."""

    image: str
    distance: int
    alteration: str

    @classmethod
    def parse(cls, value: Any) -> Self:
        """From an answer. Its words are printed on somebody's terminal. Raises Malformed."""
        if not isinstance(value, dict):
            raise Malformed("a match is an object")
        image, alteration = canonical.text(value.get("image")), canonical.text(value.get("alteration"))
        if not UUID.fullmatch(image) or not _WORDS.fullmatch(alteration):
            raise Malformed("a match names an image in lower case, and an alteration in words")
        return cls(image, canonical.whole(value.get("distance")), alteration)


@dataclass(frozen=True)
class Match:
    """What there is to say of one picture: `excluded` if it is a copy of what must not be used, otherwise `unknown`.

    `problem` says why the file was passed over; then nothing was asked and `size` is None. It was compared with
    `compared` of the `protected` images, as of the log's `size`.
    """

    path: Path
    key: str
    decision: Word
    reason: str | None
    matches: tuple[Found, ...]
    size: int | None
    compared: int
    protected: int
    problem: str = ""

    @property
    def complete(self) -> bool:
        """Whether it was compared with every protected image."""
        return not self.problem and self.compared == self.protected


def match(
    transport: Transport,
    files: Iterable[Path],
    *,
    purpose: Purposes,
    deposit: bool = False,
    progress: Progress = lambda _opened: None,
) -> Generator[Match, None, None]:
    """One answer a file, as they come: those that are surely no pictures have none, unless they were given by name.

    Raises Misuse, Unreachable, Malformed for an answer to anything else, or ConsentkitError without the extra.
    """
    given, purposes = list(files), purposes_of(purpose)
    if deposit:
        _require_distinct(given)
    waiting: list[Asked] = []
    with Lookers() as lookers:
        for opened, (picture, look) in enumerate(lookers.look(walk(given)), start=1):
            if look.views is not None:
                waiting.append((picture, look.views))
            elif look.problem:
                yield Match(picture.path, picture.key, "unknown", None, (), None, 0, 0, look.problem)
            progress(opened)
            if len(waiting) == PICTURES_AT_ONCE:
                yield from ask(transport, waiting, purposes=purposes, deposit=deposit)
                waiting = []
        if waiting:
            yield from ask(transport, waiting, purposes=purposes, deposit=deposit)


def ask(transport: Transport, asked: Sequence[Asked], *, purposes: Sequence[str], deposit: bool) -> list[Match]:
    """The answers to pictures and their packed views, in their order; of several purposes the strongest.

    Raises Unreachable or Malformed.
    """
    answers = [_ask(transport, asked, purpose=each, deposit=deposit) for each in purposes]
    return [_strongest(each) for each in zip(*answers, strict=True)]


def _strongest(answers: Sequence[Match]) -> Match:
    """All that was found for any purpose, true at the smallest of the sizes; compared as the least complete of them."""
    least = min(answers, key=lambda each: each.compared - each.protected)
    found = max(answers, key=lambda each: _STRENGTH.index(each.reason))
    return replace(
        found,
        matches=tuple(dict.fromkeys(copy for each in answers for copy in each.matches)),
        size=min(each.size or 0 for each in answers),
        compared=least.compared,
        protected=least.protected,
    )


def _ask(transport: Transport, asked: Sequence[Asked], *, purpose: str, deposit: bool) -> list[Match]:
    pictures = [{"key": picture.key, "views": views.hex()} for picture, views in asked]
    body = {"purpose": purpose, "version": VERSION, "pictures": pictures, "deposit": deposit}
    answer = transport.post("matches", body=body)
    if not isinstance(answer, dict) or answer.get("purpose") != purpose:
        raise Malformed("the registry answered another question")
    size, complete = canonical.whole(answer.get("size")), answer.get("complete")
    compared, protected = canonical.whole(answer.get("compared")), canonical.whole(answer.get("protected"))
    if not isinstance(complete, bool) or complete != (compared == protected):
        raise Malformed("the registry does not say whether it looked at everything")
    given = canonical.array(answer.get("pictures"))
    if len(given) != len(asked):
        raise Malformed(f"the registry answered {len(given)} of {len(asked)} pictures")
    return [_match(value, picture, size, compared, protected) for value, (picture, _) in zip(given, asked, strict=True)]


def _require_distinct(given: Sequence[Path]) -> None:
    """Two deposits of one key would be one. Raises Misuse."""
    names = [path.name for path in given]
    if len(given) > 1 and (len(set(names)) < len(names) or any(path.is_dir() for path in given)):
        raise Misuse("to deposit, give one folder, or files with different names: each is kept under its own")


def _match(value: Any, picture: Picture, size: int, compared: int, protected: int) -> Match:
    """An answer to another key, in words that we do not know, or that contradicts itself, is no answer."""
    if not isinstance(value, dict) or value.get("key") != picture.key:
        raise Malformed(f"the registry gave no answer to {picture.key!r}")
    found = tuple(Found.parse(each) for each in canonical.array(value.get("matches")))
    decision, reason = value.get("decision"), value.get("reason")
    if decision == "excluded" and reason in ("remove", "wait") and found:
        return Match(picture.path, picture.key, "excluded", reason, found, size, compared, protected)
    if decision == "unknown" and reason is None and not found:
        return Match(picture.path, picture.key, "unknown", None, (), size, compared, protected)
    raise Malformed(f"the registry gave no answer to {picture.key!r}")
