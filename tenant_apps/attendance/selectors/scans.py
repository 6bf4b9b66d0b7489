"""What a decision on a scan needs to know: one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson

from shared_apps.accounts.rules import display_name
from shared_apps.federation.rules import (
    Admission,
    FederatedKind,
    FederatedStatus,
    RegistrationState,
    has_free_seat,
    is_invited,
)
from tenant_apps.attendance.rules.decisions import Existing, Known
from tenant_apps.attendance.rules.presence import Mark, Policy
from tenant_apps.attendance.rules.scanners import ScannerKind
from tenant_apps.attendance.rules.scans import Direction, Method, Window
from tenant_apps.events.rules.registrations import RegistrationMode
from tenants.postgresql.prepared import Statement


@dataclass(frozen=True, slots=True)
class EventFacts:
    """The event of a scan. ``policies`` are those of its sessions; ``closed`` those whose absences were derived."""

    status: str
    title: str
    organizer_id: UUID | None
    windows: tuple[Window, ...]
    federated_event_id: UUID | None
    registration: str = RegistrationMode.NONE
    needs_rotating_pass: bool = False
    policies: Mapping[UUID, Policy] = field(default_factory=dict)
    closed: frozenset[UUID] = frozenset()

    @property
    def needs_place(self) -> bool:
        """Whether only those who have a place are let in."""
        return self.registration in {RegistrationMode.REQUIRED, RegistrationMode.APPROVAL}


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """The person of a scan, with what the operator at the door is shown; ``person_id`` is None for a guest, who is
    nobody in the federation. ``place``: the state of their registration.
    """

    known: Known
    person_id: UUID | None
    display_name: str
    student_id: str | None
    place: str | None = None

    @property
    def is_guest(self) -> bool:
        """Whether they have no account."""
        return self.person_id is None


@dataclass(frozen=True, slots=True)
class VisitorFacts:
    """The holder of another campus's pass. ``id`` and ``display_name`` are None until this campus knows them."""

    id: UUID | None
    display_name: str | None
    needs_place: bool
    has_place: bool
    admission: Admission


@dataclass(frozen=True, slots=True)
class ScannerFacts:
    """The enrolled device that the operator is, with what it may do."""

    id: UUID
    kind: ScannerKind
    event_ids: frozenset[UUID]
    expires_at: datetime
    revoked_at: datetime | None

    def is_valid(self, at: datetime) -> bool:
        """Return whether it may record at that instant."""
        return self.revoked_at is None and at < self.expires_at


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
    scanner: ScannerFacts | None = None
    # Sessions and times at which the person went without having come, as far as was known then.
    goings: tuple[tuple[UUID, datetime], ...] = ()

    def goings_from(self, session_id: UUID) -> tuple[Mark, ...]:
        """Return those of one session: they count once an earlier coming arrives."""
        return tuple(Mark(at, Direction.OUT) for where, at in self.goings if where == session_id)


_WHO: Final = {
    Method.PASS: "u.person_id = %(value)s",
    Method.STUDENT_ID: "lower(u.student_id) = lower(%(value)s)",
    Method.USER: "u.id = %(value)s",
    Method.VENUE_CODE: "u.id = %(value)s",
    Method.GUEST: "false",
    Method.NONE: "%(value)s IS NOT NULL",
}
EVENT: Final = "e.status, e.title, e.organizer_id, e.federated_event_id, e.registration, e.needs_rotating_pass"
SESSIONS: Final = """
    (SELECT json_agg(json_build_array(s.id, s.opens_at, s.starts_at, s.late_after, s.ends_at, s.closes_at,
                                      s.requires_check_out, s.missing_check_out, s.allows_re_entry, s.minimum_stay,
                                      s.closed_at IS NOT NULL) ORDER BY s.starts_at, s.id)
       FROM events_session s WHERE s.event_id = e.id)::text
"""
# What counts for an attendance: its scans that were not refused, since it was last void.
EXISTING: Final = """
    json_build_array(
        a.id, a.session_id, a.status, a.decided_status, a.first_in_at, a.last_out_at, a.stayed, a.first_scan_id,
        a.method, a.operator_id, a.xmin::text, a.user_id IS NOT NULL,
        (SELECT json_agg(json_build_array(m.effective_at, m.direction))
           FROM attendance_scan m
          WHERE m.attendance_id = a.id AND m.outcome <> 'refused'
            AND m.received_at > coalesce((SELECT max(c.decided_at) FROM attendance_correction c
                                           WHERE c.attendance_id = a.id AND c.to_status = 'void'), '-infinity')))
"""
# Goings of somebody who had not come, as far as was known then: refused, and true once an earlier coming arrives.
SUBJECT: Final = "coalesce(m.user_id, m.person_id, m.guest_id)"
GOING: Final = "m.code = 'not_checked_in'"
# Each index by itself: joined by OR they are dearer than reading a table that is small yet, and a statement that was
# planned then goes on reading it while it grows. ``IS TRUE`` keeps the event's index out: whoever comes has few
# attendances, and a great event has thousands.
_FACTS: Final = """
    SELECT {event}, {sessions},
           u.id, u.person_id, u.first_name, u.last_name, u.username, u.student_id, u.is_active, u.pass_serial,
           g.id, g.name,
           (SELECT r.state FROM events_registration r
             WHERE r.event_id = e.id AND (r.user_id = u.id OR r.guest_id = g.id)),
           (SELECT json_agg({existing} ORDER BY a.status = 'void')
              FROM (SELECT xmin, * FROM attendance_attendance WHERE user_id = u.id
                    UNION ALL SELECT xmin, * FROM attendance_attendance WHERE visitor_id = w.id
                    UNION ALL SELECT xmin, * FROM attendance_attendance WHERE guest_id = g.id) a
             WHERE (a.event_id = e.id) IS TRUE)::text,
           (SELECT json_agg(json_build_array(m.session_id, m.effective_at))
              FROM events_session s JOIN attendance_scan m ON m.session_id = s.id AND {going}
             WHERE s.event_id = e.id AND {who_went} = {subject})::text,
           p.fingerprint, p.code, p.answer::text, k.id, k.kind, k.event_ids, k.expires_at, k.revoked_at {columns}
      FROM (SELECT 1) AS one
      LEFT JOIN events_event e ON e.id = %(event_id)s
      LEFT JOIN accounts_user u ON {who}
      LEFT JOIN events_guest g ON {guest}
      LEFT JOIN attendance_scan p ON p.scan_id = %(scan_id)s
      LEFT JOIN attendance_scanner k ON k.user_id = %(operator_id)s
      LEFT JOIN attendance_visitor w ON w.person_id = {person_id}
      {joins}
"""
# Whoever has moved may be a person of this campus and a visitor: what they have here is theirs either way, and what is
# void comes last.
_VISITOR: Final = {
    "person_id": "%(value)s",
    "subject": "%(value)s",
    "columns": ", w.id, w.display_name, f.kind, f.status, %(home)s = ANY(f.participants), i.event_id IS NOT NULL, "
    "i.seats, coalesce(i.taken, 0), r.state, coalesce(x.through_serial, 0)",
    "joins": """
      LEFT JOIN public.federation_federatedevent f ON f.id = e.federated_event_id
      LEFT JOIN public.federation_invitation i
             ON i.event_id = f.id AND i.host = f.host AND i.campus = %(home)s AND i.withdrawn_at IS NULL
      LEFT JOIN public.federation_federatedregistration r
             ON r.event_id = f.id AND r.person_id = %(value)s AND r.home = %(home)s
      LEFT JOIN public.tenants_revokedpass x ON x.home = %(home)s AND x.person_id = %(value)s
    """,
}


_VALUE_TYPES: Final = {
    Method.PASS: "uuid",
    Method.STUDENT_ID: "text",
    Method.USER: "uuid",
    Method.VENUE_CODE: "uuid",
    Method.GUEST: "bytea",
    Method.NONE: "text",
}
_TYPES: Final = {"event_id": "uuid", "scan_id": "uuid", "operator_id": "uuid", "home": "text"}
_COMMON: Final = {"event": EVENT, "sessions": SESSIONS, "existing": EXISTING, "going": GOING, "who_went": SUBJECT}
# Planned once a connection: planning one of them takes several times as long as running it.
_STATEMENTS: Final = {
    method: Statement(
        _FACTS.format(
            **_COMMON, who=who, person_id="u.person_id", subject="coalesce(u.id, g.id)", columns="", joins="",
            guest="g.pass_digest = %(value)s AND g.event_id = e.id" if method == Method.GUEST else "false",
        ),
        {**_TYPES, "value": _VALUE_TYPES[method]},
    )
    for method, who in _WHO.items()
}  # fmt: skip
_VISITOR_STATEMENT: Final = Statement(
    _FACTS.format(**_COMMON, who=_WHO[Method.PASS], guest="false", **_VISITOR), {**_TYPES, "value": "uuid"}
)


def find_scan_facts(
    *, event_id: UUID, method: str, value: str | UUID | bytes | None, scan_id: UUID | None, operator_id: UUID
) -> ScanFacts:
    """Return event, sessions, person, what they have there already, what the scan_id was used for and which device the
    operator is: one statement.

    ``value`` is a person id (pass), the digest of a guest's pass, a student id or a user id, by ``method``; None finds
    nobody.
    """
    asked = {"event_id": event_id, "value": value, "scan_id": scan_id, "operator_id": operator_id}
    return _facts(_STATEMENTS[Method(method)].run(asked))[0]


def find_visitor_scan_facts(
    *, event_id: UUID, home: str, is_home_archived: bool, person_id: UUID, scan_id: UUID | None, operator_id: UUID
) -> ScanFacts:
    """The same for the holder of another campus's pass, with what the federation says of them: one statement."""
    asked = {"event_id": event_id, "value": person_id, "scan_id": scan_id, "operator_id": operator_id, "home": home}
    facts, rest = _facts(_VISITOR_STATEMENT.run(asked))
    visitor_id, name, *federated = rest
    visitor = read_visitor(visitor_id, name, federated, is_home_archived=is_home_archived)
    return replace(facts, person=None, visitor=visitor)


def read_visitor(
    visitor_id: UUID | None, name: str | None, federated: Sequence[Any], *, is_home_archived: bool
) -> VisitorFacts:
    """Return what the federation's columns say of a visitor: (kind, status, whether the home takes part, whether it is
    invited, seats, taken, state of the place, serial through which passes are revoked).
    """
    kind, status, participates, has_invitation, seats, taken, place, revoked_through = federated
    is_open = status == FederatedStatus.PUBLISHED
    needs_place, has_place = kind != FederatedKind.UNIVERSITY, place == RegistrationState.REGISTERED
    admission = Admission(
        home_archived=is_home_archived,
        invited=is_open
        and is_invited(kind=kind, home_participates=bool(participates), has_invitation=bool(has_invitation)),
        revoked_through=revoked_through,
        has_seat=not needs_place or has_place or has_free_seat(seats=seats, taken=taken),
    )
    return VisitorFacts(visitor_id, name, needs_place, has_place, admission)


def _facts(row: tuple[Any, ...]) -> tuple[ScanFacts, list[Any]]:
    """Return what every scan needs of the row, and the columns that only visitors have."""
    event_columns, person_columns, (guest_id, guest_name, place, existing, goings) = row[:7], row[7:15], row[15:20]
    (fingerprint, code, answer), scanner_columns, rest = row[20:23], row[23:28], row[28:]
    person = prior = None
    if person_columns[0] is not None:
        person = read_person(person_columns, place)
    elif guest_id is not None:
        person = read_guest(guest_id, guest_name, place)
    if fingerprint is not None:
        prior = PriorScan(bytes(fingerprint), code, orjson.loads(answer))
    facts = ScanFacts(
        event=read_event(event_columns) if event_columns[0] is not None else None,
        person=person,
        existing=tuple(read_existing(values) for values in orjson.loads(existing or "[]")),
        prior=prior,
        scanner=read_scanner(scanner_columns) if scanner_columns[0] is not None else None,
        goings=tuple((UUID(session), datetime.fromisoformat(at)) for session, at in orjson.loads(goings or "[]")),
    )
    return facts, list(rest)


def read_event(columns: Sequence[Any]) -> EventFacts:
    """Return the event of ``EVENT`` and ``SESSIONS``."""
    status, title, organizer_id, federated_event_id, registration, needs_rotating_pass, sessions = columns
    rows = [(_window(values[:6]), _policy(values[6:10]), values[10]) for values in orjson.loads(sessions or "[]")]
    return EventFacts(
        status=status,
        title=title,
        organizer_id=organizer_id,
        windows=tuple(window for window, _, _ in rows),
        federated_event_id=federated_event_id,
        registration=registration,
        needs_rotating_pass=needs_rotating_pass,
        policies={window.id: policy for window, policy, _ in rows},
        closed=frozenset(window.id for window, _, is_closed in rows if is_closed),
    )


def read_person(columns: Sequence[Any], place: str | None) -> PersonFacts:
    """Return somebody with an account."""
    user_id, person_id, first, last, username, student_id, active, serial = columns
    name = display_name(first_name=first, last_name=last, username=username)
    return PersonFacts(Known(user_id, active, serial), person_id, name, student_id, place)


def read_guest(guest_id: UUID, name: str, place: str | None) -> PersonFacts:
    """Return somebody without an account."""
    return PersonFacts(Known(guest_id, is_active=True, pass_serial=0), None, name, None, place)


def read_scanner(columns: Sequence[Any]) -> ScannerFacts:
    """Return the device."""
    id_, kind, event_ids, expires_at, revoked_at = columns
    return ScannerFacts(id_, ScannerKind(kind), frozenset(event_ids), expires_at, revoked_at)


def read_existing(values: Sequence[Any]) -> Existing:
    """Return the attendance of ``EXISTING``."""
    (id_, session_id, status, decided, first_in, last_out, stayed, first_scan, method, operator, version, is_account,
     marks) = values  # fmt: skip
    return Existing(
        id=UUID(id_),
        session_id=UUID(session_id),
        status=status,
        decided_status=decided,
        first_in_at=datetime.fromisoformat(first_in) if first_in else None,
        last_out_at=datetime.fromisoformat(last_out) if last_out else None,
        stayed=stayed,
        first_scan_id=UUID(first_scan) if first_scan else None,
        method=method,
        operator_id=UUID(operator) if operator else None,
        version=version,
        is_account=is_account,
        marks=tuple(Mark(datetime.fromisoformat(at), direction) for at, direction in marks or ()),
    )


def _window(values: Sequence[str]) -> Window:
    return Window(UUID(values[0]), *map(datetime.fromisoformat, values[1:]))


def _policy(values: Sequence[Any]) -> Policy:
    requires_check_out, missing_check_out, allows_re_entry, minimum_stay = values
    minimum = None if minimum_stay is None else timedelta(minutes=minimum_stay)
    return Policy(requires_check_out, missing_check_out, allows_re_entry, minimum)
