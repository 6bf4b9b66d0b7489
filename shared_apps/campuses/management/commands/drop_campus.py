"""Delete an archived campus's data for good."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction

from shared_apps.audit.services import record_action
from shared_apps.campuses.management.commands._registry import plain_errors, require_campus, require_confirmation
from shared_apps.common.clock import now
from tenants import logins
from tenants.context import owner_context


class Command(BaseCommand):
    help = (
        "Delete the schema and login of an ARCHIVED campus. The registry row stays, so that neither code nor schema "
        "name is ever used again. There is no way back but a backup, which must be named."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code")
        parser.add_argument("--backup", required=True, help="where the backup of this campus is; kept in the audit")
        parser.add_argument("--confirm", help="the campus's code once more, for use in scripts")

    def handle(self, *args: Any, code: str, backup: str, confirm: str | None, **options: Any) -> None:
        campus = require_campus(code)
        if campus.state != "archived":
            raise CommandError(f"{campus.code} is {campus.state}; only an archived campus can be dropped.")
        require_confirmation(campus, confirm, to="delete all its data")
        with plain_errors(), owner_context(), transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f'DROP SCHEMA IF EXISTS "{campus.schema_name}" CASCADE')
            logins.drop_campus_login(campus.schema_name)
            record_action(
                at=now(), by=None, action="campus.dropped", target_type="campus", target_id=campus.id, reason=backup,
                changes={"code": campus.code},
            )  # fmt: skip
        self.stdout.write(f"{campus.code}: schema and login are gone; backup: {backup}")
