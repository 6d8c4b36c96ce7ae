"""One file a noun."""

from consent.models.cases import Case, CaseImage
from consent.models.grants import Grant, GrantLine, Withdrawal, WithdrawalLine
from consent.models.notices import Notice
from consent.models.pipelines import Pipeline
from consent.models.snapshots import Snapshot
from consent.models.standings import FeedTotal, Standing

__all__ = [
    "Case",
    "CaseImage",
    "FeedTotal",
    "Grant",
    "GrantLine",
    "Notice",
    "Pipeline",
    "Snapshot",
    "Standing",
    "Withdrawal",
    "WithdrawalLine",
]
