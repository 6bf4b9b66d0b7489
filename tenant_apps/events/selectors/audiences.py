"""Who belongs to the audience of an event, in SQL: the same words for the roster, for freezing it, and for telling."""

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from django.db import connection

# ``e`` is the event, ``u`` a person, ``p`` their profile. A part that a row leaves out, or leaves empty, fits anybody;
# no rows mean everybody. Spelling counts, capitals do not.
IN_AUDIENCE: Final = """
    (u.is_active AND u.role = 'student' AND (jsonb_array_length(e.audience) = 0 OR EXISTS (
        SELECT 1 FROM jsonb_to_recordset(e.audience) AS g(department text, program text, year_level text, section text)
         WHERE (coalesce(g.department, '') = '' OR lower(g.department) = lower(p.department))
           AND (coalesce(g.program, '') = '' OR lower(g.program) = lower(p.program))
           AND (coalesce(g.year_level, '') = '' OR g.year_level = p.year_level::text)
           AND (coalesce(g.section, '') = '' OR lower(g.section) = lower(p.section)))))
"""

# Whoever has a place in one of these states, and where it is required everybody of the audience.
_CONCERNED: Final = f"""
    SELECT u.id FROM events_registration r JOIN accounts_user u ON u.id = r.user_id AND u.is_active
     WHERE r.event_id = %(event_id)s AND r.state = ANY(%(states)s)
    UNION
    SELECT u.id FROM events_event e
      CROSS JOIN accounts_user u
      JOIN accounts_profile p ON p.user_id = u.id
     WHERE e.id = %(event_id)s AND e.is_required AND {IN_AUDIENCE}
"""


def list_concerned(event_id: UUID, *, states: Iterable[str]) -> list[UUID]:
    """Return the user ids of those who have a place in one of these states at an event, or are expected at it."""
    with connection.cursor() as cursor:
        cursor.execute(_CONCERNED, {"event_id": event_id, "states": [str(state) for state in states]})
        return [row[0] for row in cursor.fetchall()]
