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
        people, colleges = _read(Path(options["file"]), list), _read(Path(options["colleges"]), dict)
        codes = {name.casefold(): code for name, code in colleges.items()}
        by_campus: dict[str, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
        failed = 0
        for number, person in enumerate(people, start=1):
            college = person.get("college", "") if isinstance(person, dict) else None
            code = codes.get(str(college).strip().casefold())
            if college is None:
                failed += self._refuse(number, "not_an_object", "a person is an object")
            elif not any(person.get(key) for key in _KEYS):
                failed += self._refuse(number, "no_key", "nothing is known of this person but the college")
            elif code is None:
                failed += self._refuse(number, "unknown_college", f"{college!r} is not in the file of colleges")
            elif find_campus(code) is None:
                failed += self._refuse(number, "unknown_campus", f"there is no campus {code}")
            else:
                by_campus[code].append((number, person))
        for code, group in sorted(by_campus.items()):
            self.stdout.write(f"{code}:")
            failed += self._import(Path(options["file"]).name, code, group)
        if failed:
            raise CommandError(f"{failed} of {len(people)} people were not imported; the lines above say why.")

    def _import(self, file_name: str, code: str, group: list[tuple[int, dict[str, Any]]]) -> int:
        campus = find_campus(code)
        assert campus is not None  # it was there a moment ago
        content = _as_csv([person for _, person in group])
        try:
            with campus_context(campus):
                queued = queue_import(
                    by=None, at=now(), file_name=file_name, content=content, mapping={}, dry_run=False
                )
                ended = run_import(import_id=queued.pk, clock=now)
        except DomainError as error:
            raise CommandError(str(error)) from None
        show_results(self, ended, name_row=lambda line: f"person {group[line - 2][0]}")  # the header's line is 1
        return ended.failed

    def _refuse(self, number: int, code: str, why: str) -> int:
        self.stderr.write(f"  person {number}: {code}: {why}")
        return 1


def _read(path: Path, kind: type) -> Any:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: {error}") from None
    if not isinstance(found, kind):
        raise CommandError(f"{path}: this is no JSON {'list' if kind is list else 'object'}.")
    return found


def _as_csv(people: list[dict[str, Any]]) -> bytes:
    """Return the people as a roster: one way in, whatever the file."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_KEYS.values())
    writer.writerows([str(person.get(key) or "") for key in _KEYS] for person in people)
    return text.getvalue().encode()
