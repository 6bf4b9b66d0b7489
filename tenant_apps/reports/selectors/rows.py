"""The rows behind a figure."""

from typing import Any, Final

from django.db import connection

from tenant_apps.reports.rules import Scope
from tenant_apps.reports.selectors.facts import BEHIND, narrow
from tenant_apps.reports.selectors.figures import DISPLAY_NAME, Lines

_COLUMNS: Final = {
    "attendance": "f.id",
    "event": "h.event_id",
    "title": "h.title",
    "session": "f.session_id",
    "session_name": "h.name",
    "starts_at": "h.starts_at",
    "person": "f.person",
    "kind": "f.kind",
    "home": "f.home",
    "user": "f.user_id",
    "student_id": "u.student_id",
    "display_name": DISPLAY_NAME,
    "department": "f.department",
    "program": "f.program",
    "year_level": "f.year_level",
    "section": "f.section",
    "is_expected": "f.is_expected",
    "status": "f.status",
    "first_in_at": "f.first_in_at",
    "last_out_at": "f.last_out_at",
}
_ROWS: Final = f"""
    SELECT count(*) OVER (), {", ".join(f'{sql} AS "{name}"' for name, sql in _COLUMNS.items())}
      FROM facts f
      JOIN held h ON h.id = f.session_id
      LEFT JOIN accounts_user u ON u.id = f.user_id
      LEFT JOIN attendance_visitor v ON v.id = f.visitor_id
      LEFT JOIN events_guest g ON g.id = f.guest_id
"""


def read_rows(*, scope: Scope, figure: str | None, first: int = 0, most: int | None = None) -> Lines:
    """Return the facts that ``figure`` counts in that scope, the latest session first, then by name; None: all facts.

    As many as the figure says. One statement.
    """
    ctes, condition, values = narrow(scope)
    wanted = f"({condition}) AND ({BEHIND[figure]})" if figure else condition
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {ctes} {_ROWS} WHERE {wanted} "
            "ORDER BY h.starts_at DESC, f.session_id, u.last_name, u.first_name, "
            "v.display_name, g.name, f.person, f.id "
            "LIMIT %(most)s OFFSET %(first)s",
            {**values, "first": first, "most": most},
        )
        rows = cursor.fetchall()
    return Lines(rows[0][0] if rows else 0, [dict(zip(_COLUMNS, row[1:], strict=True)) for row in rows])


def read_arrivals(*, scope: Scope, seconds: int, most: int) -> list[dict[str, Any]]:
    """Return ``{at, came, so_far}`` for each step of that many seconds in which people came first, in order.

    At most ``most`` and one more: then there are too many. ``so_far`` counts those of the steps before too. One
    statement.
    """
    ctes, condition, values = narrow(scope)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {ctes}, steps AS ("
            "SELECT to_timestamp(floor(extract(epoch FROM f.first_in_at) / %(seconds)s) * %(seconds)s) AS at, "
            f"count(*) AS came FROM facts f WHERE {condition} AND f.has_come AND f.first_in_at IS NOT NULL GROUP BY 1) "
            "SELECT at, came, (sum(came) OVER (ORDER BY at))::bigint FROM steps ORDER BY at LIMIT %(most)s",
            {**values, "seconds": seconds, "most": most + 1},
        )
        return [dict(zip(("at", "came", "so_far"), row, strict=True)) for row in cursor.fetchall()]
