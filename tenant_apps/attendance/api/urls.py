"""Routes of presence; mounted under ``events/``, as the guide has them."""

from rest_framework.routers import SimpleRouter

from tenant_apps.attendance.api import views

router = SimpleRouter(use_regex_path=False)
router.register("attendance", views.AttendanceViewSet, basename="attendance")
