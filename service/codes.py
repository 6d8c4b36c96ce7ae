"""Codes of requests, by mail. Mail that cannot go out keeps nobody from stopping (law 14)."""

import logging
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from consent.acts.lodge import Lodged

log = logging.getLogger(__name__)


def send_code(lodged: Lodged, *, contact: str, page: str) -> bool:
    """Whether it went out. `page`: the address where the code is typed in. Kept in a folder, it did not go out."""
    said = {"code": lodged.code, "reference": lodged.reference, "address": page}
    subject = _("Your code for request %(reference)s") % {"reference": lodged.reference}
    try:
        sent = send_mail(subject, render_to_string("mail/request_code.txt", said), None, [contact])
    except (SMTPException, OSError) as error:  # the server refuses, or does not answer
        log.warning("the code of a request did not go out: %s", type(error).__name__)
        return False
    return sent == 1 and "filebased" not in settings.EMAIL_BACKEND
