"""Compare every scan and decision with the seals that were made of them."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenant_apps.attendance.selectors.seals import Verification, verify_events
from tenants.context import campus_context
from tenants.models import CampusState
from tenants.registry import find_campus, list_campuses


class Command(BaseCommand):
    help = (
        "Compute every seal again and name the first row of each event that was altered, is missing or was added, and "
        "how many are not sealed yet. Fails where anything is not as it was sealed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--campus", help="only this one, by its code")
        parser.add_argument("--event", type=UUID, help="only this one, by its id")

    def handle(self, *args: Any, campus: str | None, event: UUID | None, **options: Any) -> None:
        found = find_campus(campus) if campus else None
        if campus and found is None:
            raise CommandError(f"There is no campus {campus}.")
        altered = events = 0
        for one in [found] if found else list_campuses():
            if one.state in {CampusState.ARCHIVED, CampusState.PROVISIONING}:
                self.stdout.write(f"{one.code}: {one.state}; not looked at")
                continue
            with campus_context(one):
                for verification in verify_events(event):
                    events += 1
                    altered += bool(verification.alterations)
                    self._print(one.code, verification)
        if event and not events:
            raise CommandError(f"Nothing is known of an event {event}.")
        if altered:
            raise CommandError(f"{altered} of {events} events are not as they were sealed")
        self.stdout.write(f"{events} events are as they were sealed")

    def _print(self, code: str, found: Verification) -> None:
        state = "NOT AS SEALED" if found.alterations else "as sealed"
        self.stdout.write(
            f"{code}: event {found.event_id} ({found.title}): {state}; {found.rows} rows in {found.seals} seals, "
            f"{found.unsealed} not sealed yet; head {found.head or 'none'}"
        )
        for one in found.alterations:
            where = f"seal {one.seal}" if one.seal else "no seal"
            row = f"{one.kind} {one.row}: " if one.row else ""
            self.stdout.write(f"  {row}{one.what} ({where})")
