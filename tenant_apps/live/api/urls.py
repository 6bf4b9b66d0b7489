"""Routes of live views."""

from django.urls import path

from tenant_apps.live.api import views

urls = [
    path("events/<uuid:event_id>/", views.EventLiveView.as_view(), name="live-event"),
    path("me/", views.OwnLiveView.as_view(), name="live-me"),
]
