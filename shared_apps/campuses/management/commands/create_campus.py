"""Create a campus, or go on with one that was interrupted."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from shared_apps.campuses.management.commands._registry import ask_password, plain_errors
from shared_apps.campuses.services import create_campus, provision
from shared_apps.common.clock import now
from tenants.context import campus_context, public_context
from tenants.errors import CampusExists
from tenants.registry import find_campus, forget
from tenants.registry_types import CampusEntry


class Command(BaseCommand):
    help = (
        "Create a campus: registry, login, schema, grants, pass key, first admin. "
        "Run it again after an interruption. Needs the owner's credentials in DATABASE_URL."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code", help="short name of 2-16 letters and digits, for example MALIMONO")
        parser.add_argument("--name", required=True)
        parser.add_argument("--host", action="append", required=True, dest="hosts", help="may be given several times")
        parser.add_argument("--timezone", help="Asia/Manila where none is given")
        parser.add_argument("--origin", action="append", dest="origins", help="frontend that may call it")
        parser.add_argument(
            "--admin", help="username of the first campus admin; EAS_ADMIN_PASSWORD, or what is typed, is the password"
        )
        parser.add_argument("--admin-email", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        with plain_errors():
            campus = find_campus(options["code"])
            if campus is not None and campus.state != "provisioning" and (differing := _differing(campus, options)):
                raise CampusExists(
                    f"{campus.code} exists already, with another {', '.join(differing)}. "
                    "update_campus changes a campus, create_campus_admin adds an admin."
                )
            campus_id = campus.id if campus else self._create(options)
            for step in provision(campus_id=campus_id):
                self.stdout.write(f"  {step.number}/{step.of} {step.name}")
        forget()
        self.stdout.write(f"{options['code'].upper()} is ready ({time.monotonic() - started:.1f} s)")

    def _create(self, options: dict[str, Any]) -> Any:
        first_admin = None
        if options["admin"]:
            password = ask_password("EAS_ADMIN_PASSWORD", prompt=f"Password for {options['admin']}: ")
            first_admin = {"username": options["admin"], "email": options["admin_email"], "password": password}
        with public_context():
            return create_campus(
                by=None,
                at=now(),
                code=options["code"],
                name=options["name"],
                hosts=options["hosts"],
                timezone=options["timezone"] or "Asia/Manila",
                allowed_origins=options["origins"] or [],
                first_admin=first_admin,
            ).pk


def _differing(campus: CampusEntry, options: dict[str, Any]) -> list[str]:
    """Return which of the values that were given are not those of the campus that is there."""
    there = {
        "name": campus.name,
        "hosts": set(campus.hosts),
        "timezone": campus.zone.key,
        "origins": campus.origins,
        "admin": options["admin"] if _has_admin(campus, options["admin"]) else None,
    }
    given = {name: options[name] for name in there if options[name] is not None}
    return [name for name, value in given.items() if (set(value) if isinstance(value, list) else value) != there[name]]


def _has_admin(campus: CampusEntry, username: str | None) -> bool:
    if username is None:
        return True
    with campus_context(campus):
        return User.objects.filter(username__iexact=username, role=Role.CAMPUS_ADMIN).exists()
