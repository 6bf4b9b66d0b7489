"""Questions about files of scans."""

import json
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from tenant_apps.attendance.errors import ImportNotFound
from tenant_apps.attendance.models import ScanImport

MOST_RESULTS: Final = 500
_RESULTS: Final = """
    SELECT coalesce(jsonb_agg(r.result ORDER BY (r.result ->> 'row')::int), '[]')::text
      FROM (SELECT t.result FROM attendance_scanimport i CROSS JOIN jsonb_array_elements(i.results) AS t (result)
             WHERE i.id = %(id)s AND (t.result ->> 'row')::int > %(after)s
               AND (%(outcome)s IS NULL OR t.result ->> 'outcome' = %(outcome)s)
             ORDER BY (t.result ->> 'row')::int LIMIT %(limit)s) r
"""


def list_scan_imports(user: User) -> QuerySet[ScanImport]:
    """Return the files that ``user`` may see, newest first, without contents and results: campus admins all, organizers
    those of the events they run.
    """
    rows = ScanImport.objects.defer("content", "results").order_by("-created_at", "-id")
    return rows if user.role == Role.CAMPUS_ADMIN else rows.filter(event__organizer_id=user.pk)


def get_scan_import(*, user: User, import_id: UUID) -> ScanImport:
    """Return one file that ``user`` may see.

    Raises: ImportNotFound, also for one that exists and is not theirs to see.
    """
    found = list_scan_imports(user).filter(pk=import_id).first()
    if found is None:
        raise ImportNotFound
    return found


def list_results(*, import_id: UUID, after: int = 0, outcome: str | None = None) -> tuple[list[dict[str, Any]], bool]:
    """Return what became of the next rows after line ``after``, at most 500, and whether there are more."""
    asked: dict[str, Any] = {"id": import_id, "after": after, "outcome": outcome, "limit": MOST_RESULTS + 1}
    with connection.cursor() as cursor:
        cursor.execute(_RESULTS, asked)
        rows: list[dict[str, Any]] = json.loads(cursor.fetchone()[0])
    return rows[:MOST_RESULTS], len(rows) > MOST_RESULTS
