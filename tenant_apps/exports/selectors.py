"""Questions about exports: who sees which."""

from uuid import UUID

from django.db.models import QuerySet

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from tenant_apps.exports.errors import ExportNotFound, ExportNotReady
from tenant_apps.exports.models import Export
from tenant_apps.exports.rules.exports import ExportState


def list_exports(user: User) -> QuerySet[Export]:
    """Return the exports that ``user`` asked for, newest first; campus admins see that there are others."""
    rows = Export.objects.order_by("-created_at", "-id")
    return rows if user.role == Role.CAMPUS_ADMIN else rows.filter(requested_by_id=user.pk)


def get_export(*, user: User, export_id: UUID) -> Export:
    """Return one export that ``user`` may see.

    Raises: ExportNotFound.
    """
    found = list_exports(user).filter(pk=export_id).first()
    if found is None:
        raise ExportNotFound
    return found


def get_made_export(*, user: User, export_id: UUID) -> Export:
    """Return an export whose file ``user`` may have: it is their own, and made.

    Raises: ExportNotFound, ExportNotReady.
    """
    found = Export.objects.filter(pk=export_id, requested_by_id=user.pk).first()
    if found is None:
        raise ExportNotFound
    if found.state != ExportState.DONE:
        raise ExportNotReady
    return found
