"""A campus: its people, events and attendance."""

from django.urls import include, path

from config.urls_api import description_urls, handler400, handler404, handler500  # noqa: F401
from shared_apps.accounts.api.urls import auth_urls, people_urls
from shared_apps.campuses.api.urls import campus_router

api = [
    path("auth/", include(auth_urls)),
    path("accounts/", include(people_urls)),
    path("campus/", include(campus_router.urls)),
    *description_urls,
]
urlpatterns = [path("api/v1/", include(api))]
