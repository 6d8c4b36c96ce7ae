"""One byte range of a file (RFC 9110, section 14)."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse

from service.problems import problem

RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)
CHUNK: Final = 2**16


def whole_or_range(
    path: Path, *, media_type: str, asked: Mapping[str, str], headers: Mapping[str, str]
) -> HttpResponseBase:
    """206 for one range that we can serve, 416 for one beyond the end; else the whole file."""
    length = path.stat().st_size
    accepting = {**headers, "Accept-Ranges": "bytes"}
    wanted = RANGE.fullmatch(asked.get("Range", "")) if _if_range_holds(asked, headers["ETag"]) else None
    span = _span(wanted[1], wanted[2], length) if wanted else None
    if span is None:
        return FileResponse(path.open("rb"), headers=accepting, content_type=media_type)
    start, stop = span
    if start >= stop:
        unmet = {"Content-Range": f"bytes */{length}"}
        return problem("range-not-satisfiable", f"The file has {length} bytes.", headers=unmet)
    partial = {"Content-Range": f"bytes {start}-{stop - 1}/{length}", "Content-Length": f"{stop - start}"}
    return StreamingHttpResponse(
        _read(path, start, stop), status=206, content_type=media_type, headers={**accepting, **partial}
    )


def _if_range_holds(asked: Mapping[str, str], tag: str) -> bool:
    return asked.get("If-Range", tag) == tag


def _span(first: str, last: str, length: int) -> tuple[int, int] | None:
    """[start, stop); nothing in it where it lies outside; None where it is no range. `-n` means the last n bytes."""
    if not first:
        return (max(length - int(last), 0), length if int(last) else 0) if last else None
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, length) if last else length


def _read(path: Path, start: int, stop: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while start < stop and (chunk := file.read(min(CHUNK, stop - start))):
            start += len(chunk)
            yield chunk
