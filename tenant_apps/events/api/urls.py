"""Routes of events and their sessions; mounted under ``events/``, as the guide has them."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from tenant_apps.events.api import calendars, guests, posters, registrations, sessions, views

router = SimpleRouter(use_regex_path=False)
router.register("events", views.EventViewSet, basename="event")

urls = [
    path("registrations/", registrations.OwnPlaceListView.as_view(), name="own-places"),
    path("events/<uuid:event_id>/registrations/", registrations.PlaceListView.as_view(), name="event-places"),
    path("events/<uuid:event_id>/registrations/withdraw/", registrations.WithdrawView.as_view(), name="withdraw-place"),
    path(
        "events/<uuid:event_id>/registrations/<uuid:registration_id>/approve/",
        registrations.ApproveView.as_view(),
        name="approve-place",
    ),
    path(
        "events/<uuid:event_id>/registrations/<uuid:registration_id>/decline/",
        registrations.DeclineView.as_view(),
        name="decline-place",
    ),
    path("calendar/", calendars.OwnCalendarView.as_view(), name="own-calendar"),
    path("calendar/<str:secret>.ics", calendars.FeedView.as_view(), name="calendar-feed"),
    path("events/<uuid:event_id>/ical/", calendars.EventCalendarView.as_view(), name="event-calendar"),
    path("guests/withdraw/", guests.OwnGuestWithdrawView.as_view(), name="withdraw-own-guest"),
    path("events/<uuid:event_id>/guests/", guests.GuestListView.as_view(), name="event-guests"),
    path("events/<uuid:event_id>/guests/register/", guests.GuestRegisterView.as_view(), name="register-guest"),
    path(
        "events/<uuid:event_id>/guests/<uuid:guest_id>/withdraw/",
        guests.GuestWithdrawView.as_view(),
        name="withdraw-guest",
    ),
    path("events/<uuid:event_id>/sessions/", sessions.SessionListView.as_view(), name="event-sessions"),
    path("events/<uuid:event_id>/sessions/bulk/", sessions.SessionBulkView.as_view(), name="event-sessions-bulk"),
    path("events/<uuid:event_id>/sessions/<uuid:session_id>/", sessions.SessionView.as_view(), name="event-session"),
    *router.urls,
]

# Mounted under ``uploads/``, as every file that people hand in.
upload_urls = [path("posters/<uuid:event_id>/", posters.PosterView.as_view(), name="poster")]
