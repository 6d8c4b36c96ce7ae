"""Files on their way in: never in memory, digested as they come, kept only when an act takes them.

Order: streamed to `incoming/` (0600), synced, moved to its place, then the act. A crash before the act leaves a file
without a row; after it, all is there. What is not taken is removed when the request ends.
"""

import hashlib
import mmap
import os
import weakref
from datetime import datetime
from pathlib import Path
from typing import IO, Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import multipartparser

from consentkit import containers
from consentkit.formats import FILE_BYTES, HEAD_BYTES, REJECTIONS, MediaType, Rejection, sniff
from registry import originals
from registry.acts.statements import Statement
from registry.acts.submit import Bytes, Submitted, submit
from registry.errors import Refusal
from registry.reads.log import refuse_files_without_room
from service.nudge import nudger
from service.problems import Problem

# Names are ignored, so a long one is no reason to refuse the picture (bad-inputs, row 50).
multipartparser.MAX_TOTAL_HEADER_SIZE = 16 * 1024  # type: ignore[attr-defined] # the stubs leave it out


class DigestedFile(UploadedFile):  # type: ignore[type-arg] # Django's takes no argument as it runs
    """A file that lies in `incoming/` until it is kept. Closing it, as every request ends, removes what was not."""

    def __init__(self, path: Path, *, sha256: bytes, length: int, content_type: str | None) -> None:
        super().__init__(path.open("rb"), "picture", content_type, length)
        self.path, self.sha256, self.length = path, sha256, length

    def close(self) -> None:
        super().close()
        self.path.unlink(missing_ok=True)

    def media_type(self) -> MediaType:
        """By content. Raises Problem for what is not a picture that we take."""
        self.seek(0)
        found = sniff(self.read(HEAD_BYTES), self.length)
        if isinstance(found, Rejection):
            raise Problem(found.slug, REJECTIONS[found.slug])
        return found

    def require_readable(self) -> None:
        """Raises Problem for what the file's own frame shows to be unreadable: cut, damaged, moving, too large.

        Nothing is decoded here; what only decoding finds, a worker finds later.
        """
        media_type = self.media_type()
        with mmap.mmap(self.fileno(), 0, access=mmap.ACCESS_READ) as content:
            slug = containers.refusal(containers.read(content, media_type), media_type)
        if slug:
            raise Problem(slug, REJECTIONS[slug])

    def keep(self, place: Path) -> None:
        """Durably to this place."""
        place.parent.mkdir(parents=True, exist_ok=True)
        self.path.replace(place)
        _sync_folder(place.parent)


class DigestingUploadHandler(FileUploadHandler):
    """Writes each file as it comes; the moment it is too long, nothing more is read.

    A file that is never completed goes, at the latest with this object.
    """

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        refuse_files_without_room()
        folder = Path(settings.IMAGE_DIR) / "incoming"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / uuid4().hex
        self._out = os.fdopen(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
        self._unfinished = weakref.finalize(self, _remove, self._path, self._out)
        self._digest = hashlib.sha256()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if start + len(raw_data) > FILE_BYTES:
            self._unfinished()
            raise Problem("upload-too-large", REJECTIONS["upload-too-large"])
        self._digest.update(raw_data)
        self._out.write(raw_data)

    def file_complete(self, file_size: int) -> DigestedFile:
        self._out.flush()
        os.fsync(self._out.fileno())
        self._out.close()
        self._unfinished.detach()
        return DigestedFile(self._path, sha256=self._digest.digest(), length=file_size, content_type=self.content_type)

    def upload_interrupted(self) -> None:
        self._unfinished()


def _remove(path: Path, out: IO[bytes]) -> None:
    out.close()
    path.unlink(missing_ok=True)


def bring(person: UUID, *, file: DigestedFile, statement: Statement, at: datetime) -> Submitted:
    """Keep the bytes, then record that they were brought; then tell a worker. Raises Problem and Refusal."""
    media_type, image = file.media_type(), uuid4()
    file.keep(originals.original(image))
    brought = Bytes(image, file.sha256, file.length, media_type)
    try:
        submitted = submit(person, brought=brought, statement=statement, at=at)
    except Refusal:  # nothing was written. Any other error may come after the commit, so it leaves the bytes
        originals.discard(image)
        raise
    if not submitted.stored:  # the same bytes are there under the image's own number
        originals.discard(image)
    if submitted.changed:
        nudger.nudge(submitted.image)
    return submitted


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
