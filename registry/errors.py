"""Refusals: the typed reasons for which an act is not performed.

The core refuses; the edge renders. A refusal knows no HTTP: `service/problems.py` maps each to a status and a page.

    Refusal
      NotFound            foreign and absent are one answer
      Conflict            the state of things does not allow it
        ...
      Invalid             what was asked has no meaning
        ...
      NotReady            the registry is in doubt about itself (law 11)
"""

from typing import ClassVar


class Refusal(Exception):
    """An act was not performed, and nothing was written."""

    slug: ClassVar[str]

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotFound(Refusal):
    """No such thing for this asker. A thing of somebody else's is refused in the same words."""

    slug = "not-found"


class Conflict(Refusal):
    """The present state does not allow the act."""

    slug = "conflict"


class MoveRefused(Conflict):
    """The lifecycle has no such move."""

    slug = "move-refused"


class CollectionNotPublic(Conflict):
    """Whoever brought its images was told that only those with a key read its list."""

    slug = "collection-not-public"


class CollectionHasImages(Conflict):
    """It has images already, whose people were not told that everybody would read its list."""

    slug = "collection-has-images"


class StatementDismissed(Conflict):
    """A steward found that this person's statement about the picture is false."""

    slug = "statement-dismissed"


class StatementLooser(Conflict):
    """The same bytes again, with words that would leave somebody or something out."""

    slug = "statement-looser"


class DerivationCircle(Conflict):
    """A picture cannot be made from itself."""

    slug = "derivation-circle"


class LabelTaken(Conflict):
    """Another secret of the same owner is called so."""

    slug = "label-taken"


class Invalid(Refusal):
    """What was asked is understood and cannot be meant."""

    slug = "invalid"


class AddressTaken(Conflict):
    """Somebody else signs in with this address."""

    slug = "address-taken"


class AccountNotJoined(Conflict):
    """These two accounts cannot become one."""

    slug = "account-not-joined"


class CollectionUnclear(Invalid):
    """No collection was named, and there is not exactly one."""

    slug = "collection-unclear"


class SubjectsUnclear(Invalid):
    """Who is shown was not said, or cannot be meant."""

    slug = "subjects-unclear"


class LabelInvalid(Invalid):
    """No label: empty, of several lines, or too long."""

    slug = "label-invalid"


class AddressInvalid(Invalid):
    """Not an e-mail address, or one that no mail can be sent to. The detail never quotes it."""

    slug = "address-invalid"


class NotReady(Refusal):
    """Law 11: the registry is in doubt about itself, and says what to do."""

    slug = "not-ready"
