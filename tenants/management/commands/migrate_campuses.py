"""Bring the public schema, the template and every campus up to date."""

import os
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants import migrating
from tenants.migrating import Outcome, migrate_campuses, migrate_public
from tenants.template import migrate_template


class Command(BaseCommand):
    help = "Migrate the public schema, the template and every campus; go on when one fails, and say which."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--jobs", type=int, default=os.cpu_count() or 2, help="campuses at a time (one a core)")
        parser.add_argument(
            "--repair-logins", action="store_true", help="also set every campus's database password and grants again"
        )

    def handle(self, *args: Any, jobs: int, repair_logins: bool, **options: Any) -> None:
        started = time.monotonic()
        public = migrate_public()
        self.stdout.write(f"public schema: {len(public)} migrations applied")
        template = migrate_template()
        self.stdout.write(f"template schema: {len(template)} migrations applied")
        if repair_logins:
            self.stdout.write(f"logins: {migrating.repair_logins()} repaired")
        outcomes = migrate_campuses(jobs=jobs, on_outcome=self._show)
        failed = [outcome for outcome in outcomes if outcome.error]
        self.stdout.write(
            f"campuses: {len(outcomes) - len(failed)} migrated, {len(failed)} failed "
            f"({time.monotonic() - started:.1f} s); the others had nothing to do"
        )
        if failed:
            raise CommandError(
                f"{len(failed)} campuses are behind and answer 503 until this is run again: "
                + ", ".join(outcome.code for outcome in failed)
            )

    def _show(self, outcome: Outcome) -> None:
        if outcome.error:
            self.stderr.write(f"  {outcome.code}: failed: {outcome.error.splitlines()[0]}")
        else:
            self.stdout.write(f"  {outcome.code}: {outcome.applied} migrations")
