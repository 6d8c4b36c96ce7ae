"""Previews on pages. Who may see one, each door decides; an original is shown to nobody."""

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


def asked_file(case: UUID) -> FileResponse:
    """The file of a request that could not be read, to be saved and never shown: what is in it, nobody knows."""
    return _saved(originals.asked(case), name=f"{case}.bin")


def _saved(path: Path, *, name: str) -> FileResponse:
    try:
        opened = path.open("rb")
    except FileNotFoundError:  # it was read, or deleted with the decision
        raise Http404 from None
    return FileResponse(
        opened,
        as_attachment=True,
        filename=name,
        content_type="application/octet-stream",
        headers={
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )


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
