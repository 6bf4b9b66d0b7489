"""The guide's mockUsers.json, across campuses."""

import csv
import io
import json
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from shared_apps.accounts.management.commands.import_roster import show_results
from shared_apps.accounts.services.rosters import queue_import, run_import
from shared_apps.common.clock import now
from shared_apps.common.errors import DomainError
from tenants.context import campus_context
from tenants.registry import find_campus

_COLLEGES: Final = Path(__file__).resolve().parents[2] / "data" / "colleges.json"
_KEYS: Final = {
    "studentId": "student_id",
    "firstName": "first_name",
    "lastName": "last_name",
    "email": "email",
    "department": "department",
    "role": "role",
}


class Command(BaseCommand):
    help = "Import mockUsers.json: each person into the campus that their college belongs to. May be run again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file")
        parser.add_argument("--colleges", default=str(_COLLEGES), help="JSON from college to campus code")

    def handle(self, *args: Any, **options: Any) -> None:
        people = _read(Path(options["file"]))
        colleges = {name.casefold(): code for name, code in _read(Path(options["colleges"])).items()}
        by_campus: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for number, person in enumerate(people, start=1):
            code = colleges.get(str(person.get("college", "")).strip().casefold())
            if code is None:
                self.stderr.write(
                    f"  person {number}: unknown_college: {person.get('college')!r} is not in the file of colleges"
                )
            else:
                by_campus[code].append(person)
        for code, group in sorted(by_campus.items()):
            campus = find_campus(code)
            if campus is None:
                self.stderr.write(f"  {len(group)} people: there is no campus {code}")
                continue
            self.stdout.write(f"{code}:")
            try:
                with campus_context(campus):
                    queued = queue_import(
                        by=None, at=now(), file_name=Path(options["file"]).name, content=_as_csv(group), mapping={},
                        dry_run=False,
                    )  # fmt: skip
                    show_results(self, run_import(import_id=queued.pk, clock=now))
            except DomainError as error:
                raise CommandError(str(error)) from None


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: {error}") from None


def _as_csv(people: list[dict[str, Any]]) -> bytes:
    """Return the people as a roster: one way in, whatever the file."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_KEYS.values())
    writer.writerows([str(person.get(key) or "") for key in _KEYS] for person in people)
    return text.getvalue().encode()
