"""Routes of presence; mounted under ``events/``, as the guide has them."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from tenant_apps.attendance.api import requests, reviews, roster, scanners, views, walk_ins

router = SimpleRouter(use_regex_path=False)
router.register("attendance", views.AttendanceViewSet, basename="attendance")
router.register("attendance-requests", requests.AttendanceRequestViewSet, basename="attendance-request")
router.register("flags", reviews.FlagViewSet, basename="flag")
router.register("scanners", scanners.ScannerViewSet, basename="scanner")

urls = [
    path("events/<uuid:event_id>/walk-ins/", walk_ins.WalkInView.as_view(), name="walk-ins"),
    path("events/<uuid:event_id>/roster/", roster.RosterView.as_view(), name="event-roster"),
    path(
        "events/<uuid:event_id>/sessions/<uuid:session_id>/expected/",
        roster.ExpectedView.as_view(),
        name="session-expected",
    ),
    path("scanners/enrol/", scanners.EnrolView.as_view(), name="scanner-enrol"),
    path("scanners/contact/", scanners.ContactView.as_view(), name="scanner-contact"),
    path("scanners/manifest/", scanners.ManifestView.as_view(), name="scanner-manifest"),
    *router.urls,
]
