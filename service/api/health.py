"""For whoever runs the servers: is the process alive, and may the registry say "permitted"?"""

from django.http import HttpResponse
from rest_framework.request import Request

from registry.reads.log import doubt, refuse_files_without_room
from service.api.doors import Door, answer
from service.problems import Problem


class Alive(Door):
    """The process answers."""

    schema = None

    def get(self, request: Request) -> HttpResponse:  # noqa: ARG002 - DRF's signature
        return answer({"alive": True})


class Ready(Door):
    """The log is whole and signed, and there is room. Size 0 is signed before this says so (law 9)."""

    schema = None

    def get(self, request: Request) -> HttpResponse:  # noqa: ARG002 - DRF's signature
        if found := doubt(self.at):
            raise Problem("log-in-doubt", found.reason)
        refuse_files_without_room()
        return answer({"ready": True})
