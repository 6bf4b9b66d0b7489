"""Visits between campuses, attributed to host and home: from the ledger, as far as this campus sees it."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from tenants.context import current_campus

_VISITS: Final = """
    SELECT host, home, count(*), count(DISTINCT person_id), count(DISTINCT event_id), min(first_in_at), max(first_in_at)
      FROM public.federation_visit
     WHERE status NOT IN ('void', 'absent', 'excused') AND (host = %(me)s OR home = %(me)s)
       AND (%(event_id)s::uuid IS NULL OR event_id = %(event_id)s::uuid)
       AND (%(since)s::timestamptz IS NULL OR first_in_at >= %(since)s)
       AND (%(until)s::timestamptz IS NULL OR first_in_at < %(until)s)
     GROUP BY host, home ORDER BY host <> %(me)s, host, home
"""
_NAMES: Final = ("host", "home", "visits", "people", "events", "first_at", "last_at")


def count_visits(*, event_id: UUID | None, since: datetime | None, until: datetime | None) -> list[dict[str, Any]]:
    """Return ``{host, home, visits, people, events, first_at, last_at}`` for each pair of campuses: at home, visitors
    here, and one's own people away. A person is once in the ledger of an event, so a visit is a person at an event.
    """
    values = {"me": current_campus().code, "event_id": event_id, "since": since, "until": until}
    with connection.cursor() as cursor:
        cursor.execute(_VISITS, values)
        return [dict(zip(_NAMES, row, strict=True)) for row in cursor.fetchall()]
