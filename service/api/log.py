"""The log for everybody: a checkpoint, tiles and entries (c2sp.org/tlog-tiles). No key; static and cacheable."""

from typing import Final

from django.http import HttpResponse
from django.urls import path
from rest_framework.request import Request

from consentkit.errors import Malformed
from consentkit.tiles import parse_entries_path, parse_path
from registry.errors import NotFound
from registry.reads.log import bundle, checkpoint, tile
from service.api.doors import Door

FOREVER: Final = "public, max-age=31536000, immutable"  # a tile, and a partial one of this width, never changes


class Checkpoint(Door):
    """The newest signed checkpoint."""

    schema = None

    def get(self, request: Request) -> HttpResponse:  # noqa: ARG002 - DRF's signature
        note = checkpoint()
        if note is None:
            raise NotFound("No checkpoint was signed yet.")
        return HttpResponse(
            note, content_type="text/plain; charset=utf-8", headers={"Cache-Control": "public, no-cache"}
        )


class Tile(Door):
    """`<L>/<N>[.p/<W>]`: hashes of the tree."""

    schema = None

    def get(self, request: Request, where: str) -> HttpResponse:  # noqa: ARG002 - DRF's signature
        try:
            level, index, width = parse_path(where)
        except Malformed:  # no tile has such a path
            return _octets(None)
        return _octets(tile(level, index, width=width))


class Entries(Door):
    """`<N>[.p/<W>]`: the leaves under a tile of level 0."""

    schema = None

    def get(self, request: Request, where: str) -> HttpResponse:  # noqa: ARG002 - DRF's signature
        try:
            index, width = parse_entries_path(where)
        except Malformed:  # no bundle has such a path
            return _octets(None)
        return _octets(bundle(index, width=width))


def _octets(found: bytes | None) -> HttpResponse:
    if found is None:
        raise NotFound("The newest checkpoint has no such tile.")
    return HttpResponse(found, content_type="application/octet-stream", headers={"Cache-Control": FOREVER})


urlpatterns = [
    path("checkpoint", Checkpoint.as_view()),
    path("tile/entries/<path:where>", Entries.as_view()),
    path("tile/<path:where>", Tile.as_view()),
]
