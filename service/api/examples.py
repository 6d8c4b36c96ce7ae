"""Values that the description shows. They are nobody's."""

from typing import Any, Final

from consentkit.scopes import AUDIENCES, PURPOSES

IMAGE: Final = "0f8fad5b-d9cb-469f-a165-70867728950e"
OTHER_IMAGE: Final = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
COLLECTION: Final = "6fa459ea-ee8a-4ca4-894e-db77e160355e"
NUMBER: Final = "16fd2706-8baf-433b-82eb-8c7fada847da"
SHA256: Final = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
OTHER_SHA256: Final = "fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9"
SIZE: Final = 1043
INDEX: Final = 1042
AT: Final = "2026-01-01T09:00:00Z"
UNTIL: Final = "2026-12-31T23:59:59Z"
RECEIPT: Final = f"/api/v1/me/receipts/{INDEX}"

_GIVEN: Final = {"consent": "given", "until": UNTIL}
_NONE: Final = {"consent": "none", "until": None}

PICTURE: Final[dict[str, Any]] = {
    "image": IMAGE,
    "sha256": SHA256,
    "collection": COLLECTION,
    "state": "registered",
    "rejection": None,
    "submitted_at": AT,
    "width": 3024,
    "height": 4032,
    "depicts": ["self"],
    "derived_from": [],
    "shown": True,
    "paused": False,
    "size": SIZE,
    "file": None,
    "standing": {
        purpose: {
            audience: _GIVEN if (purpose, audience) == ("ai_training", "research") else _NONE for audience in AUDIENCES
        }
        for purpose in PURPOSES
    },
}
EVENT: Final = {
    "index": INDEX,
    "kind": "granted",
    "recorded_at": AT,
    "purposes": ["ai_training"],
    "audience": "research",
    "until": UNTIL,
    "receipt": RECEIPT,
}
RUN: Final = {
    "organisation": "Example Lab",
    "model": "face-1",
    "name": "run 7",
    "purpose": "ai_training",
    "attested_at": AT,
    "told_at": None,
    "outcome": None,
}
INFORMED: Final = {
    "organisation": "Example Lab",
    "purposes": ["ai_training"],
    "audience": "research",
    "asked": {"purposes": ["ai_training"], "first_at": AT},
    "listed": {"last_at": AT, "size": SIZE},
}
