"""Questions about the registry."""

from uuid import UUID

from django.db.models import QuerySet

from tenants.errors import CampusNotFound
from tenants.models import Campus


def list_registry() -> QuerySet[Campus]:
    """Return every campus with its hosts, by code."""
    return Campus.objects.prefetch_related("domains").order_by("code")


def get_campus(campus_id: UUID) -> Campus:
    """Return one campus with its hosts.

    Raises: CampusNotFound.
    """
    campus = list_registry().filter(pk=campus_id).first()
    if campus is None:
        raise CampusNotFound
    return campus
