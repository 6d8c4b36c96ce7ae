"""One file a noun."""

from consent.models.cases import Case, CaseImage
from consent.models.deposits import Deposit
from consent.models.disclosures import DisclosedImage, Disclosure, DisclosureDay, Unfolded
from consent.models.grants import Grant, GrantLine, Withdrawal, WithdrawalLine
from consent.models.manifests import Manifest, ManifestImage, ManifestLook
from consent.models.notices import Notice
from consent.models.notifications import Notification, NotificationImage
from consent.models.pipelines import Pipeline, PipelineKey
from consent.models.protections import Protection
from consent.models.requests import Request
from consent.models.snapshots import Snapshot
from consent.models.standings import FeedTotal, Standing
from consent.models.webhooks import Webhook, WebhookSecret

__all__ = [
    "Case",
    "CaseImage",
    "Deposit",
    "DisclosedImage",
    "Disclosure",
    "DisclosureDay",
    "FeedTotal",
    "Grant",
    "GrantLine",
    "Manifest",
    "ManifestImage",
    "ManifestLook",
    "Notice",
    "Notification",
    "NotificationImage",
    "Pipeline",
    "PipelineKey",
    "Protection",
    "Request",
    "Snapshot",
    "Standing",
    "Unfolded",
    "Webhook",
    "WebhookSecret",
    "Withdrawal",
    "WithdrawalLine",
]
