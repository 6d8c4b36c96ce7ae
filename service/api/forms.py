"""What a request may say: a frozen dataclass for each, read by one strict function.

A field that is not known is refused: a slip of the pen must not drop a limit on consent.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final, Literal, TypeVar, cast
from uuid import UUID

from consentkit.scopes import AUDIENCES, PURPOSES
from service.problems import Problem

Form = TypeVar("Form")
Reader = Callable[[str, object], Any]  # the field's name and what was sent for it

NAMES: Final = 100  # more purposes than this are not meant
IMAGES: Final = 100_000
SHA256: Final = re.compile(r"[0-9a-f]{64}")
IMAGE: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HEX: Final = b"0123456789abcdef"
_DIGITS: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d{1,9})?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII)


def by(reader: Reader) -> Mapping[str, Reader]:
    """Metadata of a form's field: how it is read. Its default is what is meant when it is left out."""
    return {"reader": reader}


def read(form: type[Form], given: Mapping[str, object]) -> Form:
    """The form filled in. Raises Problem with the slug of the first fault."""
    known: tuple[Field[Any], ...] = fields(cast("Any", form))
    if strange := sorted(given.keys() - {each.name for each in known}):
        raise Problem("unknown-field", f"There is no field {strange[0][:80]!r}.", field=strange[0][:80])
    values = {}
    for each in known:
        if each.name in given:
            values[each.name] = each.metadata["reader"](each.name, given[each.name])
        elif each.default is MISSING and each.default_factory is MISSING:
            raise Problem("field-required", f"The field {each.name!r} is missing.", field=each.name)
    return form(**values)


def text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise invalid(name, "is a text")
    return value


def strings(name: str, value: object) -> list[str]:
    if not isinstance(value, list) or not all(type(each) is str for each in value):
        raise invalid(name, "is a list of texts")
    return value


def flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise invalid(name, "is true or false")
    return value


def whole(name: str, value: object) -> int:
    if type(value) is not int or value < 0:
        raise invalid(name, "is a whole number")
    return value


def digits(name: str, value: object) -> int:
    """A whole number as text."""
    if _DIGITS.fullmatch(text(name, value)) is None:
        raise invalid(name, "is a whole number")
    return int(f"{value}")


def one_of(*words: str) -> Reader:
    def reader(name: str, value: object) -> str:
        if value not in words:
            raise invalid(name, f"is one of {', '.join(words)}")
        return f"{value}"

    return reader


audience: Final = one_of(*AUDIENCES)


def purpose(name: str, value: object) -> str:
    named = text(name, value)
    if named not in PURPOSES:
        raise Problem("purpose-unknown", f"The purposes are {', '.join(PURPOSES)}.")
    return named


def purposes(name: str, value: object) -> tuple[str, ...]:
    listed = strings(name, value)
    if not listed:
        raise invalid(name, "names at least one purpose")
    if len(listed) > NAMES:
        raise Problem("list-too-long", f"{name!r} has at most {NAMES} entries.", field=name)
    return tuple(purpose(name, each) for each in listed)


def purposes_or_all(name: str, value: object) -> tuple[str, ...]:
    return PURPOSES if value == "all" else purposes(name, value)


def images(name: str, value: object) -> list[UUID] | Literal["all"]:
    if value == "all":
        return "all"
    listed = strings(name, value)
    if not listed:
        raise invalid(name, 'is "all", or names at least one image')
    if len(listed) > IMAGES:
        raise Problem("list-too-long", f"{name!r} has at most {IMAGES:,} entries.", field=name)
    require_form(listed, IMAGE)
    return [UUID(each) for each in listed]


def require_form(keys: list[str], form: re.Pattern[str], *, first: int = 0) -> None:
    """Each key in its one form, else its position, counted from `first`: no other form may read as a stranger."""
    if form is SHA256 and _are_digests(keys):
        return
    fits = form.fullmatch
    for position, key in enumerate(keys, start=first):
        if fits(key) is None:
            wanted = "64 lower-case hex digits" if form is SHA256 else "a lower-case UUID"
            raise Problem("digest-malformed", f"Key {position} is not {wanted}.", position=position)


def _are_digests(keys: list[str]) -> bool:
    """All at once: matching each of many keys takes longer than reading them and writing the answer."""
    return set(map(len, keys)) == {64} and not "".join(keys).encode(errors="replace").translate(None, _HEX)


def number(name: str, value: object) -> UUID:
    """A UUID in its one form."""
    if not isinstance(value, str) or IMAGE.fullmatch(value) is None:
        raise invalid(name, "is a lower-case UUID")
    return UUID(value)


def moment(name: str, value: object) -> datetime:
    """RFC 3339 with a zone. A leap second, or a zone that is unknown (-00:00), names no moment that we could keep."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None or (found[5] == "-" and found[6] == found[7] == "00"):
        raise _no_moment(name)
    offset = timedelta(hours=int(found[6] or 0), minutes=int(found[7] or 0))
    try:
        local = datetime.fromisoformat(f"{found[1]}T{found[2]}{(found[3] or '')[:7]}")
        return local.replace(tzinfo=timezone(-offset if found[5] == "-" else offset)).astimezone(UTC)
    except (ValueError, OverflowError) as error:  # the 30th of February, second 60, the year 0, an offset of a day
        raise _no_moment(name) from error


def _no_moment(name: str) -> Problem:
    return Problem("time-invalid", f"{name!r} is a time such as 2027-01-31T12:00:00Z.", field=name)


def invalid(name: str, rule: str) -> Problem:
    return Problem("field-invalid", f"{name!r} {rule}.", field=name)
