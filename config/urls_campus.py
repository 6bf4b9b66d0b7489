"""A campus: its people, events and attendance."""

from typing import Any

from django.urls import include, path

from config.urls_api import description_urls, handler400, handler404, handler500  # noqa: F401
from shared_apps.accounts.api.urls import auth_urls, people_urls
from shared_apps.campuses.api.urls import campus_router
from shared_apps.campuses.api.views import ActView
from shared_apps.federation.api.passes import CardView, OwnPassView, RotatingPassView
from shared_apps.federation.api.transfers import urls as transfer_urls
from shared_apps.federation.api.urls import campus_urls as federation_urls
from tenant_apps.attendance.api.urls import upload_urls as evidence_urls
from tenant_apps.attendance.api.urls import urls as attendance_urls
from tenant_apps.certificates.api.urls import urls as certificate_urls
from tenant_apps.events.api.urls import upload_urls as poster_urls
from tenant_apps.events.api.urls import urls as event_urls
from tenant_apps.exports.api.urls import urls as export_urls
from tenant_apps.live.api.urls import urls as live_urls
from tenant_apps.notifications.api.urls import urls as notice_urls
from tenant_apps.reports.api.urls import event_urls as paper_urls
from tenant_apps.reports.api.urls import urls as report_urls
from tenant_apps.uploads.api.urls import urls as upload_urls

api: list[Any] = [
    path("auth/act/", ActView.as_view(), name="act"),
    path("auth/", include(auth_urls)),
    path("accounts/users/me/pass/", OwnPassView.as_view(), name="own-pass"),
    path("accounts/users/me/pass/rotating/", RotatingPassView.as_view(), name="own-rotating-pass"),
    path("accounts/users/<uuid:pk>/card/", CardView.as_view(), name="card"),
    path("accounts/", include(people_urls)),
    path("events/", include(event_urls)),
    path("events/", include(attendance_urls)),
    path("events/", include(paper_urls)),
    path("federation/", include(federation_urls)),
    path("federation/", include(transfer_urls)),
    path("notifications/", include(notice_urls)),
    path("uploads/", include([*upload_urls, *poster_urls, *evidence_urls])),
    path("reports/", include(report_urls)),
    path("reports/exports/", include(export_urls)),
    path("certificates/", include(certificate_urls)),
    path("live/", include(live_urls)),
    path("campus/", include(campus_router.urls)),
    *description_urls(__name__),
]
urlpatterns = [path("api/v1/", include(api))]
