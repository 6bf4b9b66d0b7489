"""Routes of events and their sessions; mounted under ``events/``, as the guide has them."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from tenant_apps.events.api import views

router = SimpleRouter(use_regex_path=False)
router.register("events", views.EventViewSet, basename="event")

urls = [
    path("events/<uuid:event_id>/sessions/", views.SessionListView.as_view(), name="event-sessions"),
    path("events/<uuid:event_id>/sessions/<uuid:session_id>/", views.SessionView.as_view(), name="event-session"),
    *router.urls,
]
