"""GET openapi.json and GET docs: the API, described for programs and for people. Nothing is loaded from elsewhere."""

from typing import Any, Final

from csp.constants import SELF, UNSAFE_INLINE
from csp.decorators import csp_update
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.renderers import JSONRenderer

from service.api.doors import OneForm

KEY: Final = {
    "type": "http",
    "scheme": "bearer",
    "description": "A pipeline's key (`crk_…`), or for `me/` a person's token (`crp_…`).",
}
READS: Final = ["get", "head"]


def bodies_are_required(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """What takes a body refuses an empty one. A hook of drf-spectacular, which leaves this out."""
    for methods in result["paths"].values():
        for operation in methods.values():
            if body := operation.get("requestBody"):
                body["required"] = True
    return result


openapi = SpectacularJSONAPIView.as_view(
    http_method_names=READS,
    renderer_classes=[JSONRenderer],
    content_negotiation_class=OneForm,
    custom_settings={"APPEND_COMPONENTS": {"securitySchemes": {"key": KEY}}},
)

# The page's own style sheet is inline, and its icons are data; its scripts are ours alone.
docs: Any = csp_update({"style-src": [UNSAFE_INLINE], "img-src": [SELF, "data:"]})(
    SpectacularSwaggerSplitView.as_view(http_method_names=READS, url_name="openapi", content_negotiation_class=OneForm)
)
