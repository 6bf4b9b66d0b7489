"""What every report counts: one fact is one person at one session, with what became of them there.

Whoever was expected and whoever came, matched by the id that people keep when they move; a void attendance is none.
The group is that in which somebody was expected, else that of their profile now.
"""

from typing import Any, Final

from tenant_apps.reports.rules import GROUP_PARTS, Figure, Scope
from tenants.context import current_campus

_FACTS: Final = """
    held AS (
        SELECT s.id, s.event_id, s.name, s.starts_at, e.title
          FROM events_session s JOIN events_event e ON e.id = s.event_id
         WHERE {held}),
    came AS (
        SELECT a.id, a.session_id, a.status, a.first_in_at, a.last_out_at, a.user_id, a.visitor_id, a.guest_id,
               coalesce(u.person_id, v.person_id, a.guest_id) AS person,
               CASE WHEN a.user_id IS NOT NULL THEN 'own' WHEN a.visitor_id IS NOT NULL THEN 'visitor' ELSE 'guest' END
               AS kind,
               coalesce(v.home, CASE WHEN a.guest_id IS NULL THEN %(me)s ELSE '' END) AS home,
               p.department, p.program, p.year_level, p.section
          FROM held h
          JOIN attendance_attendance a ON a.session_id = h.id AND a.status <> 'void'
          LEFT JOIN accounts_user u ON u.id = a.user_id
          LEFT JOIN accounts_profile p ON p.user_id = a.user_id
          LEFT JOIN attendance_visitor v ON v.id = a.visitor_id),
    due AS (
        SELECT x.session_id, x.user_id, u.person_id AS person, x.department, x.program, x.year_level, x.section
          FROM held h
          JOIN attendance_expected x ON x.session_id = h.id
          JOIN accounts_user u ON u.id = x.user_id),
    facts AS (
        SELECT c.id, coalesce(c.session_id, d.session_id) AS session_id, coalesce(c.person, d.person) AS person,
               coalesce(c.user_id, d.user_id) AS user_id, c.visitor_id, c.guest_id,
               coalesce(c.kind, 'own') AS kind, coalesce(c.home, %(me)s) AS home, c.status, c.first_in_at,
               c.last_out_at, d.person IS NOT NULL AS is_expected,
               c.status IS NOT NULL AND c.status NOT IN ('absent', 'excused') AS has_come,
               CASE WHEN d.person IS NULL THEN coalesce(c.department, '') ELSE d.department END AS department,
               CASE WHEN d.person IS NULL THEN coalesce(c.program, '') ELSE d.program END AS program,
               CASE WHEN d.person IS NULL THEN coalesce(c.year_level, 0) ELSE coalesce(d.year_level, 0) END
               AS year_level,
               CASE WHEN d.person IS NULL THEN coalesce(c.section, '') ELSE d.section END AS section
          FROM came c FULL JOIN due d ON d.session_id = c.session_id AND d.person = c.person)
"""
_WITHIN: Final = (
    "EXISTS (SELECT 1 FROM unnest(%(begins)s::timestamptz[], %(ends)s::timestamptz[]) AS t(begins, ends) "
    "WHERE s.starts_at >= t.begins AND s.starts_at < t.ends)"
)
BEHIND: Final[dict[str, str]] = {
    Figure.EXPECTED: "f.is_expected",
    Figure.CAME: "f.has_come",
    Figure.PRESENT: "f.status = 'present'",
    Figure.LATE: "f.status = 'late'",
    Figure.LEFT_EARLY: "f.status = 'left_early'",
    Figure.EXCUSED: "f.status = 'excused'",
    Figure.ABSENT: "f.status = 'absent'",
    Figure.UNACCOUNTED: "f.is_expected AND f.status IS NULL",
    Figure.EXPECTED_CAME: "f.is_expected AND f.has_come",
    Figure.EXPECTED_ABSENT: "f.is_expected AND f.status = 'absent'",
    Figure.VISITORS: "f.has_come AND f.kind = 'visitor'",
    Figure.GUESTS: "f.has_come AND f.kind = 'guest'",
}
"""Which facts a figure counts: the same words for the number and for its rows."""


def narrow(scope: Scope) -> tuple[str, str, dict[str, Any]]:
    """Return the facts of a scope as common table expressions, the condition on ``facts f``, and their values."""
    held = [
        text
        for text, is_wanted in (
            # An event that is named is told of whatever its state; else those count that were, or are to be, held.
            ("e.id = %(event_id)s", scope.event_id is not None),
            ("e.status IN ('published', 'completed')", scope.event_id is None),
            ("e.organizer_id = %(organizer_id)s", scope.organizer_id is not None),
            ("s.id = %(session_id)s", scope.session_id is not None),
            ("s.starts_at >= %(since)s", scope.since is not None),
            ("s.starts_at < %(until)s", scope.until is not None),
            (_WITHIN, scope.periods is not None),
        )
        if is_wanted
    ]
    named = [part for part in GROUP_PARTS if getattr(scope, part) is not None]
    facts = ["f.kind = 'own'"] if named else []
    facts += [
        "f.year_level = %(year_level)s" if part == "year_level" else f"lower(f.{part}) = lower(%({part})s)"
        for part in named
    ]
    facts += ["f.person = %(person_id)s"] if scope.person_id is not None else []
    facts += ["upper(f.home) = upper(%(home)s)"] if scope.home is not None else []
    values = {name: getattr(scope, name) for name in scope.__slots__} | {"me": current_campus().code}
    values["begins"] = [begins for begins, _ in scope.periods or ()]
    values["ends"] = [ends for _, ends in scope.periods or ()]
    return _FACTS.format(held=" AND ".join(held)), " AND ".join(facts) or "true", values
