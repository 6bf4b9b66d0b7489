"""What one person took part in: here, at other campuses, and before they came here."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from shared_apps.accounts.errors import UserNotFound
from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from shared_apps.accounts.selectors import get_person
from shared_apps.federation.selectors import find_arrival
from tenant_apps.attendance.models import Attendance
from tenant_apps.attendance.rules.scans import NOT_THERE, AttendanceStatus
from tenant_apps.attendance.selectors.attendance import list_presences


def read_transcript(
    *, by: User, user_id: UUID | None, since: datetime | None, until: datetime | None
) -> dict[str, Any]:
    """Return ``{person, here, away, before, absent, excused, entries}``; without ``user_id`` one's own.

    ``entries`` are presences, newest first, each with where it was (``host``) and whose it was (``home``). Absences and
    excuses are numbers of this campus alone: they are nobody else's business. At most seven statements.

    Raises: UserNotFound, also where ``by`` may not read that person's.
    """
    if user_id is None or user_id == by.pk:
        person = by
    elif by.role == Role.CAMPUS_ADMIN:
        person = get_person(user_id)
    else:
        raise UserNotFound
    arrival = find_arrival(person) if not person.acting else None
    brought = arrival.entries if arrival else []
    own = list_presences(person)
    when = {"session__starts_at__gte": since, "session__starts_at__lt": until}
    missed = Attendance.objects.filter(
        user_id=person.pk, status__in=NOT_THERE, **{name: value for name, value in when.items() if value}
    ).aggregate(
        absent=Count("id", filter=Q(status=AttendanceStatus.ABSENT)),
        excused=Count("id", filter=Q(status=AttendanceStatus.EXCUSED)),
    )
    entries = [
        {**asdict(entry), "origin": origin}
        for origin, part in (("own", own), ("before", brought))
        for entry in part
        if (since is None or entry.first_in_at >= since) and (until is None or entry.first_in_at < until)
    ]
    entries.sort(key=lambda entry: entry["first_in_at"], reverse=True)
    return {"person": person, **missed, **_count(entries), "entries": entries}


def _count(entries: list[dict[str, Any]]) -> Mapping[str, int]:
    own = [entry for entry in entries if entry["origin"] == "own"]
    away = sum(entry["host"] != entry["home"] for entry in own)
    return {"here": len(own) - away, "away": away, "before": len(entries) - len(own)}
