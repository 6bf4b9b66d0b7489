"""Derive an event's attendance again from its scans: what a dispute asks for."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from shared_apps.common.clock import now
from tenant_apps.attendance.rules.closing import Difference, Stored
from tenant_apps.attendance.services.closing import reevaluate_event
from tenant_apps.events.models import Event
from tenants.context import campus_context
from tenants.models import CampusState
from tenants.registry import list_campuses
from tenants.registry_types import CampusEntry


class Command(BaseCommand):
    help = "Print the attendances of an event that do not say what their scans say; --fix makes them say it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("event_id", type=UUID)
        parser.add_argument("--fix", action="store_true", help="store what the scans say; decisions of staff stay")

    def handle(self, *args: Any, event_id: UUID, fix: bool, **options: Any) -> None:
        campus = _find_campus(event_id)
        count = 0
        with campus_context(campus):
            for session, difference in reevaluate_event(event_id=event_id, at=now(), fix=fix):
                count += 1
                self.stdout.write(f"  {session}: {_describe(difference, campus)}{' [fixed]' if fix else ''}")
        if count and not fix:
            raise CommandError(f"{count} attendances do not say what their scans say; run with --fix")
        self.stdout.write(f"{campus.code}: every attendance says what its scans say ({count} fixed)")


def _find_campus(event_id: UUID) -> CampusEntry:
    """Return the campus that has the event: ids are unique over all of them."""
    for campus in list_campuses():
        if campus.state in {CampusState.READY, CampusState.SUSPENDED}:
            with campus_context(campus):
                if Event.objects.filter(pk=event_id).exists():
                    return campus
    raise CommandError(f"No campus has an event {event_id}.")


def _describe(difference: Difference, campus: CampusEntry) -> str:
    stored, derived = (_text(one, campus) for one in (difference.stored, difference.derived))
    return f"{difference.attendance_id}: stored {stored}; scans say {derived}"


def _text(one: Stored, campus: CampusEntry) -> str:
    def local(moment: datetime | None) -> str:
        return moment.astimezone(campus.zone).isoformat(timespec="seconds") if moment else "-"

    return f"{one.status} in {local(one.first_in_at)} out {local(one.last_out_at)} stayed {one.stayed} s"
