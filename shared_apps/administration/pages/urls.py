"""Routes of the admin. The public site mounts them; a campus has none."""

from django.urls import path, re_path

from shared_apps.administration.pages.base import MissingPage
from shared_apps.administration.pages.campuses import (
    CampusChangePage,
    CampusListPage,
    CampusPage,
    CampusStatePage,
    NewCampusPage,
)
from shared_apps.administration.pages.dashboard import DashboardPage
from shared_apps.administration.pages.events import CallPage, CancelPage, EventListPage, EventPage
from shared_apps.administration.pages.records import AuditPage, JobsPage, LedgerPage, RunsPage
from shared_apps.administration.pages.sign_in import PasswordPage, SignInPage, SignOutPage

app_name = "admin"
urlpatterns = [
    path("", DashboardPage.as_view(), name="index"),
    path("login/", SignInPage.as_view(), name="login"),
    path("logout/", SignOutPage.as_view(), name="logout"),
    path("password/", PasswordPage.as_view(), name="password"),
    path("campuses/", CampusListPage.as_view(), name="campuses"),
    path("campuses/new/", NewCampusPage.as_view(), name="campus-new"),
    path("campuses/<uuid:pk>/", CampusPage.as_view(), name="campus"),
    path("campuses/<uuid:pk>/change/", CampusChangePage.as_view(), name="campus-change"),
    *(
        path(f"campuses/<uuid:pk>/{change}/", CampusStatePage.as_view(), {"change": change}, name=f"campus-{change}")
        for change in ("suspend", "reactivate", "archive")
    ),
    path("events/", EventListPage.as_view(), name="events"),
    path("events/new/", CallPage.as_view(), name="event-new"),
    path("events/<uuid:pk>/", EventPage.as_view(), name="event"),
    path("events/<uuid:pk>/cancel/", CancelPage.as_view(), name="event-cancel"),
    path("ledger/", LedgerPage.as_view(), name="ledger"),
    path("audit/", AuditPage.as_view(), name="audit"),
    path("runs/", RunsPage.as_view(), name="runs"),
    path("messages/", JobsPage.as_view(), name="jobs"),
    re_path(r"^.+", MissingPage.as_view(), name="missing"),
]
