"""Questions about the audit of the site one stands in."""

from django.db.models import QuerySet

from shared_apps.audit.models import AuditEntry


def list_entries() -> QuerySet[AuditEntry]:
    """Return what was done, newest first."""
    return AuditEntry.objects.order_by("-at", "-id")
