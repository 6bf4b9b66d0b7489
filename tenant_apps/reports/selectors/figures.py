"""The figures of reports: each is one statement, however many people, sessions and doors there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connection

from tenant_apps.reports.rules import OF_DAYS, OF_GROUPS, Figure, Per, Scope, rate
from tenant_apps.reports.selectors.facts import BEHIND, narrow
from tenants.context import current_campus

_COUNTS: Final = ", ".join(f"count(*) FILTER (WHERE {condition}) AS {figure}" for figure, condition in BEHIND.items())
_FIGURES: Final = f"""
    {_COUNTS},
    count(DISTINCT f.person) FILTER (WHERE f.has_come) AS people,
    count(DISTINCT f.person) FILTER (WHERE f.is_expected) AS people_expected,
    count(DISTINCT f.person) FILTER (WHERE f.has_come AND f.kind = 'visitor') AS people_visiting,
    count(DISTINCT f.person) FILTER (WHERE f.has_come AND f.kind = 'own') AS people_own,
    count(DISTINCT f.session_id) AS sessions, count(DISTINCT h.event_id) AS events,
    min(f.first_in_at) AS first_scan_at, max(greatest(f.first_in_at, f.last_out_at)) AS last_scan_at
"""
_NAMES: Final = (
    *Figure.values, "people", "people_expected", "people_visiting", "people_own", "sessions", "events", "first_scan_at",
    "last_scan_at",
)  # fmt: skip
_DAY: Final = "date_trunc('{unit}', h.starts_at AT TIME ZONE %(zone)s)::date"
# What a line is for: its columns (name, SQL), what is grouped by, and in which order the lines come.
_LINES: Final[dict[str, tuple[dict[str, str], str, str]]] = {
    Per.TOTAL: ({}, "()", "events"),
    Per.EVENT: (
        {"event": "h.event_id", "title": "h.title", "starts_at": "min(h.starts_at)"},
        "h.event_id, h.title",
        "starts_at DESC, event",
    ),
    Per.SESSION: (
        {
            "event": "h.event_id",
            "title": "h.title",
            "session": "h.id",
            "name": "h.name",
            "starts_at": "h.starts_at",
        },
        "h.event_id, h.title, h.id, h.name, h.starts_at",
        "starts_at DESC, session",
    ),
    Per.DEPARTMENT: ({"department": "min(f.department)"}, "lower(f.department)", "lower(department)"),
    Per.PROGRAM: (
        {"department": "min(f.department)", "program": "min(f.program)"},
        "lower(f.department), lower(f.program)",
        "lower(department), lower(program)",
    ),
    Per.YEAR_LEVEL: ({"year_level": "f.year_level"}, "f.year_level", "year_level"),
    Per.SECTION: (
        {
            "department": "min(f.department)",
            "program": "min(f.program)",
            "year_level": "f.year_level",
            "section": "min(f.section)",
        },
        "lower(f.department), lower(f.program), f.year_level, lower(f.section)",
        "lower(department), lower(program), year_level, lower(section)",
    ),
    Per.PERSON: (
        {
            "person": "f.person",
            "kind": "min(f.kind)",
            "home": "min(f.home)",
            "user": "(array_agg(f.user_id) FILTER (WHERE f.user_id IS NOT NULL))[1]",
            "visitor_id": "(array_agg(f.visitor_id) FILTER (WHERE f.visitor_id IS NOT NULL))[1]",
            "guest_id": "(array_agg(f.guest_id) FILTER (WHERE f.guest_id IS NOT NULL))[1]",
        },
        "f.person",
        "u.last_name, u.first_name, v.display_name, g.name, l.person",
    ),
    Per.HOME: ({"home": "f.home"}, "f.home", "home"),
    **{
        per: ({"day": _DAY.format(unit=per)}, "1", "day DESC")
        for per in (Per.DAY.value, Per.WEEK.value, Per.MONTH.value)
    },
}
_NAMED: Final = """
      LEFT JOIN accounts_user u ON u.id = l."user"
      LEFT JOIN attendance_visitor v ON v.id = l.visitor_id
      LEFT JOIN events_guest g ON g.id = l.guest_id
"""
DISPLAY_NAME: Final = """
    coalesce(nullif(trim(concat(u.first_name, ' ', u.last_name)), ''), u.username, v.display_name, g.name)
"""


@dataclass(frozen=True, slots=True)
class Lines:
    """Some lines of a report, and how many there are. ``key`` of each says what the line is for."""

    count: int
    lines: list[dict[str, Any]]


def read_lines(*, scope: Scope, per: str, first: int = 0, most: int | None = None) -> Lines:
    """Return the lines ``first`` to ``first + most`` of a report, in a fixed order; None: all. One statement.

    Each line has every name of ``Figure``, ``people``, ``people_expected``, ``people_visiting`` and ``people_own``
    (distinct), ``sessions``, ``events``, ``first_scan_at``, ``last_scan_at``, ``rate``, and its ``key``.
    """
    ctes, condition, values = narrow(scope)
    columns, grouped, order = _LINES[per]
    if per in OF_GROUPS:
        condition += " AND f.kind = 'own'"
    # Events and sessions to which nobody came have a line, unless it is asked of some people only.
    join = "LEFT JOIN" if per in {Per.EVENT, Per.SESSION} and condition == "true" else "JOIN"
    selected = "".join(f'{sql} AS "{name}", ' for name, sql in columns.items())
    shown, named, joins = [*columns, *_NAMES], "", ""
    if per == Per.PERSON:
        shown += ["student_id", "display_name"]
        named, joins = f", u.student_id, {DISPLAY_NAME}", _NAMED
    statement = (
        f"WITH {ctes}, lines AS (SELECT {selected}{_FIGURES} FROM held h {join} facts f ON f.session_id = h.id "
        f"WHERE {condition} GROUP BY {grouped}) "
        f"SELECT count(*) OVER (), l.*{named} FROM lines l {joins} ORDER BY {order} LIMIT %(most)s OFFSET %(first)s"
    )
    if per in OF_DAYS:
        values["zone"] = str(current_campus().zone)
    with connection.cursor() as cursor:
        cursor.execute(statement, {**values, "first": first, "most": most})
        rows = cursor.fetchall()
    return Lines(
        rows[0][0] if rows else 0, [_line(per, dict(zip(shown, row[1:], strict=True)), columns) for row in rows]
    )


def read_total(scope: Scope) -> dict[str, Any]:
    """Return the one line of everything in the scope."""
    return read_lines(scope=scope, per=Per.TOTAL).lines[0]


def _line(per: str, row: dict[str, Any], columns: Sequence[str] | dict[str, str]) -> dict[str, Any]:
    names = {*columns, "student_id", "display_name"} - {"visitor_id", "guest_id"}
    key = {name: row[name] for name in row if name in names}
    return {
        "per": per,
        "key": key,
        **{name: row[name] for name in _NAMES},
        "rate": rate(came=row[Figure.EXPECTED_CAME], absent=row[Figure.EXPECTED_ABSENT]),
    }
