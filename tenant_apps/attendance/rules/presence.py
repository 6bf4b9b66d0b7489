"""What scans amount to: one pure rule, whatever the order in which the scans arrived.

| came | went | it is |
| --- | --- | --- |
| never | | absent, or excused (decided when the session closes) |
| any time | before the end, having stayed less than the minimum stay, or there is none | left early |
| any time | not, though a check-out is required, that means having left, and the session is over | left early |
| any time | having stayed less than the minimum stay when they went or the session was over | left early |
| after ``late_after`` | otherwise | late |
| until ``late_after`` | otherwise | present |
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tenant_apps.attendance.rules.scans import AttendanceStatus, Direction, Window
from tenant_apps.events.rules.events import MissingCheckOut


@dataclass(frozen=True, slots=True)
class Policy:
    """What a session asks of those who come, beside its times. ``minimum_stay`` None: any stay will do."""

    requires_check_out: bool = False
    missing_check_out: str = MissingCheckOut.STAYED
    allows_re_entry: bool = True
    minimum_stay: timedelta | None = None


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """One scan of a person at a session that was recorded, or was a duplicate, by its effective time."""

    at: datetime
    direction: str


@dataclass(frozen=True, slots=True)
class Presence:
    """What an attendance says: first coming, last going (None: not gone, or not known), time inside, status."""

    first_in_at: datetime
    last_out_at: datetime | None
    stayed: timedelta
    status: AttendanceStatus


def evaluate(window: Window, policy: Policy, marks: Iterable[Mark], *, is_over: bool) -> Presence | None:
    """Return what the marks amount to, None where nobody came. ``is_over``: nobody can come or go any more.

    Going without having come counts for nothing; going twice counts as the later one; coming back where one may not
    counts for nothing. Time inside counts between the session's start and end. Whoever is inside when it is over stayed
    until its end, and where a check-out is required is checked out then, unless a missing one means having left.
    """
    first_in = inside_since = last_out = None
    stayed = timedelta()
    # In UTC: two times of one zone are compared, and subtracted, as the clock on the wall shows them.
    for mark in sorted(Mark(mark.at.astimezone(UTC), mark.direction) for mark in marks):
        if mark.direction == Direction.IN:
            if last_out is not None and not policy.allows_re_entry:
                continue
            first_in = first_in or mark.at
            inside_since = inside_since or mark.at
            last_out = None
        elif first_in is not None:
            if inside_since is not None:
                stayed += _within(window, inside_since, mark.at)
            inside_since, last_out = None, mark.at
    if first_in is None:
        return None
    is_lost = False
    if inside_since is not None and is_over:
        is_lost = policy.requires_check_out and policy.missing_check_out == MissingCheckOut.LEFT
        if not is_lost:
            stayed += _within(window, inside_since, window.ends_at)
            if policy.requires_check_out:
                last_out = max(window.ends_at, inside_since)
    has_stayed = policy.minimum_stay is not None and stayed >= policy.minimum_stay
    is_settled = is_over or last_out is not None
    if (
        is_lost
        or (last_out is not None and last_out < window.ends_at and not has_stayed)
        or (policy.minimum_stay is not None and is_settled and not has_stayed)
    ):
        status = AttendanceStatus.LEFT_EARLY
    else:
        status = AttendanceStatus.LATE if first_in > window.late_after else AttendanceStatus.PRESENT
    return Presence(first_in, last_out, stayed, status)


def _within(window: Window, since: datetime, until: datetime) -> timedelta:
    """Return how much of a stay lies within the session."""
    return max(min(until, window.ends_at) - max(since, window.starts_at), timedelta())
