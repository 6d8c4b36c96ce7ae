"""Every door and where it is."""

from django.urls import include, path

from service.api.health import Alive, Ready
from service.problems import explain

handler404 = "service.problems.not_found"
handler500 = "service.problems.server_error_page"

urlpatterns = [
    path("api/v1/", include("service.api.urls")),
    path("log/", include("service.api.log")),
    path("problems/<slug:slug>", explain),
    path("livez", Alive.as_view()),
    path("readyz", Ready.as_view()),
    path("", include("service.portal.urls")),  # before allauth: it closes what is not offered
    path("accounts/", include("allauth.urls")),
    path("desk/", include("service.desk.urls")),
]
