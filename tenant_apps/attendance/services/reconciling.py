"""Comparing the ledger with a host's attendances, and bringing them into agreement.

Both are written in one transaction, so they differ only after something outside: a campus restored from an older
backup, or a hand in the database. The ledger wins for credit; what the host has and the ledger lacks is credited,
unless another campus counts the person already.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final, cast
from uuid import UUID

from django.db import connection, transaction

from shared_apps.accounts.models import User
from shared_apps.federation.models import Visit
from shared_apps.federation.rules import DifferenceKind, FederatedKind, VisitStatus
from shared_apps.federation.selectors import list_federated_events
from shared_apps.federation.services.hosting import recount_seats
from shared_apps.federation.services.reconciliations import Difference
from shared_apps.federation.services.transfers import remember_transfers
from tenant_apps.attendance.models import Attendance, Correction, Visitor
from tenant_apps.attendance.rules.scans import NOT_THERE, AttendanceStatus, Method
from tenant_apps.attendance.services.crediting import credit_attendance
from tenant_apps.events.models import Event
from tenant_apps.events.services.following import ensure_session, follow_shared_event, refollow_common_event
from tenants.context import campus_context, current_campus
from tenants.models import CampusState
from tenants.registry import list_campuses

_REASON: Final = "Reconciled with the ledger"
# One snapshot of both sides: presence that is recorded meanwhile is on both or on neither.
_DIFFERENCES: Final = """
    WITH present AS (
        SELECT DISTINCT ON (e.federated_event_id, person_id)
               e.federated_event_id AS event_id, coalesce(u.person_id, w.person_id) AS person_id, a.id
          FROM attendance_attendance a
          JOIN events_event e ON e.id = a.event_id AND e.federated_event_id IS NOT NULL
          LEFT JOIN accounts_user u ON u.id = a.user_id
          LEFT JOIN attendance_visitor w ON w.id = a.visitor_id
         WHERE a.status NOT IN ('void', 'absent', 'excused') AND a.guest_id IS NULL
         ORDER BY e.federated_event_id, person_id, a.first_in_at, a.id
    ), credited AS (
        SELECT v.event_id, v.person_id, v.id, v.attendance_id, v.status, a.status AS attendance_status,
               (a.status, a.first_in_at, a.last_out_at) IS NOT DISTINCT FROM (v.status, v.first_in_at, v.last_out_at)
               AS agrees
          FROM public.federation_visit v LEFT JOIN attendance_attendance a ON a.id = v.attendance_id
         WHERE v.host = %s AND v.status <> 'void'
    )
    SELECT coalesce(p.event_id, c.event_id), coalesce(p.person_id, c.person_id), p.id, c.id, c.attendance_status,
           EXISTS (SELECT 1 FROM public.federation_visit u WHERE u.event_id = p.event_id AND u.person_id = p.person_id
                      AND u.host = %s AND u.status = 'void')
      FROM present p FULL JOIN credited c ON c.event_id = p.event_id AND c.person_id = p.person_id
     WHERE p.id IS NULL OR c.id IS NULL OR NOT c.agrees
     ORDER BY 1, 2
"""


def reconcile_hosts(*, at: datetime, repair: bool) -> Iterator[tuple[str, list[Difference] | None]]:
    """Yield (campus code, its differences) of every campus; None for those that cannot be compared now.

    Each campus is compared under its own login, so it sees its own side of the ledger and nothing else. Suspended ones
    are compared too: a suspension stops serving, not keeping accounts.
    """
    for campus in list_campuses():
        if campus.state == CampusState.ARCHIVED:
            continue
        if campus.state == CampusState.PROVISIONING:
            yield campus.code, None
            continue
        with campus_context(campus):
            yield campus.code, reconcile_host(at=at, repair=repair)


def reconcile_host(*, at: datetime, repair: bool) -> list[Difference]:
    """Compare the ledger with this campus's attendances, per event and person; with ``repair`` make them agree.

    Stand in the campus. Each difference is repaired in a transaction of its own, so a run may be killed and run again.
    """
    me = current_campus().code
    found = [
        Difference(host=me, kind=DifferenceKind.TRANSFER, person_id=person_id, repaired=mended)
        for person_id, mended in remember_transfers(at=at, repair=repair)
    ]
    for shared in list_federated_events().filter(host=me):
        if recount_seats(event_id=shared.pk, at=at, repair=repair):
            found.append(Difference(host=me, kind=DifferenceKind.SEATS, event=shared.pk, repaired=repair))
        if follow_shared_event(shared=shared, at=at, repair=repair):
            found.append(Difference(host=me, kind=DifferenceKind.EVENT, event=shared.pk, repaired=repair))
    for shared in list_federated_events().filter(kind=FederatedKind.UNIVERSITY, participants__contains=[me]):
        visits = Visit.objects.filter(event_id=shared.pk, host=me).exclude(status=VisitStatus.VOID)
        if refollow_common_event(shared=shared, was_held=visits.exists(), at=at, repair=repair):
            found.append(Difference(host=me, kind=DifferenceKind.EVENT, event=shared.pk, repaired=repair))
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERENCES, [me, me])
        rows = cursor.fetchall()
    for event_id, person_id, attendance_id, visit_id, attendance_status, was_undone in rows:
        if visit_id is None:
            kind = DifferenceKind.STATUS if was_undone else DifferenceKind.UNCREDITED
        elif attendance_status is None or attendance_status in NOT_THERE:
            kind = DifferenceKind.MISSING_ATTENDANCE
        else:
            kind = DifferenceKind.STATUS
        one = Difference(host=me, kind=kind, event=event_id, person_id=person_id)
        if repair:
            if visit_id is not None:
                one = _restore(one, visit_id, at=at)
            elif was_undone:
                one = _undo_again(one, at=at)
            else:
                one = _credit(one, attendance_id, at=at)
        found.append(one)
    return found


@transaction.atomic
def _credit(one: Difference, attendance_id: UUID, *, at: datetime) -> Difference:
    """Credit presence that the ledger lacks; where another campus counts the person, the presence becomes void."""
    if credit_attendance(attendance_id=attendance_id, at=at):
        return replace(one, repaired=True)
    return replace(_undo_again(one, at=at), kind=DifferenceKind.COUNTED_ELSEWHERE)


@transaction.atomic
def _undo_again(one: Difference, *, at: datetime) -> Difference:
    """Make presence void of which the ledger's last word is that it does not count: the host forgot, not the ledger."""
    for attendance in _attendances_of(cast(UUID, one.event), cast(UUID, one.person_id)):
        _set_status(attendance, AttendanceStatus.VOID, at=at)
    return replace(one, repaired=True)


@transaction.atomic
def _restore(one: Difference, visit_id: UUID, *, at: datetime) -> Difference:
    """Make the attendance that a visit stands for what the visit says, also where the host has lost it."""
    visit = Visit.objects.get(event_id=cast(UUID, one.event), id=visit_id)
    attendance = Attendance.objects.select_for_update(no_key=True).filter(pk=visit.attendance_id).first()
    if attendance is not None:
        _follow_visit(attendance, visit, at=at)
        return replace(one, repaired=True)
    event = Event.objects.filter(federated_event_id=one.event).first()
    if event is None:
        return replace(one, detail="The host has no such event any more.")
    session = ensure_session(event=event, session_id=visit.session_id, name=visit.session_name)
    user = User.objects.filter(person_id=visit.person_id).first() if visit.home == visit.host else None
    visitor = None
    if user is None:
        if visit.home == visit.host:
            return replace(one, detail="The host knows this person no longer.")
        visitor, _ = Visitor.objects.get_or_create(
            person_id=visit.person_id, defaults={"home": visit.home, "created_at": at}
        )
    again = (
        Attendance.objects.select_for_update(no_key=True).filter(session=session, user=user, visitor=visitor).first()
    )
    if again is not None:  # scanned once more after the restore: the visit stands for that one
        Visit.objects.filter(event_id=visit.event_id, id=visit.id).update(attendance_id=again.pk, updated_at=at)
        _follow_visit(again, visit, at=at)
        return replace(one, repaired=True)
    Attendance.objects.create(
        id=visit.attendance_id, event=event, session=session, user=user, visitor=visitor, status=visit.status,
        first_in_at=visit.first_in_at, last_out_at=visit.last_out_at, first_scan_id=visit.attendance_id,
        method=Method.NONE, created_at=visit.created_at, updated_at=at,
    )  # fmt: skip
    return replace(one, repaired=True)


def _attendances_of(event_id: UUID, person_id: UUID) -> list[Attendance]:
    rows = (
        Attendance.objects.select_for_update(no_key=True, of=("self",))
        .filter(event__federated_event_id=event_id)
        .exclude(status__in=NOT_THERE)
    )
    return [*rows.filter(user__person_id=person_id), *rows.filter(visitor__person_id=person_id)]


def _follow_visit(attendance: Attendance, visit: Visit, *, at: datetime) -> None:
    # The times first: whoever was absent has none, and whoever is present must have.
    attendance.first_in_at, attendance.last_out_at, attendance.updated_at = visit.first_in_at, visit.last_out_at, at
    attendance.save(update_fields=["first_in_at", "last_out_at", "updated_at"])
    _set_status(attendance, AttendanceStatus(visit.status), at=at)


def _set_status(attendance: Attendance, status: AttendanceStatus, *, at: datetime) -> None:
    if attendance.status == status:
        return
    Correction.objects.create(
        attendance=attendance, from_status=attendance.status, to_status=status, reason=_REASON, decided_at=at
    )
    attendance.status, attendance.updated_at = status, at
    attendance.save(update_fields=["status", "updated_at"])
