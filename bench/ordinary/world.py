"""The ordinary system's university: ``python -m bench.ordinary.world STUDENTS EVENTS FILE``."""

import json
import sys
from pathlib import Path

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.utils.timezone import now  # noqa: E402
from django_tenants.utils import schema_context  # noqa: E402
from rest_framework.authtoken.models import Token  # noqa: E402

from bench.ordinary.attendance.models import Event, User  # noqa: E402
from bench.ordinary.campuses.models import Campus, Domain  # noqa: E402


def main(students: int, events: int, file: Path) -> None:
    """Make the public schema and one campus."""
    call_command("migrate_schemas", "--shared", verbosity=0)
    campus = Campus.objects.create(schema_name="c1", code="C1", name="Campus")
    Domain.objects.create(domain="ordinary.bench.test", tenant=campus, is_primary=True)
    with schema_context("c1"):
        scanner = User.objects.create(username="scanner", student_id="scanner", role="scanner")
        User.objects.bulk_create(
            [User(username=f"s{number}", student_id=f"2026-{number:05}") for number in range(students)]
        )
        made = Event.objects.bulk_create(
            [Event(organizer=scanner, title=f"Event {number}", date=now()) for number in range(events)]
        )
        token = Token.objects.create(user=scanner).key
    file.write_text(json.dumps({"host": "ordinary.bench.test", "token": token, "events": [event.pk for event in made]}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
