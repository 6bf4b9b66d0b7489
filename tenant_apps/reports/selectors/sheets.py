"""Who is to sign at the door."""

from typing import Any, Final

from django.db import connection

from tenant_apps.events.models import Event
from tenant_apps.events.selectors.audiences import IN_AUDIENCE
from tenant_apps.reports.rules import GROUP_PARTS, Scope

_NAMES: Final = ("display_name", "student_id", "department", "program", "year_level", "section")
# Whoever has a place, guests too, and where it is required everybody of the audience.
_SIGNERS: Final = f"""
    SELECT coalesce(nullif(trim(concat(u.first_name, ' ', u.last_name)), ''), u.username, g.name), u.student_id,
           coalesce(p.department, ''), coalesce(p.program, ''), coalesce(p.year_level, 0), coalesce(p.section, '')
      FROM (SELECT u.id AS user_id, NULL::uuid AS guest_id
              FROM events_event e
              CROSS JOIN accounts_user u
              JOIN accounts_profile p ON p.user_id = u.id
             WHERE e.id = %(event_id)s AND e.is_required AND {IN_AUDIENCE}
             UNION
            SELECT r.user_id, r.guest_id FROM events_registration r
             WHERE r.event_id = %(event_id)s AND r.state = 'registered') x
      LEFT JOIN accounts_user u ON u.id = x.user_id
      LEFT JOIN accounts_profile p ON p.user_id = x.user_id
      LEFT JOIN events_guest g ON g.id = x.guest_id
     WHERE (u.id IS NULL OR u.is_active) AND {{narrowed}}
     ORDER BY x.guest_id IS NOT NULL, lower(p.department), lower(p.program), p.year_level, lower(p.section),
              u.last_name, u.first_name, g.name, x.user_id, x.guest_id
     LIMIT %(most)s
"""


def list_signers(*, event: Event, scope: Scope, most: int) -> list[dict[str, Any]]:
    """Return ``{display_name, student_id, department, program, year_level, section}`` of whoever is expected at an
    event or has a place there, by section and then by name, guests last; of a group, only those of it. One statement.
    """
    named = [part for part in GROUP_PARTS if getattr(scope, part) is not None]
    narrowed = [
        "coalesce(p.year_level, 0) = %(year_level)s"
        if part == "year_level"
        else f"lower(coalesce(p.{part}, '')) = lower(%({part})s)"
        for part in named
    ]
    if named:
        narrowed.append("u.id IS NOT NULL")
    values: dict[str, Any] = {"event_id": event.pk, "most": most, **{part: getattr(scope, part) for part in named}}
    with connection.cursor() as cursor:
        cursor.execute(_SIGNERS.format(narrowed=" AND ".join(narrowed) or "true"), values)
        return [dict(zip(_NAMES, row, strict=True)) for row in cursor.fetchall()]
