"""Routes of presence; mounted under ``events/``, as the guide has them."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from tenant_apps.attendance.api import (
    batches,
    evidence,
    imports,
    requests,
    reviews,
    roll_calls,
    roster,
    scanners,
    venue_codes,
    views,
    walk_ins,
)

router = SimpleRouter(use_regex_path=False)
router.register("attendance/imports", imports.ScanImportViewSet, basename="scan-import")
router.register("attendance", views.AttendanceViewSet, basename="attendance")
router.register("attendance-requests", requests.AttendanceRequestViewSet, basename="attendance-request")
router.register("flags", reviews.FlagViewSet, basename="flag")
router.register("scanners", scanners.ScannerViewSet, basename="scanner")

_SESSION = "events/<uuid:event_id>/sessions/<uuid:session_id>"

urls = [
    path("attendance/batch/", batches.BatchView.as_view(), name="attendance-batch"),
    path("attendance/roll-call/", roll_calls.RollCallView.as_view(), name="roll-call"),
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
    path("attendance/venue-code/", venue_codes.EnterVenueCodeView.as_view(), name="enter-venue-code"),
    path(f"{_SESSION}/venue-code/", venue_codes.VenueCodeView.as_view(), name="venue-code"),
    path(f"{_SESSION}/venue-code.svg", venue_codes.VenueCodeSVGView.as_view(), name="venue-code-svg"),
    path(f"{_SESSION}/venue-code/display/", venue_codes.VenueDisplayView.as_view(), name="venue-display"),
    path(f"{_SESSION}/venue-code/page/", venue_codes.VenuePageView.as_view(), name="venue-page"),
    *router.urls,
]

# Mounted under ``uploads/``, as every file that people hand in.
upload_urls = [
    path("evidence/<uuid:request_id>/", evidence.EvidenceListView.as_view(), name="evidence"),
    path("evidence/<uuid:request_id>/<uuid:upload_id>/", evidence.EvidenceView.as_view(), name="evidence-file"),
]
