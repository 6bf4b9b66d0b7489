"""Questions about devices at the door."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import QuerySet

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from tenant_apps.attendance.errors import ScannerNotFound
from tenant_apps.attendance.models import Scanner
from tenant_apps.events.models import Event


def list_scanners(user: User) -> QuerySet[Scanner]:
    """Return the devices that ``user`` may see, newest first: organizers those that serve an event they run."""
    scanners = Scanner.objects.order_by("-created_at", "-id")
    if user.role == Role.CAMPUS_ADMIN:
        return scanners
    return scanners.filter(event_ids__overlap=list_own_event_ids(user))


def get_scanner(*, user: User, scanner_id: UUID) -> Scanner:
    """Return one device that ``user`` may see.

    Raises: ScannerNotFound.
    """
    found = list_scanners(user).filter(pk=scanner_id).first()
    if found is None:
        raise ScannerNotFound
    return found


def find_own_scanner(user: User) -> Scanner | None:
    """Return the device that ``user`` is; staff, and scanner accounts that were made by hand, are none."""
    if user.role not in {Role.SCANNER, Role.KIOSK}:
        return None
    return Scanner.objects.filter(user_id=user.pk, revoked_at=None).first()


def find_run_events(*, user: User, event_ids: Sequence[UUID]) -> list[Event]:
    """Return those of the events that ``user`` sees as their own: organizers what they run, campus admins all."""
    events = Event.objects.filter(pk__in=event_ids)
    return list(events if user.role == Role.CAMPUS_ADMIN else events.filter(organizer_id=user.pk))


def list_own_event_ids(user: User) -> list[UUID]:
    """Return the ids of the events that ``user`` organizes."""
    return list(Event.objects.filter(organizer_id=user.pk).values_list("pk", flat=True))
