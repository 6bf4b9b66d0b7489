"""Create a campus, or go on with one that was interrupted."""

import getpass
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from shared_apps.campuses.management.commands._registry import plain_errors
from shared_apps.campuses.services import create_campus, provision
from shared_apps.common.clock import now
from tenants.context import public_context
from tenants.registry import find_campus, forget


class Command(BaseCommand):
    help = (
        "Create a campus: registry, login, schema, grants, pass key, first admin. "
        "Run it again after an interruption. Needs the owner's credentials in DATABASE_URL."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code", help="short name of 2-16 letters and digits, for example MALIMONO")
        parser.add_argument("--name", required=True)
        parser.add_argument("--host", action="append", required=True, dest="hosts", help="may be given several times")
        parser.add_argument("--timezone", default="Asia/Manila")
        parser.add_argument("--origin", action="append", default=[], dest="origins", help="frontend that may call it")
        parser.add_argument("--admin", help="username of the first campus admin; the password is asked for")
        parser.add_argument("--admin-email", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        with plain_errors():
            campus = find_campus(options["code"])
            campus_id = campus.id if campus else self._create(options)
            for step in provision(campus_id=campus_id):
                self.stdout.write(f"  {step.number}/{step.of} {step.name}")
        forget()
        self.stdout.write(f"{options['code'].upper()} is ready ({time.monotonic() - started:.1f} s)")

    def _create(self, options: dict[str, Any]) -> Any:
        first_admin = None
        if options["admin"]:
            password = getpass.getpass(f"Password for {options['admin']}: ")
            first_admin = {"username": options["admin"], "email": options["admin_email"], "password": password}
        with public_context():
            return create_campus(
                by=None,
                at=now(),
                code=options["code"],
                name=options["name"],
                hosts=options["hosts"],
                timezone=options["timezone"],
                allowed_origins=options["origins"],
                first_admin=first_admin,
            ).pk
