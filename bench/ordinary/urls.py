"""Routes."""

from django.urls import include, path
from rest_framework.routers import DefaultRouter

from bench.ordinary.attendance.views import AttendanceViewSet

router = DefaultRouter()
router.register("attendance", AttendanceViewSet)
urlpatterns = [path("api/v1/events/", include(router.urls))]
