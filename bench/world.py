"""A university to measure: run as a program of its own, with the environment of the measured EAS.

    python -m bench.world CAMPUSES STUDENTS EVENTS FILE

Writes to FILE, as JSON, everything that requests are made from: hosts, tokens, events and passes.
"""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from bench.marks import refuse_other_databases  # noqa: E402
from shared_apps.accounts.models import Profile, User  # noqa: E402
from shared_apps.accounts.roles import Role  # noqa: E402
from shared_apps.accounts.services.tokens import issue_token  # noqa: E402
from shared_apps.accounts.services.users import create_user  # noqa: E402
from shared_apps.campuses.services import create_campus, provision  # noqa: E402
from shared_apps.common.clock import now  # noqa: E402
from shared_apps.federation.services.issuing import issue_pass  # noqa: E402
from tenant_apps.events.services.editing import create_event, publish_event  # noqa: E402
from tenants import registry  # noqa: E402
from tenants.context import campus_context, owner_context, public_context  # noqa: E402
from tenants.keys import pass_signing_key, public_bytes  # noqa: E402
from tenants.registry_types import CampusEntry  # noqa: E402

# The first campus is the one that is measured alone; the others are smaller, and there are many.
SMALLER = 8
SHARED_EVENTS = 24


def main(campuses: int, students: int, events: int, file: Path) -> None:
    """Make the university."""
    with owner_context(), connection.cursor() as cursor:
        refuse_other_databases(cursor)
    entries = [make_campus(number) for number in range(campuses)]
    made = []
    for number, entry in enumerate(entries):
        size = students if number == 0 else max(students // SMALLER, 100)
        guests = [other.code for other in entries[1:4]] if number == 0 else []
        made.append(fill(entry, students=size, events=events, guests=guests))
        print(f"{entry.code}: {size} students, {events} events", flush=True)
    key = pass_signing_key(settings.MASTER_KEY, campus_id=str(entries[0].id), key_id=1)
    file.write_text(json.dumps({"public_key": public_bytes(key).hex(), "campuses": made}))


def make_campus(number: int) -> CampusEntry:
    """Create a campus, and provision it as the product does."""
    code = f"BENCH{number}"
    with public_context():
        campus = create_campus(
            by=None, at=now(), code=code, name=f"Campus {number}", hosts=[f"{code.lower()}.bench.test"],
            timezone="Asia/Manila",
        )  # fmt: skip
    for _ in provision(campus_id=campus.pk):
        pass
    registry.forget()
    entry = registry.find_campus(code)
    assert entry is not None  # it was made just now
    return entry


def fill(
    campus: CampusEntry, *, students: int, events: int, guests: list[str], password: str | None = None
) -> dict[str, Any]:
    """Give a campus people, events and passes; return what requests are made from."""
    at = now()
    with campus_context(campus):
        organizer = create_user(by=None, at=at, username="organizer", role=Role.ORGANIZER, password=password)
        scanner = create_user(by=None, at=at, username="scanner", role=Role.SCANNER)
        people = [
            User(username=f"s{number}", student_id=f"2026-{number:05}", role=Role.STUDENT, password="!",
                 first_name=f"First{number}", last_name=f"Last{number}", person_id=uuid4())
            for number in range(students)
        ]  # fmt: skip
        User.objects.bulk_create(people, batch_size=1000)
        Profile.objects.bulk_create(
            [
                Profile(
                    user=person,
                    department="CITE",
                    program="BSIT",
                    year_level=number % 4 + 1,
                    section="ABCD"[number % 4],
                )
                for number, person in enumerate(people)
            ],
            batch_size=1000,
        )
        times = [{"starts_at": at - timedelta(minutes=5), "ends_at": at + timedelta(hours=12)}]
        made, shared = [], []
        for number in range(events):
            event = create_event(by=organizer, at=at, title=f"Event {number}", sessions=times)
            made.append(str(publish_event(by=organizer, at=at, event_id=event.pk).pk))
        for number in range(SHARED_EVENTS if guests else 0):
            event = create_event(
                by=organizer, at=at, title=f"Shared {number}", sessions=times, is_multi_campus=True,
                allowed_campuses=guests,
            )  # fmt: skip
            shared.append(str(publish_event(by=organizer, at=at, event_id=event.pk).pk))
        if students >= 1000:
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
        return {
            "code": campus.code,
            "host": f"{campus.code.lower()}.bench.test",
            "schema": campus.schema_name,
            "scanner": issue_token(user=scanner, label="bench", at=at).text,
            "organizer": issue_token(user=organizer, label="bench", at=at).text,
            "events": made,
            "shared": shared,
            "passes": [issue_pass(user=person, at=at).text for person in people],
        }


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
