"""The public site: sign-in of super admins, the registry, the admin."""

from typing import Any

from django.urls import include, path

from config.urls_api import description_urls, handler400, handler404, handler500  # noqa: F401
from shared_apps.accounts.api.urls import auth_urls
from shared_apps.campuses.api.urls import public_urls
from shared_apps.federation.api.overview import urls as overview_urls
from shared_apps.federation.api.urls import public_urls as federation_urls
from shared_apps.periodic.api.urls import public_urls as periodic_urls

api: list[Any] = [
    path("auth/", include(auth_urls)),
    path("campus/", include(public_urls)),
    path("federation/", include(federation_urls)),
    path("reports/", include(overview_urls)),
    path("periodic/", include(periodic_urls)),
    *description_urls(__name__),
]
urlpatterns = [path("api/v1/", include(api)), path("admin/", include("shared_apps.administration.pages.urls"))]
