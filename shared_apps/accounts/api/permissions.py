"""Roles at the door: a view says what it lets people do, the table in ``accounts.roles`` says who may."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Can, may
from shared_apps.common.errors import Forbidden, Unauthenticated


class RolePermission(BasePermission):
    """Deny unless ``view.permissions`` names, for this action or method, something the role may do."""

    def has_permission(self, request: Request, view: Any) -> bool:
        what = needed_permission(view, request.method or "")
        if what == Can.ANYONE:
            return True
        user: User | None = request.user  # type: ignore[assignment]
        if user is None:
            raise Unauthenticated
        if what is None or not may(user.role, what):
            raise Forbidden
        return True


def needed_permission(view: Any, method: str) -> Can | None:
    """Return what this call needs: by action name in a viewset, by lower-case method otherwise."""
    permissions: dict[str, Can] = getattr(view, "permissions", {})
    action = getattr(view, "action", None)
    return permissions.get(action or method.lower())
