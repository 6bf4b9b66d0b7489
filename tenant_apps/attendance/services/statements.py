"""The SQL that records presence. One statement writes a scan and all that follows from it, or nothing."""

from functools import lru_cache
from typing import Final

from tenants.postgresql.prepared import Statement

# Values by name, with their SQL types. Statements are planned once a connection: planning takes longer than running.
_TYPES: Final = {
    **dict.fromkeys(
        ("id", "scan_id", "event_id", "federated_event_id", "session_id", "user_id", "guest_id", "visitor_person_id",
         "person_id", "attendance_id", "operator_id", "scanner_id", "visit_id", "visitor_id"),
        "uuid",
    ),
    **dict.fromkeys(
        ("captured_at", "received_at", "effective_at", "first_in_at", "last_out_at"), "timestamptz",
    ),
    **dict.fromkeys(
        ("visitor_home", "home", "host", "door", "direction", "method", "outcome", "code", "reason", "status",
         "decided_status"),
        "text",
    ),
    **dict.fromkeys(("time_corrected", "needs_place", "is_closed"), "boolean"),
    **dict.fromkeys(("sequence", "skew"), "bigint"),
    "fingerprint": "bytea", "stayed": "integer", "version": "xid", "answer": "jsonb",
}  # fmt: skip
# The scan's row; ``{attendance}`` and ``{source}`` differ by what is written beside it. The answer comes back as it is
# stored, so that a retry is answered by the same bytes.
_SCAN: Final = """
    INSERT INTO attendance_scan (id, scan_id, fingerprint, event_id, session_id, user_id, home, person_id,
                                 guest_id, attendance_id, operator_id, door, scanner_id, sequence, direction, method,
                                 outcome, code, reason, captured_at, received_at, effective_at, time_corrected, skew,
                                 answer)
    SELECT %(id)s, %(scan_id)s, %(fingerprint)s, %(event_id)s, %(session_id)s, %(user_id)s, %(visitor_home)s,
           %(visitor_person_id)s, %(guest_id)s, {attendance}, %(operator_id)s, %(door)s, %(scanner_id)s, %(sequence)s,
           %(direction)s, %(method)s, %(outcome)s, %(code)s, %(reason)s, %(captured_at)s, %(received_at)s,
           %(effective_at)s, %(time_corrected)s, %(skew)s, %(answer)s
      {source}
    RETURNING answer::text
"""
STORE_SCAN: Final = Statement(_SCAN.format(attendance="%(attendance_id)s", source=""), _TYPES)
_WITH_ATTENDANCE: Final = _SCAN.format(attendance="a.id", source="FROM a")
# The foreign keys lock event and session anyway; here they are locked before they are looked at, so that an event which
# is just being opened to other campuses, or a session which is just being closed, is waited for.
_CHECK_IN: Final = """
    INSERT INTO attendance_attendance (id, event_id, session_id, {column}, status, first_in_at, last_out_at, stayed,
                                       first_scan_id, method, operator_id, created_at, updated_at)
    SELECT %(attendance_id)s, e.id, s.id, {person}, %(status)s, %(first_in_at)s, %(last_out_at)s, %(stayed)s, %(id)s,
           %(method)s, %(operator_id)s, %(received_at)s, %(received_at)s
      FROM events_event e JOIN events_session s ON s.event_id = e.id {also}
     WHERE e.id = %(event_id)s AND e.status = 'published'
       AND e.federated_event_id IS NOT DISTINCT FROM %(federated_event_id)s
       AND s.id = %(session_id)s AND %(effective_at)s BETWEEN s.opens_at AND s.closes_at
       AND (s.closed_at IS NOT NULL) = %(is_closed)s
       {place}
       FOR KEY SHARE OF e, s
    ON CONFLICT (session_id, {column}) DO UPDATE
       SET status = EXCLUDED.status, first_in_at = EXCLUDED.first_in_at, last_out_at = EXCLUDED.last_out_at,
           stayed = EXCLUDED.stayed, decided_status = %(decided_status)s, first_scan_id = EXCLUDED.first_scan_id,
           method = EXCLUDED.method, operator_id = EXCLUDED.operator_id, updated_at = EXCLUDED.updated_at
     WHERE attendance_attendance.xmin = %(version)s::xid
    RETURNING id
"""
# Locked, so that the place is not given to somebody else before this commits.
_PLACE: Final = """AND (e.registration IN ('required', 'approval')) = %(needs_place)s
       AND (NOT %(needs_place)s OR EXISTS (
               SELECT 1 FROM events_registration r
                WHERE r.event_id = e.id AND r.{column} = {person} AND r.state = 'registered' FOR SHARE))"""
_USER: Final = {"column": "user_id", "person": "%(user_id)s"}
_GUEST: Final = {"column": "guest_id", "person": "%(guest_id)s"}
# Each scan that counts makes another version of the row, also where it changes nothing: two at once would each be
# judged without the other.
_CHANGE: Final = """
    UPDATE attendance_attendance
       SET first_in_at = %(first_in_at)s, last_out_at = %(last_out_at)s, stayed = %(stayed)s, status = %(status)s,
           updated_at = %(received_at)s
     WHERE id = %(attendance_id)s AND xmin = %(version)s::xid
       AND EXISTS (SELECT 1 FROM events_event e JOIN events_session s ON s.event_id = e.id
                    WHERE e.id = attendance_attendance.event_id AND e.status = 'published'
                      AND s.id = attendance_attendance.session_id AND (s.closed_at IS NOT NULL) = %(is_closed)s
                      FOR KEY SHARE OF e, s)
    RETURNING id
"""
# By whose attendance it is, or that it changes only.
_ATTEND: Final = {
    "person": _CHECK_IN.format(**_USER, also="", place=_PLACE.format(**_USER)),
    "guest": _CHECK_IN.format(**_GUEST, also="", place=_PLACE.format(**_GUEST)),
    "visitor": _CHECK_IN.format(column="visitor_id", person="w.id", also="CROSS JOIN w", place=""),
    "change": _CHANGE,
}
# Visitors come to federated events only.
ATTEND: Final = {
    kind: Statement(f"WITH a AS ({attend}) {_WITH_ATTENDANCE}", _TYPES)
    for kind, attend in _ATTEND.items() if kind != "visitor"
}  # fmt: skip
# Whoever has lost the race often enough waits for their turn: visitors are locked before attendances, as everywhere,
# and each kind in the order of its ids.
LOCK_VISITORS: Final = """
    SELECT id FROM attendance_visitor WHERE person_id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""
LOCK_ATTENDANCE: Final = """
    SELECT id FROM attendance_attendance WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""

# --- Of federated events: public tables, on which row-level security holds this campus to its own rows ------------
_TAKE_SEAT: Final = """
    UPDATE public.federation_invitation SET taken = taken + 1, updated_at = %(received_at)s
     WHERE event_id = %(federated_event_id)s AND host = %(host)s AND campus = %(home)s AND withdrawn_at IS NULL
       AND (seats IS NULL OR taken < seats)
    RETURNING campus
"""
_TAKE_PLACE: Final = """
    INSERT INTO public.federation_federatedregistration
           (event_id, person_id, host, home, state, is_walk_in, requested_at, updated_at)
    SELECT %(federated_event_id)s, %(person_id)s, %(host)s, %(home)s, 'registered', true, %(received_at)s,
           %(received_at)s
      FROM seat
    ON CONFLICT (event_id, person_id) DO UPDATE SET state = 'registered', updated_at = EXCLUDED.updated_at
     WHERE federation_federatedregistration.state <> 'registered'
    RETURNING person_id
"""
# Locked, so that the place is not given back before this commits; whoever gives it back then meets the visit.
_KEEP_PLACE: Final = """
    SELECT person_id FROM public.federation_federatedregistration
     WHERE event_id = %(federated_event_id)s AND person_id = %(person_id)s AND state = 'registered'
       FOR SHARE
"""
_MEET_VISITOR: Final = """
    INSERT INTO attendance_visitor (id, home, person_id, created_at)
    SELECT %(visitor_id)s, %(home)s, %(person_id)s, %(received_at)s {source}
    ON CONFLICT (person_id) DO UPDATE SET home = EXCLUDED.home
    RETURNING id
"""
_CREDIT: Final = """
    INSERT INTO public.federation_visit (event_id, id, person_id, host, home, attendance_id, session_id, event_title,
                                         session_name, status, first_in_at, last_out_at, created_at, updated_at)
    SELECT %(federated_event_id)s, %(visit_id)s, %(person_id)s, %(host)s, %(home)s, a.id, s.id, e.title, s.name,
           %(status)s, %(first_in_at)s, %(last_out_at)s, %(received_at)s, %(received_at)s
      FROM a CROSS JOIN events_event e JOIN events_session s ON s.event_id = e.id
     WHERE e.id = %(event_id)s AND s.id = %(session_id)s
    ON CONFLICT (event_id, person_id) WHERE status <> 'void' DO NOTHING
    RETURNING id
"""
_FOLLOW_CREDIT: Final = """
    UPDATE public.federation_visit v
       SET first_in_at = %(first_in_at)s, last_out_at = %(last_out_at)s, status = %(status)s,
           updated_at = %(received_at)s
      FROM a WHERE v.event_id = %(federated_event_id)s AND v.attendance_id = a.id AND v.status <> 'void'
    RETURNING v.id
"""
# A visit that stands for another session's attendance will do; locked, so that an undo of that one sees this one.
_IS_CREDITED: Final = """
    (SELECT answer FROM s),
    EXISTS (SELECT 1 FROM v) OR EXISTS (
        SELECT 1 FROM public.federation_visit
         WHERE event_id = %(federated_event_id)s AND person_id = %(person_id)s AND host = %(host)s AND status <> 'void'
               {and_not_this_one}
           FOR NO KEY UPDATE)
"""


@lru_cache
def attend_federated(kind: str, place: str) -> Statement:
    """Return the statement for ``kind`` (person, guest, visitor, change), with the ledger; it gives the stored answer,
    and whether this campus has the credit. ``place``: of a visitor who begins, ``kept``, ``taken`` or "" for none.
    """
    places = {"kept": {"place": _KEEP_PLACE}, "taken": {"seat": _TAKE_SEAT, "place": _TAKE_PLACE}, "": {}}
    parts = dict(places[place])
    if kind == "visitor":
        parts["w"] = _MEET_VISITOR.format(source="FROM place" if place else "")
    begins = kind != "change"
    parts |= {"a": _ATTEND[kind], "v": _CREDIT if begins else _FOLLOW_CREDIT, "s": _WITH_ATTENDANCE}
    counts = _IS_CREDITED.format(and_not_this_one="" if begins else "AND attendance_id <> (SELECT id FROM a)")
    return Statement(f"WITH {', '.join(f'{name} AS ({part})' for name, part in parts.items())} SELECT {counts}", _TYPES)
