"""Print the rule of presence as a table."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.core.management.base import BaseCommand

from tenant_apps.attendance.rules.decisions import Rule
from tenant_apps.attendance.rules.presence import Mark, Policy, evaluate
from tenant_apps.attendance.rules.scans import Direction, Window
from tenant_apps.events.rules.events import MissingCheckOut

_DAY: Final = datetime(2026, 3, 2, tzinfo=UTC)
_POLICIES: Final = (
    ("Nothing is asked beside coming", Policy()),
    ("A check-out is required; without one they stayed", Policy(requires_check_out=True)),
    (
        "A check-out is required; without one they left",
        Policy(requires_check_out=True, missing_check_out=MissingCheckOut.LEFT),
    ),
    ("One must stay 60 minutes", Policy(minimum_stay=timedelta(minutes=60))),
    ("One may not come back", Policy(allows_re_entry=False)),
)
_CASES: Final = (
    (),
    ("in 8:00",),
    ("in 8:15",),
    ("in 8:16",),
    ("in 8:00", "out 8:45"),
    ("in 8:00", "out 9:30"),
    ("in 8:00", "out 10:00"),
    ("in 8:16", "out 10:00"),
    ("in 8:00", "out 9:00", "in 9:20"),
    ("in 8:00", "out 8:20", "in 9:50", "out 10:00"),
    ("in 8:00", "out 8:30", "out 10:00"),
    ("out 7:50", "in 8:00"),
    ("in 9:30",),
)


class Command(BaseCommand):
    help = "Print docs/reference/status-rule.md from tenant_apps/attendance/rules/presence.py."
    requires_system_checks: tuple[str, ...] = ()

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(
            "# What scans amount to\n\n"
            "Printed by `manage.py print_status_rule`, which runs `attendance/rules/presence.py` over each\n"
            "case. The session opens at 7:00, starts at 8:00, is late after 8:15, ends at 10:00, closes at 10:30. The\n"
            "order in which scans arrive is of no account. *Over*: the session has been closed, nobody can come or go\n"
            "any more. What staff decided stands, whatever the scans say."
        )
        for title, policy in _POLICIES:
            self.stdout.write(
                f"\n## {title}\n\n| scans | over | status | first in | last out | minutes inside |\n"
                "| --- | --- | --- | --- | --- | --- |"
            )
            for row in _rows(policy):
                self.stdout.write(f"| {' | '.join(row)} |")
        self.stdout.write(
            "\n## Which rules are looked at, before a scan counts\n\nIn this order; the last one that an answer names "
            "decided.\n\n| rule | holds when |\n| --- | --- |"
        )
        for rule in Rule:
            self.stdout.write(f"| `{rule.value}` | {rule.label} |")


def _rows(policy: Policy) -> Iterator[tuple[str, ...]]:
    window = Window(UUID(int=1), _at("7:00"), _at("8:00"), _at("8:15"), _at("10:00"), _at("10:30"))
    for case in _CASES:
        marks = [Mark(_at(clock), Direction(way)) for way, clock in (scan.split() for scan in case)]
        found = {is_over: evaluate(window, policy, marks, is_over=is_over) for is_over in (False, True)}
        same = found[False] == found[True]
        for is_over, presence in found.items():
            if is_over and same:
                continue
            over = "either" if same else "yes" if is_over else "no"
            scans = ", ".join(case) or "none"
            if presence is None:
                yield scans, over, "nobody came: absent where expected, or excused", "", "", ""
                continue
            went = f"{presence.last_out_at:%-H:%M}" if presence.last_out_at else ""
            minutes = str(int(presence.stayed.total_seconds() // 60))
            yield scans, over, presence.status.value, f"{presence.first_in_at:%-H:%M}", went, minutes


def _at(clock: str) -> datetime:
    hours, minutes = clock.split(":")
    return _DAY + timedelta(hours=int(hours), minutes=int(minutes))
