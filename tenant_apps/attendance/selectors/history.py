"""How an attendance came to be what it is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from shared_apps.accounts.models import User
from tenant_apps.attendance.models import Attendance, Correction, Scan


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One scan or decision: what (``scan`` or ``correction``), when, by whom, why, and its particulars.

    ``by_name`` is None where nobody did it, or the account has gone.
    """

    id: UUID
    kind: str
    at: datetime
    by: UUID | None
    by_name: str | None
    reason: str
    details: dict[str, Any]


def list_history(attendance: Attendance) -> list[HistoryEntry]:
    """Return the scans and decisions of an attendance in the order in which the server got them. Three statements."""
    scans = list(Scan.objects.filter(attendance_id=attendance.pk))
    corrections = list(Correction.objects.filter(attendance=attendance))
    actors = {scan.operator_id for scan in scans} | {one.decided_by_id for one in corrections}
    names = {user.pk: user.display_name for user in User.objects.filter(pk__in=[one for one in actors if one])}
    entries = [
        HistoryEntry(
            id=scan.pk, kind="scan", at=scan.received_at, by=scan.operator_id, by_name=names.get(scan.operator_id),
            reason=scan.reason,
            details={
                "effective_at": scan.effective_at, "direction": scan.direction, "method": scan.method,
                "door": scan.door, "outcome": scan.outcome, "code": scan.code,
            },
        )
        for scan in scans
    ] + [
        HistoryEntry(
            id=one.pk, kind="correction", at=one.decided_at, by=one.decided_by_id,
            by_name=names.get(one.decided_by_id) if one.decided_by_id else None, reason=one.reason,
            details={"from_status": one.from_status, "to_status": one.to_status},
        )
        for one in corrections
    ]  # fmt: skip
    return sorted(entries, key=lambda entry: (entry.at, entry.id))
