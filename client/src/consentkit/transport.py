"""Asks the registry, or a host of plain files, over HTTP. Whatever is not an answer is Unreachable.

With a key, redirects are not followed: they would carry it elsewhere. Answers are bounded in bytes and in seconds.
Every request here may be sent again, because the second time it changes nothing.
"""

import hashlib
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self, TypeVar

import httpx2
import tenacity

import consentkit
from consentkit.errors import BadProof, KeyEnding, Malformed, Unreachable

JSON_BYTES: Final = 64 * 2**20
NOTE_BYTES: Final = 2**20
SECONDS: Final = 60
PART_SECONDS: Final = 3600
ATTEMPTS: Final = 3
KEY_ENDS: Final = "key-expires-at"
SOON: Final = timedelta(days=30)
"""Before a key's end, for which every new connection warns of it."""

_PATIENCE: Final = 30
_CHECK: Final = "check CONSENTKIT_URL, the network, and that the registry runs"
_CONNECT: Final = 5
_CHUNK: Final = 2**20
_AGAIN: Final = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}


_ANSWERS: Final = (HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.PARTIAL_CONTENT)

Body = TypeVar("Body")


class Refused(Unreachable):
    """The registry answered with a problem: `status`, and `problem` as it explained it."""

    def __init__(self, problem: str, status: int = 0) -> None:
        # Polars and PyTorch make what was raised in their workers anew, from its words alone.
        super().__init__(problem)
        self.status = status


class _Passing(Unreachable):
    """A failure that may be over in a moment."""


class Transport:
    """One registry and one key, or with `plain` a folder of files on some host. Close it, or use it in a `with`.

    Of plain files a path is below the address itself: read `/` where `/api/v1/` is written here.
    """

    def __init__(self, url: str, *, key: str = "", plain: bool = False) -> None:
        headers = {"user-agent": f"consentkit/{consentkit.__version__}"}
        self._authorization = {"authorization": f"Bearer {key}"} if key else {}
        self.key_ends: datetime | None = None
        """When the key ends, as the last answer said; None before, and where none says it."""
        self._url = url
        self._base = "/" if plain else "/api/v1/"
        self._check = "check the feed's address and the network" if plain else _CHECK
        self._client = httpx2.Client(
            timeout=httpx2.Timeout(_PATIENCE, connect=_CONNECT), follow_redirects=plain, headers=headers
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, path: str, *, query: Mapping[str, str] | None = None, patience: float = _PATIENCE) -> Any:
        """The JSON at `/api/v1/<path>`; `patience`: seconds until the answer begins.

        Raises Unreachable, Refused or Malformed.
        """
        timeout = httpx2.Timeout(patience, connect=_CONNECT)
        asked = {"params": query, "headers": self._authorization, "timeout": timeout}
        return _json(self._read("GET", self._base + path, limit=JSON_BYTES, **asked))

    def post(self, path: str, *, body: Mapping[str, Any]) -> Any:
        """The JSON answer to a body at `/api/v1/<path>`. Raises Unreachable, Refused or Malformed."""
        return _json(self._read("POST", self._base + path, limit=JSON_BYTES, json=body, headers=self._authorization))

    def post_file(self, path: str, file: IO[bytes], *, kind: str, seconds: float) -> Any:
        """The JSON answer to a file at `/api/v1/<path>`, read from its beginning at each attempt.

        Raises Unreachable, Refused or Malformed.
        """
        headers = self._authorization | {"content-type": kind, "content-length": str(file.seek(0, os.SEEK_END))}

        def fetch() -> bytes:
            file.seek(0)
            content = iter(lambda: file.read(_CHUNK), b"")
            timeout = httpx2.Timeout(seconds, connect=_CONNECT)
            with self._answer("POST", self._base + path, content=content, headers=headers, timeout=timeout) as response:
                return b"".join(_chunks(response, limit=JSON_BYTES, seconds=seconds))

        return _json(_patiently(fetch))

    def read(self, path: str) -> bytes:
        """The text at `/api/v1/<path>`. Raises Unreachable or Refused."""
        return self._read("GET", self._base + path, limit=JSON_BYTES, headers=self._authorization)

    def log(self, path: str) -> bytes:
        """A file of the log, at `/log/<path>`: public, so without the key. Raises Unreachable or Refused."""
        return self._read("GET", f"/log/{path}", limit=NOTE_BYTES)

    def date(self) -> str:
        """What the registry's clock says, as its `Date` header; empty if it does not."""
        with self._answer("GET", "/log/checkpoint") as response:
            return str(response.headers.get("date", ""))

    def download(self, path: str, *, into: Path, sha256: str, size: int) -> None:
        """The file at `/api/v1/<path>`; after a cut it goes on where it stopped. Raises Unreachable or BadProof."""
        into.write_bytes(b"")

        def fetch() -> None:
            with into.open("ab") as file:
                self._append(path, file, size=size)

        _patiently(fetch)
        with into.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != sha256:
            raise BadProof("a part of the snapshot is not the one that was signed")

    def _append(self, path: str, file: Any, *, size: int) -> None:
        start = file.tell()
        # A range counts the bytes that are sent: of a file that the host compresses they are others.
        rest = {"range": f"bytes={start}-"} if start else {}
        headers = self._authorization | {"accept-encoding": "identity"} | rest
        with self._answer("GET", self._base + path, headers=headers) as response:
            if response.status_code != HTTPStatus.PARTIAL_CONTENT:
                file.truncate(0)  # the whole file comes again
                start = 0
            for chunk in _chunks(response, limit=size - start, seconds=PART_SECONDS):
                file.write(chunk)
        if file.tell() != size:
            raise _Passing("a part of the snapshot broke off: try again")

    def _read(self, method: str, path: str, *, limit: int, **request: Any) -> bytes:
        def fetch() -> bytes:
            with self._answer(method, path, **request) as response:
                return b"".join(_chunks(response, limit=limit, seconds=SECONDS))

        return _patiently(fetch)

    @contextmanager
    def _answer(self, method: str, path: str, **request: Any) -> Iterator[httpx2.Response]:
        try:
            with self._client.stream(method, self._url + path, **request) as response:
                if response.status_code not in _ANSWERS:
                    raise _refusal(response, keyed=bool(self._authorization))
                self._note_end(response.headers.get(KEY_ENDS, ""))
                yield response
        except httpx2.InvalidURL as error:  # an address that no request can go to
            raise Unreachable(f"{self._url} is not an address: {error}") from error
        except httpx2.HTTPError as error:  # refused, cut, timed out, not TLS, not HTTP
            raise _Passing(f"{self._url} did not answer ({error or type(error).__name__}): {self._check}") from error

    def _note_end(self, told: str) -> None:
        """Warns once of a key that ends soon."""
        try:
            ends = datetime.fromisoformat(told)
        except ValueError:  # not said
            return
        first, self.key_ends = self.key_ends is None, ends.astimezone(UTC)
        if first and self.key_ends - datetime.now(UTC) < SOON:
            warnings.warn(ending(self.key_ends), KeyEnding, stacklevel=2)


def ending(at: datetime) -> str:
    """What to do about a key that ends then."""
    return (
        f"CONSENTKIT_KEY ends on {at:%Y-%m-%d}: ask the registry's operator for another key of the same pipeline "
        "(`manage.py pipeline key add`); synced states and pins go on with it"
    )


def _patiently(fetch: Callable[[], Body]) -> Body:
    again = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_random_exponential(multiplier=0.4, max=2),
        retry=tenacity.retry_if_exception(_passes),
        reraise=True,
    )
    return again(fetch)


def _passes(error: BaseException) -> bool:
    return isinstance(error, _Passing) or (isinstance(error, Refused) and error.status in _AGAIN)


def _chunks(response: httpx2.Response, *, limit: int, seconds: float) -> Iterator[bytes]:
    """The body, decoded; a body too long or too slow is none."""
    left, end = limit, time.monotonic() + seconds
    for chunk in response.iter_bytes(_CHUNK):
        left -= len(chunk)
        if left < 0:
            raise Unreachable("the registry's answer is longer than it may be")
        if time.monotonic() > end:
            raise Unreachable("the registry's answer is too slow")
        yield chunk


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:  # a page of a proxy, a broken server
        raise Malformed("the answer is not JSON: is the address the registry's, or the feed's?") from error


def _refusal(response: httpx2.Response, *, keyed: bool) -> Refused:
    """The problem in its own words, after those for the key."""
    status = response.status_code
    if not keyed:
        return Refused(f"{response.url} was answered with {status}", status)
    detail = _detail(b"".join(_chunks(response, limit=NOTE_BYTES, seconds=SECONDS)))
    if status == HTTPStatus.UNAUTHORIZED:
        return Refused(f"the registry does not know this key: check CONSENTKIT_KEY. {detail}".strip(), status)
    if status == HTTPStatus.FORBIDDEN:
        return Refused(f"the registry refuses this to your key. {detail}".strip(), status)
    return Refused(f"the registry answered {status}. {detail}".strip(), status)


def _detail(body: bytes) -> str:
    try:
        problem = json.loads(body)
    except (ValueError, RecursionError):  # no problem+json: the status says enough
        return ""
    detail = problem.get("detail") if isinstance(problem, dict) else None
    # It is printed on somebody's terminal.
    return " ".join("".join(c for c in detail[:500] if c.isprintable()).split()) if isinstance(detail, str) else ""
