"""Whoever stands at the door without a place: let in and recorded in one call."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared_apps.accounts.models import User
from tenant_apps.attendance.rules.scans import Method
from tenant_apps.attendance.services.recording import record_scan
from tenant_apps.attendance.services.verdicts import ScanAnswer, ScanRequest
from tenant_apps.events.models import Registration
from tenant_apps.events.services.guests import register_guest_walk_in
from tenant_apps.events.services.registrations import register_walk_in


@dataclass(frozen=True, slots=True)
class Admission:
    """What became of a walk-in. ``guest_pass`` is there for guests only."""

    registration: Registration
    scan: ScanAnswer
    guest_pass: str | None = None


def admit_walk_in(
    *,
    by: User,
    at: datetime,
    event_id: UUID,
    user_id: UUID | None = None,
    student_id: str | None = None,
    guest: dict[str, Any] | None = None,
    session_id: UUID | None = None,
    scan_id: UUID | None = None,
) -> Admission:
    """Give somebody of this campus, or a guest, a place and record their presence.

    Two transactions: a scan that is refused, because no session is open, leaves the place. With a ``scan_id`` the call
    may be sent again, whatever became of the first. Stand in the campus, outside ``atomic()``.

    Raises: as ``register_walk_in``, ``register_guest_walk_in`` and ``record_scan``.
    """
    if guest is not None:
        met = register_guest_walk_in(by=by, at=at, event_id=event_id, guest=guest, scan_id=scan_id)
        place, guest_pass = met.registration, met.guest_pass
    else:
        place = register_walk_in(by=by, at=at, event_id=event_id, user_id=user_id, student_id=student_id)
        guest_pass = None
    scan = record_scan(
        by=by,
        at=at,
        scan=ScanRequest(
            event_id=event_id,
            session_id=session_id,
            method=Method.USER if guest_pass is None else Method.GUEST,
            value=str(place.user_id) if guest_pass is None else guest_pass,
            scan_id=scan_id,
        ),
    )
    return Admission(place, scan, guest_pass)
