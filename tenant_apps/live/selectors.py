"""What was committed since a moment, for all streams of a campus at once."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from django.db import connection

from shared_apps.accounts.rules import display_name
from shared_apps.common.clock import now
from tenant_apps.live.rules import OVERLAP, Cursor
from tenants.context import current_campus


@dataclass(frozen=True, slots=True)
class News:
    """What was found. Each row has ``transaction``, the number that cursors speak of; ``sessions`` are the counts of
    those events that were asked for or have changed, ``organizers`` who runs each event now. ``is_partial``: there was
    too much; the newest is here, and the cursor is right.
    """

    cursor: Cursor
    scans: Sequence[dict[str, Any]]
    corrections: Sequence[dict[str, Any]]
    visits: Sequence[dict[str, Any]]
    sessions: Mapping[str, Sequence[dict[str, Any]]]
    organizers: Mapping[str, str | None]
    is_partial: bool


_MOST: Final = 5000
_INSTANTS: Final = frozenset({"received_at", "effective_at", "decided_at", "first_in_at", "last_out_at"})
# The 32 bits that a row keeps of its transaction's number, made whole: it is below the next one, and not far.
_TRANSACTION: Final = "now.next - ((now.next - {row}.xmin::text::bigint) & 4294967295)"
_NEW: Final = f"{_TRANSACTION} >= coalesce(%(horizon)s, now.horizon) AND {_TRANSACTION} <> ALL (%(seen)s::bigint[])"
_NEWS: Final = """
    WITH now AS MATERIALIZED (
        SELECT pg_snapshot_xmin(s)::text::bigint AS horizon, pg_snapshot_xmax(s)::text::bigint AS next,
               extract(epoch FROM statement_timestamp())::bigint AS at
          FROM pg_current_snapshot() AS s
    ), new_scan AS MATERIALIZED (
        SELECT m.id, m.event_id, m.session_id, m.user_id, m.home, m.person_id, m.guest_id, m.attendance_id,
               m.operator_id, m.door, m.direction, m.method, m.outcome, m.code, m.received_at, m.effective_at,
               {scan_transaction} AS transaction
          FROM now, attendance_scan m
         WHERE m.received_at > %(since)s
           AND (m.event_id = ANY (%(events)s::uuid[]) OR m.user_id = ANY (%(users)s::uuid[]))
           AND {new_scan}
         ORDER BY transaction DESC LIMIT %(most)s
    ), new_correction AS MATERIALIZED (
        SELECT c.id, a.event_id, a.session_id, a.user_id, a.id AS attendance_id, c.from_status, c.to_status,
               c.decided_at, {correction_transaction} AS transaction
          FROM now, attendance_correction c JOIN attendance_attendance a ON a.id = c.attendance_id
         WHERE c.decided_at > %(since)s
           AND (a.event_id = ANY (%(events)s::uuid[]) OR a.user_id = ANY (%(users)s::uuid[]))
           AND {new_correction}
    ), changed AS (
        SELECT unnest(%(counted)s::uuid[]) AS event_id
         UNION SELECT event_id FROM new_scan WHERE outcome <> 'refused'
         UNION SELECT event_id FROM new_correction
         -- Closing a session writes who was absent, and no scan.
         UNION SELECT s.event_id FROM now, events_session s
                WHERE s.event_id = ANY (%(events)s::uuid[]) AND {new_session}
    )
    SELECT now.horizon, now.at,
           (SELECT json_agg(json_build_object(
                       'transaction', m.transaction, 'id', m.id, 'event', m.event_id, 'session', m.session_id,
                       'attendance', m.attendance_id, 'status', a.status, 'operator', m.operator_id, 'door', m.door,
                       'direction', m.direction, 'method', m.method, 'outcome', m.outcome, 'code', m.code,
                       'received_at', m.received_at, 'effective_at', m.effective_at, 'home_campus', m.home,
                       'user_id', m.user_id, 'guest_id', m.guest_id, 'person_id', m.person_id,
                       'student_id', u.student_id, 'first_name', u.first_name, 'last_name', u.last_name,
                       'username', u.username, 'name', coalesce(g.name, w.display_name))
                   ORDER BY m.received_at, m.id)
              FROM new_scan m
              LEFT JOIN accounts_user u ON u.id = m.user_id
              LEFT JOIN events_guest g ON g.id = m.guest_id
              LEFT JOIN attendance_visitor w ON m.user_id IS NULL AND w.person_id = m.person_id
              LEFT JOIN attendance_attendance a ON a.id = m.attendance_id)::text,
           (SELECT json_agg(json_build_object(
                       'transaction', c.transaction, 'id', c.id, 'event', c.event_id, 'session', c.session_id,
                       'attendance', c.attendance_id, 'user_id', c.user_id, 'from_status', c.from_status,
                       'to_status', c.to_status, 'decided_at', c.decided_at)
                   ORDER BY c.decided_at, c.id)
              FROM new_correction c)::text,
           (SELECT json_agg(json_build_object(
                       'transaction', {visit_transaction}, 'id', v.id, 'event', v.event_id, 'event_title',
                       v.event_title, 'session', v.session_id, 'session_name', v.session_name, 'campus', v.host,
                       'person_id', v.person_id, 'status', v.status, 'first_in_at', v.first_in_at,
                       'last_out_at', v.last_out_at)
                   ORDER BY v.updated_at, v.id)
              FROM public.federation_visit v
             WHERE v.person_id = ANY (%(persons)s::uuid[]) AND v.host <> %(me)s AND v.updated_at > %(since)s
               AND {new_visit})::text,
           (SELECT json_object_agg(e.event_id, e.sessions)
              FROM (SELECT s.event_id, json_agg(json_build_object(
                               'session', s.id, 'name', s.name, 'present', n.present, 'late', n.late,
                               'left_early', n.left_early, 'excused', n.excused, 'absent', n.absent)
                           ORDER BY s.starts_at, s.id) AS sessions
                      FROM events_session s,
                   LATERAL (SELECT count(*) FILTER (WHERE a.status = 'present') AS present,
                                   count(*) FILTER (WHERE a.status = 'late') AS late,
                                   count(*) FILTER (WHERE a.status = 'left_early') AS left_early,
                                   count(*) FILTER (WHERE a.status = 'excused') AS excused,
                                   count(*) FILTER (WHERE a.status = 'absent') AS absent
                              FROM attendance_attendance a WHERE a.session_id = s.id) AS n
                     WHERE s.event_id IN (SELECT event_id FROM changed)
                       AND s.event_id = ANY (%(events)s::uuid[])
                     GROUP BY s.event_id) AS e)::text,
           (SELECT json_object_agg(e.id, e.organizer_id)
              FROM events_event e WHERE e.id = ANY (%(events)s::uuid[]))::text
      FROM now
""".format(
    scan_transaction=_TRANSACTION.format(row="m"),
    correction_transaction=_TRANSACTION.format(row="c"),
    visit_transaction=_TRANSACTION.format(row="v"),
    new_scan=_NEW.format(row="m"),
    new_correction=_NEW.format(row="c"),
    new_session=_NEW.format(row="s"),
    new_visit=_NEW.format(row="v"),
)


def find_news(
    *, cursor: Cursor | None, events: AbstractSet[UUID], counted: AbstractSet[UUID], people: Mapping[UUID, UUID | None]
) -> News:
    """Return what ``cursor`` does not cover of these events and of these people (by user id, with their person id).

    Without a cursor nothing but the counts of ``counted`` is to be told; what is found then is what the new cursor has
    to name. One statement, so it is one snapshot. Stand in the campus, outside ``atomic()``.
    """
    campus = current_campus()
    since = datetime.fromtimestamp(cursor.at, UTC) if cursor else now()
    values = {
        "horizon": cursor.horizon if cursor else None,
        "seen": sorted(cursor.seen) if cursor else [],
        "since": since - timedelta(seconds=OVERLAP),
        "events": list(events),
        "counted": list(counted),
        "users": list(people),
        "persons": [person_id for person_id in people.values() if person_id],
        "me": campus.code,
        "most": _MOST + 1,
    }
    with connection.cursor() as asked:
        asked.execute(_NEWS, values)
        horizon, at, *texts = asked.fetchone()
    scans, corrections, visits, sessions, organizers = (orjson.loads(text) if text else [] for text in texts)
    found = [*scans, *corrections, *visits]
    transactions = [row["transaction"] for row in found]
    for row in found:
        row.update({name: _local(row[name], campus.zone) for name in _INSTANTS & row.keys()})
    owners = {person_id: user_id for user_id, person_id in people.items()}
    before = cursor or Cursor(horizon, frozenset(), at)
    return News(
        cursor=before.advance(horizon=horizon, transactions=transactions, at=at),
        scans=[_name_person(row, here=campus.code) for row in scans],
        corrections=corrections,
        visits=[_name_owner(row, owners) for row in visits],
        sessions=sessions or {},
        organizers=organizers or {},
        is_partial=len(scans) > _MOST,
    )


def _local(text: str | None, zone: ZoneInfo) -> str | None:
    return datetime.fromisoformat(text).astimezone(zone).isoformat() if text else None


def _name_owner(row: dict[str, Any], owners: Mapping[UUID | None, UUID]) -> dict[str, Any]:
    """Say whose visit it is by user id, as other rows do: the ledger knows persons only."""
    row["user_id"] = str(owners[UUID(row.pop("person_id"))])
    return row


def _name_person(row: dict[str, Any], *, here: str) -> dict[str, Any]:
    """Say who it is as an answer to a scan does: of visitors the id in the federation; None where nobody is known."""
    user_id, guest_id, person_id, name = (row["user_id"], *(row.pop(key) for key in ("guest_id", "person_id", "name")))
    first, last, username, student_id = (row.pop(key) for key in ("first_name", "last_name", "username", "student_id"))
    if user_id:
        name = display_name(first_name=first, last_name=last, username=username) if username else None
    known = user_id or guest_id or person_id
    row["home_campus"] = row["home_campus"] or (here if known else None)
    row["person"] = {"id": known, "display_name": name, "student_id": student_id} if known else None
    return row
