"""Fill an empty EAS with the demo university."""

import json
import os
import secrets
import time
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from shared_apps.accounts.services.users import create_user
from shared_apps.campuses.services import create_campus, provision
from shared_apps.common.clock import now
from tenant_apps.attendance.demo import HANDED, STUDENTS, Person, fill_events, fill_people
from tenant_apps.attendance.demo_federation import fill_federation
from tenants.context import campus_context, public_context
from tenants.registry import find_campus
from tenants.registry_types import CampusEntry

CAMPUSES: Final = (
    ("SNSU", "Surigao del Norte State University"),
    ("MALIMONO", "SNSU Malimono Campus"),
    ("DELCARMEN", "SNSU Del Carmen Campus"),
    ("MAINIT", "SNSU Mainit Campus"),
)
SUPER_ADMIN: Final = Person(Role.SUPER_ADMIN, "superadmin", "Soledad", "Aquino")

Login = dict[str, str]


class Command(BaseCommand):
    help = (
        "Create the demo university: four campuses with staff, students, events and attendance. Run again it adds what "
        "is missing, and an event of today. Refused in production."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--students", type=int, default=STUDENTS, help=f"students of each campus ({STUDENTS})")

    def handle(self, *args: Any, students: int, **options: Any) -> None:
        if settings.ENVIRONMENT == "production":
            raise CommandError("The demo has known people; it does not go into production.")
        path = Path(settings.DEMO_LOGINS)
        known = _read(path)
        logins: list[Login] = []
        with public_context():
            logins.append(_hand_out("PUBLIC", settings.PUBLIC_HOSTS[0], SUPER_ADMIN, known))
        for code, name in CAMPUSES:
            started = time.monotonic()
            campus = _campus(code, name)
            with campus_context(campus):
                people = fill_people(campus, students=students)
                logins += [_hand_out(code, campus.hosts[0], person, known) for person in HANDED]
                events = fill_events(campus, at=now())
            self.stdout.write(f"{code}: {people} people, {events} events added ({time.monotonic() - started:.1f} s)")
        started = time.monotonic()
        with public_context():
            super_admin = User.objects.get(username=SUPER_ADMIN.username)
        campuses = [_campus(code, name) for code, name in CAMPUSES]
        shared = fill_federation(campuses, super_admin=super_admin, at=now())
        self.stdout.write(f"shared by all: {shared} events added ({time.monotonic() - started:.1f} s)")
        _write(path, logins)
        self.stdout.write(f"logins are in {path}")


def _campus(code: str, name: str) -> CampusEntry:
    campus = find_campus(code)
    if campus is None or campus.state == "provisioning":
        campus_id = campus.id if campus else _create(code, name)
        for _ in provision(campus_id=campus_id):
            pass
        campus = find_campus(code)
    if campus is None or campus.state != "ready":
        raise CommandError(f"{code} is not ready; list_campuses says why.")
    return campus


def _create(code: str, name: str) -> UUID:
    with public_context():
        created = create_campus(
            by=None, at=now(), code=code, name=name, hosts=[f"{code.lower()}.localhost"], timezone="Asia/Manila"
        )
    return created.pk


def _hand_out(site: str, host: str, person: Person, known: list[Login]) -> Login:
    """Return a working login for ``person``: the one that was handed out before, or a new password."""
    login = next((old for old in known if (old["site"], old["username"]) == (site, person.username)), None)
    user = User.objects.filter(username=person.username).first()
    if login and user and user.check_password(login["password"]):  # not of another database, or since changed
        return {**login, "host": host}
    password = secrets.token_urlsafe(9)
    if user is None:  # the super admin: everybody else was drawn
        create_user(
            by=None,
            at=now(),
            username=person.username,
            role=person.role,
            password=password,
            email=f"{person.username}@{site.lower()}.example.edu",
            first_name=person.first_name,
            last_name=person.last_name,
        )
    else:
        user.set_password(password)
        user.save(update_fields=["password"])
    return {"site": site, "host": host, "role": person.role.value, "username": person.username, "password": password}


def _read(path: Path) -> list[Login]:
    """Return the logins that were handed out before; none where their file is lost or damaged."""
    try:
        return list(json.loads(path.read_text()))
    except (OSError, ValueError):
        return []


def _write(path: Path, logins: list[Login]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(logins, file, indent=2)
    draft.replace(path)
