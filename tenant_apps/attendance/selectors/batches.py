"""What decisions on many scans need to know: a number of statements that does not grow with the number of scans."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from tenant_apps.attendance.rules.decisions import Existing
from tenant_apps.attendance.rules.scans import Method
from tenant_apps.attendance.selectors.scans import (
    EVENT,
    EXISTING,
    GOING,
    SESSIONS,
    SUBJECT,
    EventFacts,
    PersonFacts,
    PriorScan,
    read_event,
    read_existing,
    read_guest,
    read_person,
)

_COLUMNS: Final = "u.id, u.person_id, u.first_name, u.last_name, u.username, u.student_id, u.is_active, u.pass_serial"
_PEOPLE: Final = f"""
    SELECT 'pass', t.named::text, NULL::uuid, {_COLUMNS}
      FROM unnest(%(passes)s::uuid[]) AS t (named) JOIN accounts_user u ON u.person_id = t.named
    UNION ALL
    SELECT 'user', t.named::text, NULL, {_COLUMNS}
      FROM unnest(%(users)s::uuid[]) AS t (named) JOIN accounts_user u ON u.id = t.named
    UNION ALL
    SELECT 'student_id', t.named, NULL, {_COLUMNS}
      FROM unnest(%(student_ids)s::text[]) AS t (named) JOIN accounts_user u ON lower(u.student_id) = lower(t.named)
    UNION ALL
    SELECT 'guest', encode(g.pass_digest, 'hex'), g.event_id, g.id, NULL::uuid, g.name, '', '', NULL, true, 0
      FROM unnest(%(guests)s::bytea[]) AS t (named) JOIN events_guest g ON g.pass_digest = t.named
"""
# One snapshot of everything that may have to be locked first.
_FACTS: Final = f"""
    SELECT (SELECT json_agg(json_build_array(s.event_id, {SUBJECT}, m.session_id, m.effective_at))
              FROM events_session s JOIN attendance_scan m ON m.session_id = s.id AND {GOING}
             WHERE s.event_id = ANY(%(events)s::uuid[]) AND {SUBJECT} = ANY(%(subjects)s::uuid[]))::text,
           (SELECT json_agg(json_build_array(e.id, {EVENT}, {SESSIONS}))
              FROM events_event e WHERE e.id = ANY(%(events)s::uuid[]))::text,
           (SELECT json_agg(json_build_array(p.scan_id, encode(p.fingerprint, 'hex'), p.code, p.answer))
              FROM attendance_scan p WHERE p.scan_id = ANY(%(scan_ids)s::uuid[]))::text,
           (SELECT json_agg(json_build_array(a.event_id, coalesce(u.person_id, w.person_id, a.guest_id), {EXISTING})
                            ORDER BY a.status = 'void')
              FROM attendance_attendance a
              LEFT JOIN accounts_user u ON u.id = a.user_id
              LEFT JOIN attendance_visitor w ON w.id = a.visitor_id
             WHERE a.id = ANY(%(attendances)s::uuid[]))::text,
           (SELECT json_agg(json_build_array(r.event_id, coalesce(r.user_id, r.guest_id), r.state))
              FROM events_registration r
             WHERE r.event_id = ANY(%(events)s::uuid[])
               AND (r.user_id = ANY(%(users)s::uuid[]) OR r.guest_id = ANY(%(guests)s::uuid[])))::text,
           (SELECT json_agg(json_build_array(t.event_id, t.person_id, w.id, w.display_name, f.kind, f.status,
                                             t.home = ANY(f.participants), i.event_id IS NOT NULL, i.seats,
                                             coalesce(i.taken, 0), r.state, coalesce(x.through_serial, 0)))
              FROM unnest(%(visitor_events)s::uuid[], %(homes)s::text[], %(visitors)s::uuid[])
                   AS t (event_id, home, person_id)
              LEFT JOIN events_event e ON e.id = t.event_id
              LEFT JOIN attendance_visitor w ON w.person_id = t.person_id
              LEFT JOIN public.federation_federatedevent f ON f.id = e.federated_event_id
              LEFT JOIN public.federation_invitation i
                     ON i.event_id = f.id AND i.host = f.host AND i.campus = t.home AND i.withdrawn_at IS NULL
              LEFT JOIN public.federation_federatedregistration r
                     ON r.event_id = f.id AND r.person_id = t.person_id AND r.home = t.home
              LEFT JOIN public.tenants_revokedpass x ON x.home = t.home AND x.person_id = t.person_id)::text
"""

Named = tuple[str, str, UUID | None]
"""How somebody is named: the method, what was shown as text, and for a guest the event."""


@dataclass(frozen=True, slots=True)
class BatchFacts:
    """Everything the decisions need. People are known by their id in the federation, guests by their own."""

    events: Mapping[UUID, EventFacts]
    priors: Mapping[UUID, PriorScan]
    existing: Mapping[tuple[UUID, UUID], list[Existing]]
    places: Mapping[tuple[UUID, UUID], str]
    visitors: Mapping[tuple[UUID, UUID], list[Any]]
    # Sessions and times of goings before any coming, by event and person: user, guest, or person id of a visitor.
    goings: Mapping[tuple[UUID, UUID], list[tuple[UUID, datetime]]]


def find_people(
    *, passes: Iterable[UUID], users: Iterable[str], student_ids: Iterable[str], guests: Iterable[bytes]
) -> dict[Named, PersonFacts]:
    """Return who is named by person ids, user ids, student ids (as they were written) and digests of guests' passes."""
    asked: dict[str, Any] = {
        "passes": list(passes), "users": list(users), "student_ids": list(student_ids), "guests": list(guests),
    }  # fmt: skip
    found: dict[Named, PersonFacts] = {}
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE, asked)
        for method, named, event_id, *columns in cursor.fetchall():
            is_guest = method == Method.GUEST
            person = read_guest(columns[0], columns[2], None) if is_guest else read_person(columns, None)
            found[method, named, event_id] = person
    return found


def find_batch_facts(
    *,
    events: Iterable[UUID],
    scan_ids: Iterable[UUID],
    attendances: Iterable[UUID],
    users: Iterable[UUID],
    guests: Iterable[UUID],
    visitors: Iterable[tuple[UUID, str, UUID]],
) -> BatchFacts:
    """Return events with their sessions, what the scan_ids were used for, the attendances, places of people and guests,
    and what the federation says of visitors (event, home, person id): one statement.
    """
    triples = list(visitors)
    asked: dict[str, Any] = {
        "events": list(events), "scan_ids": list(scan_ids), "attendances": list(attendances), "users": list(users),
        "guests": list(guests), "visitor_events": [event for event, _, _ in triples],
        "homes": [home for _, home, _ in triples], "visitors": [person for _, _, person in triples],
        "subjects": [*users, *guests, *(person for _, _, person in triples)],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_FACTS, asked)
        going_rows, event_rows, prior_rows, existing_rows, place_rows, visitor_rows = (
            json.loads(text or "[]") for text in cursor.fetchone()
        )
    goings: dict[tuple[UUID, UUID], list[tuple[UUID, datetime]]] = {}
    for event_id, subject, session_id, at in going_rows:
        goings.setdefault((UUID(event_id), UUID(subject)), []).append((UUID(session_id), datetime.fromisoformat(at)))
    existing: dict[tuple[UUID, UUID], list[Existing]] = {}
    for event_id, subject, values in existing_rows:
        existing.setdefault((UUID(event_id), UUID(subject)), []).append(read_existing(values))
    return BatchFacts(
        events={UUID(id_): read_event(_with_ids(columns)) for id_, *columns in event_rows},
        priors={UUID(id_): PriorScan(bytes.fromhex(digest), code, body) for id_, digest, code, body in prior_rows},
        existing=existing,
        places={(UUID(event_id), UUID(subject)): state for event_id, subject, state in place_rows},
        visitors={(UUID(event_id), UUID(person)): columns for event_id, person, *columns in visitor_rows},
        goings=goings,
    )


def _with_ids(columns: list[Any]) -> list[Any]:
    """Return an event's columns with ids instead of their texts."""
    status, title, organizer_id, federated_event_id, *rest = columns
    ids = (UUID(text) if text else None for text in (organizer_id, federated_event_id))
    return [status, title, *ids, *rest]
