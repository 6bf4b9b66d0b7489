"""Routes of the registry: on the public site, and what a campus sees of itself."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from shared_apps.campuses.api import views

public_router = SimpleRouter(use_regex_path=False)
public_router.register("campuses", views.CampusViewSet, basename="campus")
public_urls = [
    path("campuses/<uuid:campus_id>/grants/", views.GrantListView.as_view(), name="campus-grants"),
    *public_router.urls,
]

campus_router = SimpleRouter(use_regex_path=False)
campus_router.register("campuses", views.OwnCampusViewSet, basename="own-campus")
