"""What a decision on a scan needs to know: one statement."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from shared_apps.accounts.rules import display_name
from shared_apps.federation.rules import (
    Admission,
    FederatedKind,
    FederatedStatus,
    RegistrationState,
    has_free_seat,
    is_invited,
)
from tenant_apps.attendance.rules.scans import Existing, Known, Method, Window


@dataclass(frozen=True, slots=True)
class EventFacts:
    """The event of a scan."""

    status: str
    title: str
    organizer_id: UUID | None
    windows: tuple[Window, ...]
    federated_event_id: UUID | None


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """The person of a scan, with what the operator at the door is shown."""

    known: Known
    person_id: UUID
    display_name: str
    student_id: str | None


@dataclass(frozen=True, slots=True)
class VisitorFacts:
    """The holder of another campus's pass. ``id`` and ``display_name`` are None until this campus knows them."""

    id: UUID | None
    display_name: str | None
    needs_place: bool
    has_place: bool
    admission: Admission


@dataclass(frozen=True, slots=True)
class PriorScan:
    """The scan that has this scan_id already."""

    fingerprint: bytes
    code: str
    answer: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ScanFacts:
    """Everything the decision needs; None where there is no such thing."""

    event: EventFacts | None
    person: PersonFacts | None
    existing: tuple[Existing, ...]
    prior: PriorScan | None
    visitor: VisitorFacts | None = None


_WHO: Final = {
    Method.PASS: "u.person_id = %s",
    Method.STUDENT_ID: "lower(u.student_id) = lower(%s)",
    Method.USER: "u.id = %s",
    Method.NONE: "%s IS NOT NULL",
}
_FACTS: Final = """
    SELECT e.status, e.title, e.organizer_id, e.federated_event_id,
           (SELECT json_agg(json_build_array(s.id, s.opens_at, s.starts_at, s.late_after, s.ends_at, s.closes_at)
                            ORDER BY s.starts_at, s.id)
              FROM events_session s WHERE s.event_id = e.id)::text,
           u.id, u.person_id, u.first_name, u.last_name, u.username, u.student_id, u.is_active, u.pass_serial,
           (SELECT json_agg(json_build_array(a.id, a.session_id, a.status, a.first_in_at, a.last_out_at,
                                             a.first_scan_id, a.method, a.operator_id) ORDER BY a.status = 'void')
              FROM attendance_attendance a WHERE (a.user_id = u.id OR a.visitor_id = w.id) AND a.event_id = e.id)::text,
           p.fingerprint, p.code, p.answer::text {columns}
      FROM (SELECT 1) AS one
      LEFT JOIN events_event e ON e.id = %s
      LEFT JOIN accounts_user u ON {who}
      LEFT JOIN attendance_scan p ON p.scan_id = %s
      LEFT JOIN attendance_visitor w ON w.person_id = {person_id}
      {joins}
"""
# Whoever has moved may be a person of this campus and a visitor: what they have here is theirs either way, and what is
# void comes last.
_VISITOR: Final = {
    "person_id": "%s",
    "columns": ", w.id, w.display_name, f.kind, f.status, %s = ANY(f.participants), i.event_id IS NOT NULL, i.seats, "
    "coalesce(i.taken, 0), r.state, coalesce(x.through_serial, 0)",
    "joins": """
      LEFT JOIN public.federation_federatedevent f ON f.id = e.federated_event_id
      LEFT JOIN public.federation_invitation i
             ON i.event_id = f.id AND i.host = f.host AND i.campus = %s AND i.withdrawn_at IS NULL
      LEFT JOIN public.federation_federatedregistration r ON r.event_id = f.id AND r.person_id = %s AND r.home = %s
      LEFT JOIN public.tenants_revokedpass x ON x.home = %s AND x.person_id = %s
    """,
}


def find_scan_facts(*, event_id: UUID, method: str, value: str | UUID | None, scan_id: UUID | None) -> ScanFacts:
    """Return event, sessions, person, what they have there already and what the scan_id was used for: one statement.

    ``value`` is a person id (pass), a student id or a user id, by ``method``; None finds nobody.
    """
    statement = _FACTS.format(who=_WHO[Method(method)], person_id="u.person_id", columns="", joins="")
    with connection.cursor() as cursor:
        cursor.execute(statement, [event_id, value, scan_id])
        return _facts(cursor.fetchone())[0]


def find_visitor_scan_facts(
    *, event_id: UUID, home: str, is_home_archived: bool, person_id: UUID, scan_id: UUID | None
) -> ScanFacts:
    """The same for the holder of another campus's pass, with what the federation says of them: one statement."""
    statement = _FACTS.format(who=_WHO[Method.PASS], **_VISITOR)
    values: list[Any] = [home, event_id, person_id, scan_id, person_id, home, person_id, home, home, person_id]
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        facts, rest = _facts(cursor.fetchone())
    visitor_id, name, kind, status, participates, has_invitation, seats, taken, place, revoked_through = rest
    is_open = status == FederatedStatus.PUBLISHED
    needs_place, has_place = kind != FederatedKind.UNIVERSITY, place == RegistrationState.REGISTERED
    admission = Admission(
        home_archived=is_home_archived,
        invited=is_open
        and is_invited(kind=kind, home_participates=bool(participates), has_invitation=bool(has_invitation)),
        revoked_through=revoked_through,
        has_seat=not needs_place or has_place or has_free_seat(seats=seats, taken=taken),
    )
    return replace(facts, person=None, visitor=VisitorFacts(visitor_id, name, needs_place, has_place, admission))


def _facts(row: tuple[Any, ...]) -> tuple[ScanFacts, list[Any]]:
    """Return what every scan needs of the row, and the columns that only visitors have."""
    status, title, organizer_id, federated_event_id, windows, *person_columns = row[:13]
    user_id, person_id, first, last, username, student_id, active, serial = person_columns
    existing, fingerprint, code, answer, *rest = row[13:]
    event = person = prior = None
    if status is not None:
        event = EventFacts(
            status,
            title,
            organizer_id,
            tuple(_window(values) for values in json.loads(windows or "[]")),
            federated_event_id,
        )
    if user_id is not None:
        name = display_name(first_name=first, last_name=last, username=username)
        person = PersonFacts(Known(user_id, active, serial), person_id, name, student_id)
    if fingerprint is not None:
        prior = PriorScan(bytes(fingerprint), code, json.loads(answer))
    return ScanFacts(event, person, tuple(_existing(values) for values in json.loads(existing or "[]")), prior), rest


def _window(values: list[str]) -> Window:
    return Window(UUID(values[0]), *map(datetime.fromisoformat, values[1:]))


def _existing(values: list[Any]) -> Existing:
    id_, session_id, status, first_in, last_out, first_scan_id, method, operator_id = values
    return Existing(
        id=UUID(id_),
        session_id=UUID(session_id),
        status=status,
        first_in_at=datetime.fromisoformat(first_in),
        last_out_at=datetime.fromisoformat(last_out) if last_out else None,
        first_scan_id=UUID(first_scan_id),
        method=method,
        operator_id=UUID(operator_id) if operator_id else None,
    )
