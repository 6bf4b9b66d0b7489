"""Roles at the door: a view says what it lets people do, the table in ``accounts.roles`` says who may."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from shared_apps.accounts.errors import ActingReadOnly
from shared_apps.accounts.models import User
from shared_apps.accounts.roles import NOT_WHILE_ACTING, Can, may
from shared_apps.common.errors import Forbidden, Unauthenticated


class RolePermission(BasePermission):
    """Deny unless ``view.permissions`` names, for this action or method, something the role may do.

    A super admin who acts here has a campus admin's role, no account, and may only look unless the grant says more.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        what = needed_permission(view, request.method or "")
        if what == Can.ANYONE:
            return True
        user: User | None = request.user  # type: ignore[assignment]
        if user is None:
            raise Unauthenticated
        if what is None or not may(user.role, what):
            raise Forbidden
        if user.acting is not None:
            if what in NOT_WHILE_ACTING:
                raise Forbidden
            if request.method not in SAFE_METHODS and not user.acting.may_write:
                raise ActingReadOnly
        return True


def needed_permission(view: Any, method: str) -> Can | None:
    """Return what this call needs: by action name in a viewset, by lower-case method otherwise (HEAD is GET)."""
    permissions: dict[str, Can] = getattr(view, "permissions", {})
    action = getattr(view, "action", None)
    name = "get" if method.upper() == "HEAD" else method.lower()
    return permissions.get(action or name)
