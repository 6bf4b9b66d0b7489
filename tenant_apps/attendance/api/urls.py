"""Routes of presence; mounted under ``events/`` as the guide has them, visits under ``federation/``."""

from rest_framework.routers import SimpleRouter

from tenant_apps.attendance.api import views, visits

router = SimpleRouter(use_regex_path=False)
router.register("attendance", views.AttendanceViewSet, basename="attendance")

visit_router = SimpleRouter(use_regex_path=False)
visit_router.register("visits", visits.VisitViewSet, basename="visit")
