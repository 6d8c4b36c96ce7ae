"""Refusals of this tier; see `registry/errors.py` for the tree's trunk."""

from registry.errors import Conflict, Invalid


class NoticeNotCurrent(Conflict):
    """The notice named is not the published one; read the current notice and ask again."""

    slug = "notice-not-current"


class NoNotice(Conflict):
    """The collection has published no notice, so nothing can be agreed to."""

    slug = "no-notice"


class ImageRevoked(Conflict):
    """The registry revoked the image; only a steward's act can end that."""

    slug = "image-revoked"


class ImageRejected(Conflict):
    """The image could not be decoded; there is nothing to grant."""

    slug = "image-rejected"


class NotDepicted(Conflict):
    """Only the person shown can grant; whoever brought the image can only withdraw it."""

    slug = "not-depicted"


class ShownDiffers(Conflict):
    """What the page showed is not what would be recorded: another tab, another notice, a picture more or less."""

    slug = "shown-differs"


class NothingToGrant(Conflict):
    """`all` found no image that this person could grant."""

    slug = "nothing-to-grant"


class IdempotencyMismatch(Invalid):
    """The Idempotency-Key was used before for something else."""

    slug = "idempotency-mismatch"


class UntilRefused(Invalid):
    """The end lies in the past or beyond the notice's term."""

    slug = "time-invalid"


class ScopeNotOffered(Invalid):
    """The notice offers no such purpose or audience."""

    slug = "scope-not-offered"


class CollectionsMixed(Invalid):
    """One grant is given under one notice, so its images belong to one collection."""

    slug = "collections-mixed"


class CaseClosed(Conflict):
    """The case was decided before."""

    slug = "case-closed"


class CaseGrew(Conflict):
    """The case lists pictures that whoever decides has not seen."""

    slug = "case-grew"


class CaseNotSearched(Conflict):
    """Copies are still looked for: what is decided before could let one go unseen."""

    slug = "case-not-searched"


class CursorAltered(Invalid):
    """The cursor is not one that this registry wrote."""

    slug = "cursor-altered"


class ResyncRequired(Conflict):
    """The cursor is ours, but of another feed, or ahead of the log: only a new snapshot helps."""

    slug = "resync-required"


class UnknownVersion(Invalid):
    """Views of a version that this registry does not search."""

    slug = "version-unknown"


class FingerprintMalformed(Invalid):
    """Bytes that are no views; `position` counts the pictures sent from 0."""

    slug = "fingerprint-malformed"

    def __init__(self, detail: str, *, position: int) -> None:
        super().__init__(detail)
        self.position = position


class OutcomeUnknown(Invalid):
    """A notification is answered with one of a few words, and this is none of them."""

    slug = "outcome-unknown"


class AlreadyAnswered(Conflict):
    """The notification was answered before, otherwise."""

    slug = "already-answered"


class VersionInUse(Conflict):
    """The version of views that this code makes cannot be forgotten."""

    slug = "version-in-use"


class StatementMalformed(Invalid):
    """Not a statement about this registry in its one form."""

    slug = "statement-malformed"


class StatementUnsigned(Invalid):
    """The key that the statement names did not sign it."""

    slug = "statement-unsigned"


class PurposeUnknown(Invalid):
    """The statement names a purpose that does not exist."""

    slug = "purpose-unknown"


class PurposeNotCovered(Invalid):
    """The statement names a purpose that this pipeline was not given."""

    slug = "scope-missing"


class SizeAhead(Invalid):
    """The statement names a size that the log has not reached."""

    slug = "size-ahead"


class SizeTooOld(Invalid):
    """The statement names a size that nobody may use any more."""

    slug = "size-too-old"


class KeysDiffer(Invalid):
    """The keys that came are not those that were signed."""

    slug = "keys-differ"


class KeysNotOurs(Invalid):
    """The registry knows none of the keys."""

    slug = "keys-not-ours"


class EndpointRefused(Invalid):
    """No webhook is sent there; the detail says why."""

    slug = "endpoint-refused"


class NameTaken(Conflict):
    """Another pipeline has this name."""

    slug = "name-taken"


class LastSecret(Conflict):
    """Without it nothing could be signed any more."""

    slug = "last-secret"
