"""Adding pictures: several at once; what is wrong with one does not lose the others."""

from dataclasses import dataclass
from typing import Final, TypedDict
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import TooManyFilesSent
from django.core.files.uploadhandler import SkipFile
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from consent.reads.pictures import Picture, pictures
from consentkit.formats import FILE_BYTES, REJECTIONS
from registry.acts.statements import Statement
from registry.errors import Refusal
from registry.reads.collections import any_public
from registry.rules.lifecycle import ImageState
from registry.rules.subjects import Subjects
from service.portal import stating
from service.portal.allowing import grantable
from service.portal.contributor import contributor, person_of
from service.portal.gallery import Card, cards
from service.problems import Problem
from service.uploads import DigestedFile, DigestingUploadHandler, bring

KEPT: Final = "added"
FILES: Final[int] = settings.DATA_UPLOAD_MAX_NUMBER_FILES
WHOLE: Final = FILES * FILE_BYTES + 2**20  # bytes of one form


class Brought(TypedDict):
    """One file of the last form, as the session keeps it: an image's number, or why it was not taken."""

    name: str
    image: str
    fault: str
    known: bool


class OneByOne(DigestingUploadHandler):
    """Keeps the files' names, and passes over a file that is too long instead of giving up the form."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        self.too_long: list[str] = []

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        try:
            super().receive_data_chunk(raw_data, start)
        except Problem:  # longer than any file may be; the others go on
            self.too_long.append(self.file_name or "")
            raise SkipFile from None

    def file_complete(self, file_size: int) -> DigestedFile:
        file = super().file_complete(file_size)
        file.name = self.file_name
        return file


@csrf_exempt  # the check comes in `_add`: reading the token reads the form, and the handler must be there before
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """`/pictures/add`"""
    if int(request.META.get("CONTENT_LENGTH") or 0) > WHOLE:
        raise Problem("upload-too-large", REJECTIONS["upload-too-large"])
    one_by_one = OneByOne(request)
    request.upload_handlers = [one_by_one]
    try:
        return _add(request, one_by_one)
    except TooManyFilesSent:  # the reader stopped there, so nothing was taken
        most = _("Choose at most %(most)d pictures at once.") % {"most": FILES}
        return _page(request, faults={"file": most}, status=400)


@csrf_protect
def _add(request: HttpRequest, one_by_one: OneByOne) -> HttpResponse:
    faults = dict[str, str]()
    if request.method == "POST":
        files = [file for file in request.FILES.getlist("file") if isinstance(file, DigestedFile)]
        stated = stating.read(request)
        faults = _faults(bool(files or one_by_one.too_long), stated)
        if not isinstance(stated, str) and not faults:
            person, statement = person_of(request), Statement(stated)
            request.session[KEPT] = [
                *(_bring(person, file, statement) for file in files),
                *(_refused(name, REJECTIONS["upload-too-large"]) for name in one_by_one.too_long),
            ]
            return redirect("added")
    return _page(request, faults=faults, status=422 if faults else 200)


def _page(request: HttpRequest, *, faults: dict[str, str], status: int) -> HttpResponse:
    shown = {"faults": faults, **stating.typed(request), "most": FILES, "public": any_public()}
    return render(request, "portal/add.html", shown, status=status)


def _faults(any_file: bool, stated: Subjects | str) -> dict[str, str]:  # noqa: FBT001 - one truth of the form
    faults = {}
    if not any_file:
        faults["file"] = _("Choose at least one picture.")
    if isinstance(stated, str):
        faults["depicts"] = stated
    if faults and any_file:
        faults["file"] = _("Choose the pictures once more: a browser does not keep them.")
    return faults


def _bring(person: UUID, file: DigestedFile, statement: Statement) -> Brought:
    name = file.name or ""
    try:
        submitted = bring(person, file=file, statement=statement, at=timezone.now())
    except (Problem, Refusal) as refused:  # not a picture that we take, or not with this statement
        return _refused(name, refused.detail)
    return {"name": name, "image": str(submitted.image), "fault": "", "known": not submitted.created}


def _refused(name: str, why: str) -> Brought:
    return {"name": name, "image": "", "fault": why, "known": False}


@dataclass(frozen=True)
class Line:
    """One file on the page that follows. `waiting`: a worker has not decided on it yet."""

    name: str
    text: str
    tone: str
    card: Card | None = None
    waiting: bool = False


@require_safe
@contributor
def added(request: HttpRequest, person: UUID) -> HttpResponse:
    """`/pictures/added`: what became of each file; the page looks again by itself until all are checked."""
    brought: list[Brought] | None = request.session.get(KEPT)
    if not brought:
        return redirect("pictures")
    theirs = {str(each.image): each for each in pictures(person, at=timezone.now())}
    lines = [_line(each, theirs.get(each["image"])) for each in brought]
    waiting = any(line.waiting for line in lines)
    checking = sum(line.tone == "checking" for line in lines)
    allowable = [each["image"] for each in brought if each["image"] in theirs and grantable(theirs[each["image"]])]
    shown = {
        "brought": lines,
        "waiting": waiting,
        "checking": checking,
        "checked": len(lines) - checking,
        "choices": "&".join(f"pictures={image}" for image in dict.fromkeys(allowable)),
    }
    return render(request, "portal/added.html", shown)


def _line(brought: Brought, picture: Picture | None) -> Line:
    if picture is None:
        return Line(brought["name"], brought["fault"], "not-accepted")
    [card] = cards([picture])
    text, tone = card.summary.text, card.summary.tone
    if picture.state == ImageState.REGISTERED and tone != "checking":
        text = _("You had added this before. ") + text if brought["known"] else _("Added. ") + text
    return Line(brought["name"], text, tone, card, waiting=picture.state == ImageState.SUBMITTED)
