"""The addresses under /api/v1/."""

from django.urls import path, re_path

from service.api import (
    checkpoints,
    checks,
    consents,
    description,
    feed,
    images,
    manifests,
    matches,
    notifications,
    requests,
    tokens,
)

urlpatterns = [
    path("openapi.json", description.openapi, name="openapi"),
    path("docs", description.docs),
    path("checkpoints", checkpoints.Checkpoints.as_view()),
    path("checks", checks.Checks.as_view()),
    path("matches", matches.Matches.as_view()),
    path("manifests", manifests.Manifests.as_view()),
    path("manifests/<uuid:manifest>", manifests.Manifest.as_view()),
    path("manifests/<uuid:manifest>/receipt", manifests.Receipt.as_view()),
    path("manifests/<uuid:manifest>/affected", manifests.Affected.as_view()),
    path("notifications", notifications.Notifications.as_view()),
    path("notifications/<uuid:notification>/images", notifications.Images.as_view()),
    path("notifications/<uuid:notification>/outcome", notifications.Outcome.as_view()),
    path("snapshot", feed.Snapshot.as_view()),
    re_path(r"^snapshot/parts/(?P<sha256>[0-9a-f]{64})$", feed.Part.as_view()),
    path("deltas", feed.Deltas.as_view()),
    path("notices/current", consents.CurrentNotice.as_view()),
    re_path("^notices/(?P<digest>[0-9a-f]{64})$", consents.Notice.as_view()),
    path("me/images", images.Images.as_view()),
    path("me/images/<uuid:image>", images.Image.as_view()),
    path("me/grants", consents.Grants.as_view()),
    path("me/withdrawals", consents.Withdrawals.as_view()),
    path("me/receipts/<int:index>", consents.Receipts.as_view()),
    path("me/tokens", tokens.Tokens.as_view()),
    path("me/tokens/<uuid:token>", tokens.Token.as_view()),
    path("requests", requests.Requests.as_view()),
    path("requests/<str:reference>", requests.One.as_view()),
    path("requests/<str:reference>/proof", requests.Proof.as_view()),
]
