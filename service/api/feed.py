"""GET snapshot, its parts, and GET deltas: how a pipeline stays in step."""

from dataclasses import asdict
from typing import ClassVar, Final

from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request

from consent.acts.acknowledge_sync import acknowledge_sync
from consent.acts.disclose import Telling, disclose_feed
from consent.acts.publish_snapshot import publish_snapshot
from consent.reads.feed import delta, feed_of, part_for
from consent.rules.disclosures import How
from service.api import described as d
from service.api import examples
from service.api.doors import PAGE, PipelineDoor, answer
from service.api.ranges import whole_or_range
from service.problems import Problem

PARQUET: Final = "application/vnd.apache.parquet"
NOTE: Final = "registry.example/log/feed\n…"
CURSOR: Final = {"type": "string", "description": "A close's `cursor` or a page's `next`, as it was given."}
PART: Final = d.thing({"prefix": d.TEXT, "sha256": d.DIGEST, "bytes": d.WHOLE, "rows": d.WHOLE})
SNAPSHOT: Final = d.shown(
    d.thing(
        {
            "size": d.WHOLE,
            "audience": d.AUDIENCE,
            "purposes": d.many(d.PURPOSE),
            "parts": d.many(PART),
            "list": d.TEXT,
            "close": d.TEXT,
            "logged": d.thing({"index": d.WHOLE, "salt": d.DIGEST}),
        }
    ),
    {
        "size": examples.SIZE,
        "audience": "research",
        "purposes": ["ai_training"],
        "parts": [{"prefix": "", "sha256": examples.SHA256, "bytes": 5_120, "rows": 64}],
        "list": NOTE,
        "close": NOTE,
        "logged": {"index": examples.SIZE, "salt": examples.SHA256},
    },
)
ROW: Final = {
    "type": "object",
    "description": "And for each purpose P of the key, `P_until` and `P_reason`.",
    "properties": {"image": d.NUMBER, "sha256": d.DIGEST},
    "required": ["image", "sha256"],
}


DELTA: Final = d.shown(
    d.thing({"rows": d.many(ROW, maxItems=PAGE)}, next=d.TEXT, close=d.TEXT),
    {
        "rows": [
            {
                "image": examples.IMAGE,
                "sha256": examples.SHA256,
                "ai_training_until": None,
                "ai_training_reason": "remove",
            }
        ],
        "close": NOTE,
    },
)


class Snapshot(PipelineDoor):
    """The signed list of a snapshot's parts."""

    @d.described("snapshot", "A signed list of immutable parts.", answers={200: SNAPSHOT, 304: None})
    def get(self, request: Request) -> HttpResponse:
        feed = feed_of(self.asker)
        found = publish_snapshot(feed, clock=timezone.now)
        headers = {"ETag": f'"{found.size}-{feed.bits:x}"', "Cache-Control": "private, no-cache"}
        if headers["ETag"] in _tags(request):
            return HttpResponse(status=304, headers=headers)
        telling = Telling(How.SNAPSHOT, feed.purposes, feed.audience, found.size)
        rows = sum(each.rows for each in found.parts)
        disclose_feed(self.asker.serial, telling=telling, rows=rows, at=self.at)
        body = {
            "size": found.size,
            "audience": feed.audience,
            "purposes": list(feed.purposes),
            "parts": [asdict(each) for each in found.parts],
            "list": found.list,
            "close": found.close,
            "logged": found.logged.sent(),
        }
        return answer(body, headers=headers)


class Part(PipelineDoor):
    """One Parquet file, which never changes."""

    @d.described(
        "snapshot_part",
        "One part of a snapshot, or a range of it.",
        answers={200: d.FILE, 206: None, 304: None},
        problems=(404, 416),
        media_type=PARQUET,
    )
    def get(self, request: Request, sha256: str) -> HttpResponseBase:
        path = part_for(self.asker, sha256=sha256, at=self.at)
        headers = {"ETag": f'"{sha256}"', "Cache-Control": "private, max-age=172800, immutable"}
        if headers["ETag"] in _tags(request):
            return HttpResponse(status=304, headers=headers)
        return whole_or_range(path, media_type=PARQUET, asked=request.headers, headers=headers)


class Deltas(PipelineDoor):
    """What has changed since a cursor, a page at a time."""

    query: ClassVar = ("from",)

    @d.described(
        "deltas",
        "What has changed since a cursor: a page with `next`, or the last one with `close`.",
        answers={200: DELTA},
        parameters={"from": CURSOR},
        required=("from",),
        problems=(409,),
    )
    def get(self, request: Request) -> HttpResponse:
        since = request.GET.get("from")
        if since is None:
            raise Problem("cursor-altered", "Say from where: ?from= the cursor of your last close.")
        feed = feed_of(self.asker)
        found = delta(feed, since=since, at=self.at)
        if found.news:
            telling = Telling(How.DELTA, feed.purposes, feed.audience, found.size, found.since)
            disclose_feed(self.asker.serial, telling=telling, rows=len(found.rows), at=self.at)
        if found.passed is not None:
            acknowledge_sync(self.asker.serial, size=found.passed)
        end = {"next": found.next} if found.close is None else {"close": found.close}
        return answer({"rows": found.rows, **end})


def _tags(request: Request) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in request.headers.get("If-None-Match", "").split(",")]
