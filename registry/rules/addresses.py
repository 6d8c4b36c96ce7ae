"""E-mail addresses, in the one form in which they are kept, compared and mailed to.

Two texts are one address when one mailbox gets the mail of both. So the domain is compared as the mail system sends it
(IDNA 2008 after UTS 46: `BÜCHER.example.` is `xn--bcher-kva.example`), and the part before the @ without regard to
capitals and to ways of writing a letter (Unicode's NFKC: `ſonja`, `SONJA` and full-width `ｓonja` are `sonja`). Mail
goes to this form and never to what was typed: who types a look-alike has a code sent to its owner.
"""

import unicodedata
from typing import Final

from email_validator import EmailNotValidError, validate_email

from registry.errors import AddressInvalid

FULL_STOPS: Final = (".", "\u3002")  # what separates labels after NFKC; UTS 46, section 2.3
LONGEST: Final = 254  # octets; RFC 5321, section 4.5.3.1.3, less its brackets


def canonical(text: str) -> str:
    """This address in its one form: ASCII without capitals, at most LONGEST characters; of that form, itself.

    Raises AddressInvalid for what is no address or cannot be mailed: a local part beyond ASCII (`jörg`, `groß`) needs
    SMTPUTF8 (RFC 6531), which many mail servers lack; reserved domains and domain literals have no mail.
    """
    local, at, domain = unicodedata.normalize("NFKC", text).rpartition("@")
    if domain.endswith(FULL_STOPS):  # the root's: the name is complete (RFC 1034, section 3.1)
        domain = domain[:-1]
    written = f"{local.lower()}{at}{domain}"
    try:
        found = validate_email(written, check_deliverability=False).ascii_email
    except EmailNotValidError as fault:  # said by the library's rules
        raise AddressInvalid(_words(fault)) from None
    if found is None:
        raise AddressInvalid("Before the @ are letters that we cannot send mail to: use a to z, digits and signs.")
    if len(found) > LONGEST:
        raise AddressInvalid(f"An e-mail address has at most {LONGEST} characters.")
    return found.lower()


def _words(fault: EmailNotValidError) -> str:
    """The library's sentence, without a part of the address that it may quote."""
    sentence = f"{fault}"
    return sentence if "'" not in sentence else "This is no address that mail can be sent to."
