"""The SQL that records many scans: each statement once for all of them.

Locks are taken in one order, within each kind by id: sessions and events, invitations, places, visitors, attendances.
Rows are given as JSON, so that one text of a statement serves any number.
"""

from typing import Final

CONTACT: Final = """
    UPDATE attendance_scanner
       SET last_contact_at = %(at)s, queue_depth = coalesce(%(queue_depth)s, queue_depth),
           skew = coalesce(%(skew)s, skew)
     WHERE user_id = %(user_id)s
    RETURNING id, kind, event_ids, expires_at, revoked_at
"""
# Everything that decides, before it is read. A seat of a campus is wanted by visitors only.
LOCK: Final = """
    WITH s AS (
        SELECT s.id FROM events_event e JOIN events_session s ON s.event_id = e.id
         WHERE e.id = ANY(%(events)s::uuid[]) ORDER BY e.id, s.id FOR KEY SHARE OF e, s
    ), i AS (
        SELECT i.campus FROM events_event e JOIN public.federation_invitation i ON i.event_id = e.federated_event_id
         WHERE e.id = ANY(%(events)s::uuid[]) AND i.host = %(host)s AND i.campus = ANY(%(homes)s::text[])
         ORDER BY i.event_id, i.campus FOR NO KEY UPDATE OF i
    ), f AS (
        SELECT r.person_id
          FROM events_event e JOIN public.federation_federatedregistration r ON r.event_id = e.federated_event_id
         WHERE e.id = ANY(%(events)s::uuid[]) AND r.person_id = ANY(%(visitors)s::uuid[])
         ORDER BY r.event_id, r.person_id FOR NO KEY UPDATE OF r
    ), p AS (
        SELECT r.id FROM events_event e JOIN events_registration r ON r.event_id = e.id
         WHERE e.id = ANY(%(events)s::uuid[]) AND e.registration IN ('required', 'approval')
           AND (r.user_id = ANY(%(users)s::uuid[]) OR r.guest_id = ANY(%(guests)s::uuid[]))
         ORDER BY r.id FOR SHARE OF r
    ), w AS (
        SELECT id FROM attendance_visitor WHERE person_id = ANY(%(visitors)s::uuid[]) ORDER BY id FOR NO KEY UPDATE
    ), a AS (
        SELECT id FROM attendance_attendance a
         WHERE a.event_id = ANY(%(events)s::uuid[])
           AND (a.user_id = ANY(%(users)s::uuid[]) OR a.guest_id = ANY(%(guests)s::uuid[])
                OR a.user_id IN (SELECT id FROM accounts_user WHERE person_id = ANY(%(visitors)s::uuid[]))
                OR a.visitor_id IN (SELECT id FROM attendance_visitor WHERE person_id = ANY(%(people)s::uuid[])))
         ORDER BY a.id FOR NO KEY UPDATE
    )
    SELECT (SELECT count(*) FROM s), (SELECT count(*) FROM i), (SELECT count(*) FROM f), (SELECT count(*) FROM p),
           (SELECT count(*) FROM w), (SELECT array_agg(id) FROM a)
"""
# What begins and what changes; event and session are looked at once more. What was not written was overtaken.
ATTEND: Final = """
    WITH t AS (
        SELECT t.* FROM jsonb_to_recordset(%(rows)s::jsonb) AS t (
            id uuid, is_new boolean, event_id uuid, federated_event_id uuid, session_id uuid, is_closed boolean,
            opens_at timestamptz, closes_at timestamptz,
            needs_place boolean, user_id uuid, guest_id uuid, person_id uuid, home text, status text,
            decided_status text, first_in_at timestamptz, last_out_at timestamptz, stayed int, first_scan_id uuid,
            method text, operator_id uuid)
          JOIN events_event e ON e.id = t.event_id AND e.status = 'published'
               AND e.federated_event_id IS NOT DISTINCT FROM t.federated_event_id
               AND (e.registration IN ('required', 'approval')) = t.needs_place
          JOIN events_session s ON s.id = t.session_id AND (s.closed_at IS NOT NULL) = t.is_closed
               AND s.opens_at = t.opens_at AND s.closes_at = t.closes_at
    ), w AS (
        INSERT INTO attendance_visitor (id, home, person_id, created_at)
        SELECT v.id, v.home, v.person_id, %(at)s
          FROM jsonb_to_recordset(%(visitors)s::jsonb) AS v (id uuid, home text, person_id uuid)
         ORDER BY v.person_id
        ON CONFLICT (person_id) DO UPDATE SET home = EXCLUDED.home
        RETURNING id, person_id
    ), a AS (
        INSERT INTO attendance_attendance (id, event_id, session_id, user_id, visitor_id, guest_id, status, first_in_at,
                                           last_out_at, stayed, first_scan_id, method, operator_id, created_at,
                                           updated_at)
        SELECT t.id, t.event_id, t.session_id, t.user_id, w.id, t.guest_id, t.status, t.first_in_at, t.last_out_at,
               t.stayed, t.first_scan_id, t.method, t.operator_id, %(at)s, %(at)s
          FROM t LEFT JOIN w ON w.person_id = t.person_id
         WHERE t.is_new
         ORDER BY t.session_id, t.user_id, t.guest_id, w.id
        ON CONFLICT DO NOTHING
        RETURNING id
    ), u AS (
        UPDATE attendance_attendance a
           SET status = t.status, decided_status = t.decided_status, first_in_at = t.first_in_at,
               last_out_at = t.last_out_at, stayed = t.stayed, first_scan_id = t.first_scan_id, method = t.method,
               operator_id = t.operator_id, updated_at = %(at)s
          FROM t WHERE a.id = t.id AND NOT t.is_new
        RETURNING a.id
    )
    SELECT (SELECT count(*) FROM a) + (SELECT count(*) FROM u)
"""
STORE: Final = """
    INSERT INTO attendance_scan (id, scan_id, fingerprint, event_id, session_id, user_id, home, person_id, guest_id,
                                 attendance_id, operator_id, door, scanner_id, sequence, direction, method, outcome,
                                 code, reason, captured_at, received_at, effective_at, time_corrected, skew, answer)
    SELECT t.id, t.scan_id, decode(t.fingerprint, 'hex'), t.event_id, t.session_id, t.user_id, t.visitor_home,
           t.visitor_person_id, t.guest_id, t.attendance_id, t.operator_id, t.door, t.scanner_id, t.sequence,
           t.direction, t.method, t.outcome, t.code, t.reason, t.captured_at, t.received_at, t.effective_at,
           t.time_corrected, t.skew, t.answer::jsonb
      FROM json_to_recordset(%(rows)s::json) AS t (
            id uuid, scan_id uuid, fingerprint text, event_id uuid, session_id uuid, user_id uuid, visitor_home text,
            visitor_person_id uuid, guest_id uuid, attendance_id uuid, operator_id uuid, door text, scanner_id uuid,
            sequence bigint, direction text, method text, outcome text, code text, reason text, captured_at timestamptz,
            received_at timestamptz, effective_at timestamptz, time_corrected boolean, skew bigint, answer text)
     ORDER BY t.scan_id
    ON CONFLICT (scan_id) DO NOTHING
"""

# --- Of federated events ------------------------------------------------------------------------------------------
# Seats and places first, for those who have none; then the visits that begin, and those whose attendance has changed.
CREDIT_ALL: Final = """
    WITH seat AS (
        UPDATE public.federation_invitation i SET taken = i.taken + t.wanted, updated_at = %(at)s
          FROM jsonb_to_recordset(%(seats)s::jsonb) AS t (event_id uuid, campus text, wanted int)
         WHERE i.event_id = t.event_id AND i.host = %(host)s AND i.campus = t.campus AND i.withdrawn_at IS NULL
           AND (i.seats IS NULL OR i.taken + t.wanted <= i.seats)
        RETURNING t.wanted
    ), place AS (
        INSERT INTO public.federation_federatedregistration
               (event_id, person_id, host, home, state, is_walk_in, requested_at, updated_at)
        SELECT t.event_id, t.person_id, %(host)s, t.home, 'registered', true, %(at)s, %(at)s
          FROM jsonb_to_recordset(%(places)s::jsonb) AS t (event_id uuid, person_id uuid, home text)
         ORDER BY t.event_id, t.person_id
        ON CONFLICT (event_id, person_id) DO UPDATE SET state = 'registered', updated_at = EXCLUDED.updated_at
         WHERE federation_federatedregistration.state <> 'registered'
        RETURNING person_id
    ), v AS (
        INSERT INTO public.federation_visit (event_id, id, person_id, host, home, attendance_id, session_id,
                                             event_title, session_name, status, first_in_at, last_out_at, created_at,
                                             updated_at)
        SELECT t.federated_event_id, t.visit_id, t.person_id, %(host)s, t.home, t.attendance_id, s.id, e.title, s.name,
               t.status, t.first_in_at, t.last_out_at, %(at)s, %(at)s
          FROM jsonb_to_recordset(%(visits)s::jsonb) AS t (
                federated_event_id uuid, visit_id uuid, person_id uuid, home text, attendance_id uuid, session_id uuid,
                status text, first_in_at timestamptz, last_out_at timestamptz)
          JOIN events_session s ON s.id = t.session_id JOIN events_event e ON e.id = s.event_id
         ORDER BY t.federated_event_id, t.person_id
        ON CONFLICT (event_id, person_id) WHERE status <> 'void' DO NOTHING
        RETURNING event_id, person_id
    ), f AS (
        UPDATE public.federation_visit v
           SET first_in_at = t.first_in_at, last_out_at = t.last_out_at, status = t.status, updated_at = %(at)s
          FROM jsonb_to_recordset(%(changes)s::jsonb) AS t (
                federated_event_id uuid, person_id uuid, attendance_id uuid, status text, first_in_at timestamptz,
                last_out_at timestamptz)
         WHERE v.event_id = t.federated_event_id AND v.attendance_id = t.attendance_id AND v.status <> 'void'
        RETURNING v.event_id, v.person_id
    )
    SELECT coalesce((SELECT sum(wanted) FROM seat), 0), (SELECT count(*) FROM place),
           (SELECT json_agg(json_build_array(event_id, person_id)) FROM v)::text,
           (SELECT json_agg(json_build_array(event_id, person_id)) FROM f)::text
"""
# A visit that stands for another session's attendance will do; locked, so that an undo of that one sees this one.
FIND_CREDIT: Final = """
    SELECT v.event_id, v.person_id
      FROM public.federation_visit v
      JOIN unnest(%(events)s::uuid[], %(people)s::uuid[]) AS t (event_id, person_id)
        ON t.event_id = v.event_id AND t.person_id = v.person_id
     WHERE v.host = %(host)s AND v.status <> 'void'
     ORDER BY v.event_id, v.person_id
       FOR NO KEY UPDATE OF v
"""
