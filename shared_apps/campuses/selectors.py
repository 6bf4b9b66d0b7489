"""Questions about the registry."""

from uuid import UUID

from django.db.models import QuerySet

from shared_apps.campuses.models import ActingGrant
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


def primary_host(campus: Campus) -> str | None:
    """Return the host name under which people know ``campus``."""
    return next((domain.host for domain in campus.domains.all() if domain.is_primary), None)


def list_grants(campus_id: UUID) -> QuerySet[ActingGrant]:
    """Return the grants to act in that campus, newest first, used or not.

    Raises: CampusNotFound.
    """
    return ActingGrant.objects.filter(campus=get_campus(campus_id).code).order_by("-created_at", "-id")
