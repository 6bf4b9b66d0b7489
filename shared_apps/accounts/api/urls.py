"""Routes of sign-in, on every site, and of people, on campuses."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from shared_apps.accounts.api import views
from shared_apps.accounts.api.rosters import ImportViewSet

auth_router = SimpleRouter(use_regex_path=False)
auth_router.register("tokens", views.TokenViewSet, basename="token")

auth_urls = [
    path("login/", views.LoginView.as_view(), name="login"),
    path("logout/", views.LogoutView.as_view(), name="logout"),
    path("logout-all/", views.LogoutAllView.as_view(), name="logout-all"),
    path("me/", views.MeView.as_view(), name="me"),
    path("password/change/", views.PasswordChangeView.as_view(), name="password-change"),
    *auth_router.urls,
]

people_router = SimpleRouter(use_regex_path=False)
people_router.register("users", views.UserViewSet, basename="user")
people_router.register("profiles", views.ProfileViewSet, basename="profile")
people_router.register("imports", ImportViewSet, basename="import")
people_urls = people_router.urls
