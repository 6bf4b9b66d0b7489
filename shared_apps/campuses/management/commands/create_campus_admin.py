"""Create a campus admin from the command line: the first one, or one more when nobody can sign in any longer."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from shared_apps.accounts.roles import Role
from shared_apps.accounts.services.users import create_user
from shared_apps.campuses.management.commands._registry import ask_password, plain_errors, require_campus
from shared_apps.common.clock import now
from tenants.context import campus_context


class Command(BaseCommand):
    help = "Create a campus admin. The password is asked for, or taken from EAS_ADMIN_PASSWORD."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code", help="code of the campus")
        parser.add_argument("--username", required=True)
        parser.add_argument("--email", default="")
        parser.add_argument("--noinput", action="store_true", help="never ask")

    def handle(self, *args: Any, code: str, username: str, email: str, noinput: bool, **options: Any) -> None:
        campus = require_campus(code)
        password = ask_password("EAS_ADMIN_PASSWORD", may_ask=not noinput)
        with plain_errors(), campus_context(campus):
            create_user(by=None, at=now(), username=username, email=email, role=Role.CAMPUS_ADMIN, password=password)
        self.stdout.write(f"{username} may sign in at {campus.hosts[0]}")
