"""Routes of presence; mounted under ``events/``, as the guide has them."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from tenant_apps.attendance.api import views, walk_ins

router = SimpleRouter(use_regex_path=False)
router.register("attendance", views.AttendanceViewSet, basename="attendance")

urls = [
    path("events/<uuid:event_id>/walk-ins/", walk_ins.WalkInView.as_view(), name="walk-ins"),
    *router.urls,
]
