"""Counting in the ledger what a host has decided, beside what its doors record."""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from tenants.context import current_campus

_CREDIT: Final = """
    INSERT INTO public.federation_visit (event_id, id, person_id, host, home, attendance_id, session_id, event_title,
                                         session_name, status, first_in_at, last_out_at, created_at, updated_at)
    SELECT e.federated_event_id, gen_random_uuid(), coalesce(u.person_id, w.person_id), %(host)s,
           coalesce(w.home, %(host)s), a.id, s.id, e.title, s.name, a.status, a.first_in_at, a.last_out_at, %(at)s,
           %(at)s
      FROM attendance_attendance a
      JOIN events_event e ON e.id = a.event_id
      JOIN events_session s ON s.id = a.session_id
      LEFT JOIN accounts_user u ON u.id = a.user_id
      LEFT JOIN attendance_visitor w ON w.id = a.visitor_id
     WHERE a.id = %(attendance_id)s
    ON CONFLICT (event_id, person_id) WHERE status <> 'void' DO NOTHING
"""


def credit_attendance(*, attendance_id: UUID, at: datetime) -> bool:
    """Make a visit of an attendance of a federated event that counts; return whether it was made.

    False: the person is counted for the event already, here or at another campus.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CREDIT, {"host": current_campus().code, "at": at, "attendance_id": attendance_id})
        return cursor.rowcount == 1
