"""What was disclosed: whether any of it waits to be unfolded by image, and whether the log's roots still hold."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from consent.models import Disclosure, DisclosureDay, Unfolded
from consent.rules.disclosures import Day, day_of


def any_to_unfold() -> bool:
    """This state is the queue."""
    return Disclosure.objects.filter(serial__gt=Unfolded.objects.get().serial).exists()


def differences(logged: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Each day that differs from its rows or from its item (`logged`, in the log's order), in words."""
    days = [Day(each.first, each.last, each.count, bytes(each.root)) for each in DisclosureDay.objects.order_by("last")]
    said = [{name: item[name] for name in ("first", "last", "count", "root")} for item in logged]
    if [day.said for day in days] != said:
        yield "the days of disclosures are not those that the log has"
    before = 0
    for day in days:
        # From behind the day before: a row that was slipped in between two days is found with the later one.
        if day_of(Disclosure.objects.all().between(before + 1, day.last)) != day:
            yield f"disclosures {day.first} to {day.last}: they are not those of the root in the log"
        before = day.last
