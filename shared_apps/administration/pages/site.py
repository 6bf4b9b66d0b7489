"""Django's and unfold's idea of an admin, as far as their templates ask for it. No model is registered."""

from typing import Any

from django.http import HttpRequest
from unfold.sites import UnfoldAdminSite

from shared_apps.accounts.roles import Role


class Site(UnfoldAdminSite):
    """Names, colours and side bar. Its own routes, its sign-in among them, lead nowhere: see ``pages.urls``."""

    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        user: Any = getattr(request, "user", None)
        return user is not None and user.role == Role.SUPER_ADMIN


site = Site()
