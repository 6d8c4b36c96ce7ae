"""Previews on pages. Who may see one, each door decides; an original is served to nobody."""

from uuid import UUID

from django.http import FileResponse, Http404

from registry import originals


def preview(image: UUID) -> FileResponse:
    """The JPEG that the decoder re-encoded. Raises Http404 where there is none."""
    try:
        opened = originals.preview(image).open("rb")
    except FileNotFoundError:  # not decoded yet, or not accepted
        raise Http404 from None
    return FileResponse(
        opened,
        content_type="image/jpeg",
        headers={"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"},
    )
