"""Mail on its way out: one boundary. What goes wrong becomes words for a person; no address enters a log.

It is sent while the person waits, so that the page can tell whether it went (and law 9: mail never waits on Redis).
"""

import logging
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException
from typing import Final

from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from django.db import connection
from django.utils.translation import gettext as _

from service.problems import Problem

PERMANENT: Final = 500  # and above: a reply that stays the same when the same is tried again
log = logging.getLogger(__name__)


def send(message: EmailMessage) -> None:
    """To one recipient. Raises Problem `mail-refused` where their mail server takes nothing for this address, and
    `mail-unavailable` for all that may pass: no server, no TLS, "try again later" (450), a full disc.
    """
    connection.close()  # back to the pool: a slow mail server must not keep others from the database
    try:
        message.send()
    # OSError: no connection, a bad certificate, a full disc; ImproperlyConfigured: the folder of mail cannot be made
    except (SMTPException, OSError, ImproperlyConfigured) as error:
        code = _code(error)
        log.error("a mail could not be sent: %s %s", type(error).__name__, code or "")
        if isinstance(error, SMTPRecipientsRefused) and code >= PERMANENT:
            raise Problem(
                "mail-refused", _("The mail server takes no mail for this address. Look at it again.")
            ) from None
        raise Problem("mail-unavailable", _("We cannot send mail just now. Try again in a few minutes.")) from None


def _code(error: Exception) -> int:
    """The reply's three digits (RFC 5321, section 4.2); 0 where there was none. Its text may quote the address."""
    match error:
        case SMTPRecipientsRefused():
            return max(code for code, _text in error.recipients.values())
        case SMTPResponseException():
            return int(error.smtp_code)
    return 0
