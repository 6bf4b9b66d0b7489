"""The ledger's corrections. Stand in the host, in the transaction that corrects its attendance.

Visits are made by the statement that records presence (``attendance.services.recording``), so that scan, attendance and
credit are stored together or not at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from shared_apps.common.ids import uuid7
from shared_apps.federation.models import Visit, VisitChange
from shared_apps.federation.rules import VisitStatus
from tenants.context import current_campus

_FOLLOW: Final = """
    WITH old AS (
        SELECT v.event_id, v.id, v.host, v.home, v.status AS from_status, d.status, d.first_in_at, d.last_out_at
          FROM public.federation_visit v
          JOIN unnest(%(attendances)s::uuid[], %(statuses)s::text[], %(ins)s::timestamptz[], %(outs)s::timestamptz[])
               AS d(attendance_id, status, first_in_at, last_out_at) ON d.attendance_id = v.attendance_id
         WHERE v.event_id = %(event_id)s AND v.host = %(host)s AND v.status <> 'void'
           FOR NO KEY UPDATE OF v
    ), changed AS (
        UPDATE public.federation_visit v
           SET status = old.status, first_in_at = old.first_in_at, last_out_at = old.last_out_at, updated_at = %(at)s
          FROM old WHERE v.event_id = old.event_id AND v.id = old.id
    )
    INSERT INTO public.federation_visitchange (event_id, id, visit_id, host, home, from_status, to_status, reason,
                                               changed_at)
    SELECT event_id, gen_random_uuid(), id, host, home, from_status, status, %(reason)s, %(at)s
      FROM old WHERE status <> from_status
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """The attendance that a visit stands for, with its status and times."""

    attendance_id: UUID
    session_id: UUID
    session_name: str
    status: str
    first_in_at: datetime
    last_out_at: datetime | None


def lock_visit(*, event_id: UUID, person_id: UUID) -> Visit | None:
    """Return the person's visit here, None where there is none that counts; nobody else changes it meanwhile.

    Before asking which attendance is left: doors and corrections of other sessions then are on one side of this or on
    the other.
    """
    visits = Visit.objects.select_for_update(no_key=True)
    mine = visits.filter(event_id=event_id, person_id=person_id, host=current_campus().code)
    return mine.exclude(status=VisitStatus.VOID).first()


def correct_visit(*, visit: Visit, credit: Credit | None, reason: str, at: datetime) -> None:
    """Make ``visit``, which the caller has locked, stand for ``credit``, None making it void.

    Every change is appended to the visit's history, which the home campus reads too.
    """
    if credit is not None and (credit.attendance_id, credit.status) == (visit.attendance_id, visit.status):
        return
    to_status = credit.status if credit else VisitStatus.VOID
    values = {"status": to_status, "updated_at": at}
    if credit is not None:
        values |= {
            "attendance_id": credit.attendance_id, "session_id": credit.session_id, "session_name": credit.session_name,
            "first_in_at": credit.first_in_at, "last_out_at": credit.last_out_at,
        }  # fmt: skip
    Visit.objects.filter(event_id=visit.event_id, id=visit.id).update(**values)
    VisitChange.objects.create(
        event_id=visit.event_id, id=uuid7(), visit_id=visit.id, host=visit.host, home=visit.home,
        from_status=visit.status, to_status=to_status, reason=reason, changed_at=at,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standing:
    """What an attendance that counts says now."""

    attendance_id: UUID
    status: str
    first_in_at: datetime
    last_out_at: datetime | None


def follow_attendances(*, event_id: UUID, standings: Sequence[Standing], reason: str, at: datetime) -> None:
    """Make the visits that stand for these attendances of the caller's campus say the same: one statement.

    A change of status is appended to the visit's history. Locks: the visits; the caller has locked the attendances.
    """
    if not standings:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _FOLLOW,
            {
                "event_id": event_id,
                "host": current_campus().code,
                "attendances": [one.attendance_id for one in standings],
                "statuses": [one.status for one in standings],
                "ins": [one.first_in_at for one in standings],
                "outs": [one.last_out_at for one in standings],
                "reason": reason,
                "at": at,
            },
        )
