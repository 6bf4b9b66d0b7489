"""When a session is closed, and what closing changes: decided from values alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from tenant_apps.attendance.rules.presence import Mark, Policy, evaluate
from tenant_apps.attendance.rules.scans import NOT_THERE, AttendanceStatus, Window
from tenant_apps.events.rules.events import EventStatus

CLOSING_GRACE: Final = timedelta(minutes=5)
"""What doors online at the very end still have to write. Batches that come later are recorded all the same."""


def may_close(
    *,
    event_status: str,
    completed_at: datetime | None,
    starts_at: datetime,
    ends_at: datetime,
    closes_at: datetime,
    at: datetime,
) -> bool:
    """Return whether a session can be closed at that instant.

    | event | session | when |
    | --- | --- | --- |
    | published | any | five minutes after it closes |
    | completed | had begun when the event was completed | at its end: nobody is recorded any more |
    | completed | had not begun | never: it was not held |
    | draft, cancelled | any | never |
    """
    if event_status == EventStatus.PUBLISHED:
        return at >= closes_at + CLOSING_GRACE
    if event_status == EventStatus.COMPLETED:
        return at >= ends_at and (completed_at is None or starts_at <= completed_at)
    return False


@dataclass(frozen=True, slots=True)
class Stored:
    """What an attendance says."""

    status: str
    first_in_at: datetime | None
    last_out_at: datetime | None
    stayed: int


@dataclass(frozen=True, slots=True)
class Difference:
    """An attendance that does not say what its scans say."""

    attendance_id: UUID
    stored: Stored
    derived: Stored


def derive_again(
    window: Window, policy: Policy, *, stored: Stored, decided_status: str, marks: Sequence[Mark], is_over: bool
) -> Stored:
    """Return what an attendance should say.

    What is void stays void, what staff decided stays as they decided; times and stay follow the scans all the same. An
    attendance without scans (excused, absent, or made again from the ledger) says what it says.
    """
    if stored.status == AttendanceStatus.VOID or not marks:
        return stored
    presence = evaluate(window, policy, marks, is_over=is_over)
    if presence is None:
        return stored
    return Stored(
        status=decided_status or presence.status.value,
        first_in_at=presence.first_in_at,
        last_out_at=presence.last_out_at,
        stayed=int(presence.stayed.total_seconds()),
    )


def counts(status: str) -> bool:
    """Return whether somebody was there."""
    return status not in NOT_THERE
