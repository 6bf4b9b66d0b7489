"""Compare the ledger with the attendances of every host."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from shared_apps.common.clock import now
from tenant_apps.attendance.services.reconciling import reconcile_hosts

_ABOUT = (("event", "event"), ("person", "person_id"))


class Command(BaseCommand):
    help = "Compare the ledger with the attendances of every host, and name every difference; --repair mends them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--repair", action="store_true", help="bring both sides into agreement")

    def handle(self, *args: Any, repair: bool, **options: Any) -> None:
        differences = left = 0
        for code, found in reconcile_hosts(at=now(), repair=repair):
            if found is None:
                self.stdout.write(f"{code}: not ready; compared the next time")
                continue
            self.stdout.write(f"{code}: {len(found)} differences")
            for one in found:
                row = one.as_json()
                about = ", ".join(f"{name} {row[key]}" for name, key in _ABOUT if row[key])
                done = " [repaired]" if one.repaired else ""
                self.stdout.write(f"  {row['kind']}: {about}: {row['detail']}{done}")
                left += not one.repaired
            differences += len(found)
        if left:
            advice = "" if repair else "; run with --repair"
            raise CommandError(f"{left} of {differences} differences are left{advice}")
        self.stdout.write(f"the ledger and every host agree ({differences} repaired)")
