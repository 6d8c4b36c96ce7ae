"""Previews on pages. Who may see one, each door decides; an original is served to nobody."""

from pathlib import Path
from uuid import UUID

from django.http import FileResponse, Http404

from registry import originals


def preview(image: UUID) -> FileResponse:
    """The JPEG that the decoder re-encoded. Raises Http404 where there is none."""
    return _jpeg(originals.preview(image))


def asked_preview(case: UUID) -> FileResponse:
    """The same of the picture that came with a request."""
    return _jpeg(originals.asked_preview(case))


def _jpeg(path: Path) -> FileResponse:
    try:
        opened = path.open("rb")
    except FileNotFoundError:  # not decoded yet, not accepted, or deleted
        raise Http404 from None
    return FileResponse(
        opened,
        content_type="image/jpeg",
        headers={"Cache-Control": "private, no-store", "X-Content-Type-Options": "nosniff"},
    )
