"""What this campus tells the public site: counted here, without names, and nothing of few people."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from django.db import connection

from shared_apps.federation.rules import RollUpKind
from shared_apps.federation.services.roll_ups import Told
from tenant_apps.reports.rules import FEWEST, Per, Scope, join_small_groups, months_before, told
from tenant_apps.reports.selectors.figures import read_lines, read_total
from tenants.context import current_campus

MONTHS: Final = 12
OTHERS: Final = "(others)"
_FACTS: Final = ("expected", "came", "present", "late", "left_early", "excused", "absent")
_PEOPLE: Final = ("people_own", "people_visiting", "people_away", "visitors", "guests")
# Own people at other campuses, by the ledger.
_AWAY: Final = """
    SELECT t.number, count(DISTINCT v.person_id)
      FROM unnest(%(numbers)s::int[], %(begins)s::timestamptz[], %(ends)s::timestamptz[]) AS t(number, begins, ends)
      JOIN public.federation_visit v ON v.first_in_at >= t.begins AND v.first_in_at < t.ends
     WHERE v.home = %(me)s AND v.host <> %(me)s AND v.status NOT IN ('void', 'absent', 'excused')
     GROUP BY t.number
"""


def tell(*, at: datetime) -> list[Told]:
    """Return what this campus tells as of ``at``: the last twelve months, the year that they make, its departments.

    A month of fewer than ``FEWEST`` people is not told, and the year leaves it out: else the difference would tell it.
    Departments that are too small are told together. Five statements.
    """
    months = months_before(at, current_campus().zone, MONTHS)
    whole = Scope(since=months[0][1], until=months[-1][2])
    counted = {line["key"]["day"]: line for line in read_lines(scope=whole, per=Per.MONTH).lines}
    away = _count_away([(number, begins, ends) for number, (_, begins, ends) in enumerate(months)])
    rows, periods = [], []
    for number, (day, begins, ends) in enumerate(months):
        line = {**counted.get(day, {}), "people_away": away.get(number, 0)}
        if is_few := 0 < _size(line) < FEWEST:
            pass
        else:
            periods.append((begins, ends))
        rows.append(Told(RollUpKind.MONTH, day, "", None if is_few else _figures(line)))
    year = replace(whole, periods=tuple(periods))
    away_in_year = _count_away([(0, begins, ends) for begins, ends in periods])
    total = {**read_total(year), "people_away": away_in_year.get(0, 0)}
    first = months[0][0]
    rows.append(Told(RollUpKind.YEAR, first, "", None if 0 < _size(total) < FEWEST else _figures(total)))
    departments = {line["key"]["department"]: line for line in read_lines(scope=year, per=Per.DEPARTMENT).lines}
    for names in join_small_groups([(name, _size(line)) for name, line in departments.items()]):
        lines = [departments[name] for name in names]
        rows.append(Told(RollUpKind.YEAR, first, (names[0] or OTHERS) if len(names) == 1 else OTHERS, _sum(lines)))
    return rows


def _size(line: Mapping[str, Any]) -> int:
    """Return how many people a line is about, at least."""
    return max(line.get(name, 0) for name in ("people", "people_expected", "people_away"))


def _figures(line: Mapping[str, Any]) -> dict[str, int | None]:
    return {
        **{name: line.get(name, 0) for name in ("events", "sessions", *_FACTS)},
        **{name: told(line.get(name, 0)) for name in _PEOPLE},
    }


def _sum(lines: Sequence[Mapping[str, Any]]) -> dict[str, int | None]:
    """Return the figures of some departments together. People are only told of one: they are distinct, and no sum."""
    facts: dict[str, int | None] = {name: sum(line[name] for line in lines) for name in _FACTS}
    return {**facts, "people_own": told(lines[0]["people_own"]) if len(lines) == 1 else None}


def _count_away(periods: Sequence[tuple[int, datetime, datetime]]) -> dict[int, int]:
    """Return how many distinct people of this campus were at others, by the number that periods have."""
    with connection.cursor() as cursor:
        cursor.execute(
            _AWAY,
            {
                "me": current_campus().code,
                "numbers": [number for number, _, _ in periods],
                "begins": [begins for _, begins, _ in periods],
                "ends": [ends for _, _, ends in periods],
            },
        )
        return dict(cursor.fetchall())
