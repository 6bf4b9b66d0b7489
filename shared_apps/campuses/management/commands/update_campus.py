"""Change a campus from the command line, as PATCH campus/campuses/{id}/ does."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from shared_apps.campuses.management.commands._registry import plain_errors, require_campus
from shared_apps.campuses.services import update_campus
from shared_apps.common.clock import now
from tenants.context import public_context


class Command(BaseCommand):
    help = "Change name, hosts, time zone or allowed origins of a campus. What is not given stays."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code")
        parser.add_argument("--name")
        parser.add_argument("--host", action="append", dest="hosts", help="all of them, the primary one first")
        parser.add_argument("--timezone")
        parser.add_argument("--origin", action="append", dest="allowed_origins", help="all of them; '' for none")

    def handle(self, *args: Any, code: str, **options: Any) -> None:
        given = {name: options[name] for name in ("name", "hosts", "timezone", "allowed_origins")}
        changes = {name: value for name, value in given.items() if value is not None}
        if not changes:
            raise CommandError("Say what to change: --name, --host, --timezone or --origin.")
        if "allowed_origins" in changes:
            changes["allowed_origins"] = [origin for origin in changes["allowed_origins"] if origin]
        campus = require_campus(code)
        with plain_errors(), public_context():
            update_campus(by=None, at=now(), campus_id=campus.id, changes=changes)
        self.stdout.write(f"{campus.code}: changed {', '.join(sorted(changes))}")
