"""Questions about what looks suspicious: the queue, and what feeds it.

Each ``find_…`` looks at scans that came since an instant and at what they concern, and answers what is true of that
now: the same finding has the same (kind, subject) however often it is found. Scans of events that were never published
are nobody's concern.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import STAFF_ROLES, Role
from tenant_apps.attendance.errors import FlagNotFound
from tenant_apps.attendance.models import Flag, Scan
from tenant_apps.attendance.rules.reviews import (
    GAP_GRACE,
    WORST_SKEW,
    Admission,
    FlagKind,
    FlagState,
    Stay,
    are_too_far,
    find_blind_admissions,
    is_unusual_share,
)
from tenants.context import current_campus

# Presences further apart than this are never too far.
_SAME_DAY: Final = timedelta(hours=12)
_MOST_IDS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One suspicion. ``subject`` makes two findings of a kind the same one; ``evidence`` has ids, times and counts."""

    kind: FlagKind
    subject: str
    evidence: dict[str, Any] = field(default_factory=dict)
    event_id: UUID | None = None
    session_id: UUID | None = None
    person_id: UUID | None = None
    # Whether the evidence has all there is, and not only what came lately.
    is_whole: bool = True


def list_flags(user: User) -> QuerySet[Flag]:
    """Return the flags that ``user`` may see, newest first: organizers those of events they run, campus admins all."""
    rows = Flag.objects.select_related("event", "session").order_by("-raised_at", "-id")
    return rows if user.role == Role.CAMPUS_ADMIN else rows.filter(event__organizer_id=user.pk)


def get_flag(*, user: User, flag_id: UUID) -> Flag:
    """Return one flag that ``user`` may see.

    Raises: FlagNotFound, also for one that exists and is not theirs to see.
    """
    flag = list_flags(user).filter(pk=flag_id).first()
    if flag is None:
        raise FlagNotFound
    return flag


def list_evidence(flag: Flag) -> list[Scan]:
    """Return the scans that a flag names, in the order in which they came."""
    return list(Scan.objects.filter(pk__in=flag.evidence.get("scans", [])).order_by("received_at", "id"))


def find_two_doors(since: datetime) -> list[Finding]:
    """People whom two devices admitted to one session without knowing of each other."""
    rows = _rows(
        """
        SELECT s.attendance_id, s.id, coalesce(s.scanner_id, s.operator_id), s.effective_at, s.received_at, s.event_id,
               s.session_id, coalesce(u.person_id, s.person_id)
          FROM attendance_scan s LEFT JOIN accounts_user u ON u.id = s.user_id
         WHERE s.direction = 'in' AND s.outcome IN ('recorded', 'duplicate')
           AND s.attendance_id IN (SELECT n.attendance_id
                                     FROM attendance_scan n JOIN events_event e ON e.id = n.event_id
                                    WHERE n.received_at >= %(since)s AND n.attendance_id IS NOT NULL
                                      AND e.published_at IS NOT NULL)
         ORDER BY s.attendance_id, s.effective_at, s.id
        """,
        since=since,
    )
    found = []
    for attendance_id, group in groupby(rows, key=lambda row: row[0]):
        scans = {Admission(device=row[2], at=row[3], received_at=row[4]): row for row in group}
        blind = find_blind_admissions(scans)
        if not blind:
            continue
        first = scans[blind[0][0]]
        found.append(
            Finding(
                kind=FlagKind.TWO_DOORS, subject=str(attendance_id), event_id=first[5], session_id=first[6],
                person_id=first[7],
                evidence={
                    "attendance": str(attendance_id),
                    "scans": list(dict.fromkeys(str(scans[one][1]) for pair in blind for one in pair))[:_MOST_IDS],
                    "devices": sorted({str(one.device) for pair in blind for one in pair}),
                    "count": len(blind),
                },
            )
        )  # fmt: skip
    return found


def find_shared_devices(since: datetime) -> list[Finding]:
    """People who tried the venue code with somebody else's device, and devices that served several at one event."""
    refused = _rows(
        """
        SELECT s.session_id, s.user_id, u.person_id, s.event_id, array_agg(s.id::text ORDER BY s.received_at)
          FROM attendance_scan s JOIN accounts_user u ON u.id = s.user_id
         WHERE s.code = 'device_used' AND s.session_id IS NOT NULL
           AND (s.session_id, s.user_id) IN (SELECT n.session_id, n.user_id FROM attendance_scan n
                                               JOIN events_event e ON e.id = n.event_id
                                              WHERE n.received_at >= %(since)s AND n.code = 'device_used'
                                                AND e.published_at IS NOT NULL)
         GROUP BY 1, 2, 3, 4
        """,
        since=since,
    )
    tries = [
        Finding(
            kind=FlagKind.SHARED_DEVICE, subject=f"{session_id}:{user_id}", event_id=event_id, session_id=session_id,
            person_id=person_id, evidence={"scans": scans[:_MOST_IDS], "count": len(scans)},
        )
        for session_id, user_id, person_id, event_id, scans in refused
    ]  # fmt: skip
    shared = _rows(
        """
        SELECT t.event_id, encode(d.device, 'hex'), array_agg(DISTINCT d.user_id::text),
               array_agg(DISTINCT d.session_id::text)
          FROM attendance_deviceuse d JOIN events_session t ON t.id = d.session_id
         WHERE t.event_id IN (SELECT n.event_id FROM attendance_scan n JOIN events_event e ON e.id = n.event_id
                               WHERE n.received_at >= %(since)s AND n.method = 'venue_code'
                                 AND e.published_at IS NOT NULL)
         GROUP BY 1, 2 HAVING count(DISTINCT d.user_id) > 1
        """,
        since=since,
    )
    return tries + [
        Finding(
            kind=FlagKind.SHARED_DEVICE, subject=f"{event_id}:{device}", event_id=event_id,
            evidence={"device": device, "users": users[:_MOST_IDS], "sessions": sessions, "count": len(users)},
        )
        for event_id, device, users, sessions in shared
    ]  # fmt: skip


def find_too_far(since: datetime) -> list[Finding]:
    """People who were seen at two places that nobody reaches in the time between, here or at other campuses.

    Of the ledger a campus sees where its own people were, and who was here: that is all it compares. What staff decided
    without a scan was not seen by anybody.
    """
    rows = _rows(
        """
        WITH concerned AS (
            SELECT u.person_id FROM attendance_scan n JOIN accounts_user u ON u.id = n.user_id
             WHERE n.received_at >= %(since)s AND n.outcome = 'recorded'
            UNION SELECT n.person_id FROM attendance_scan n
             WHERE n.received_at >= %(since)s AND n.outcome = 'recorded' AND n.person_id IS NOT NULL
            UNION SELECT v.person_id FROM public.federation_visit v
             WHERE v.home = %(me)s AND v.host <> %(me)s AND v.first_in_at >= %(day)s AND v.created_at >= %(since)s
        )
        SELECT u.person_id, a.id, %(me)s, a.event_id, e.venue, e.latitude, e.longitude, a.first_in_at, a.last_out_at,
               a.session_id
          FROM concerned p JOIN accounts_user u ON u.person_id = p.person_id
          JOIN attendance_attendance a ON a.user_id = u.id
          JOIN events_event e ON e.id = a.event_id
         WHERE a.first_in_at >= %(day)s AND a.first_scan_id IS NOT NULL
           AND a.status NOT IN ('void', 'absent', 'excused')
        UNION ALL
        SELECT w.person_id, a.id, %(me)s, a.event_id, e.venue, e.latitude, e.longitude, a.first_in_at, a.last_out_at,
               a.session_id
          FROM concerned p JOIN attendance_visitor w ON w.person_id = p.person_id
          JOIN attendance_attendance a ON a.visitor_id = w.id
          JOIN events_event e ON e.id = a.event_id
         WHERE a.first_in_at >= %(day)s AND a.first_scan_id IS NOT NULL
           AND a.status NOT IN ('void', 'absent', 'excused')
        UNION ALL
        SELECT v.person_id, v.id, v.host, v.event_id, '', NULL, NULL, v.first_in_at, v.last_out_at, NULL
          FROM public.federation_visit v JOIN concerned p ON p.person_id = v.person_id
         WHERE v.host <> %(me)s AND v.first_in_at >= %(day)s AND v.status IN ('present', 'late', 'left_early')
         ORDER BY 1, 8, 2
        """,
        since=since, day=since - _SAME_DAY, me=current_campus().code,
    )  # fmt: skip
    found = []
    for person_id, group in groupby(rows, key=lambda row: row[0]):
        stays = [(row, _as_stay(row)) for row in group]
        for number, (second, there) in enumerate(stays):
            for first, here in stays[:number]:
                if are_too_far(here, there):
                    own = second if second[2] == current_campus().code else first
                    is_own = own[2] == current_campus().code
                    found.append(
                        Finding(
                            kind=FlagKind.TOO_FAR, subject=":".join(sorted((str(first[1]), str(second[1])))),
                            event_id=own[3] if is_own else None, session_id=own[9], person_id=person_id,
                            evidence={"presences": [_as_presence(first), _as_presence(second)]},
                        )
                    )  # fmt: skip
    return found


def find_manual_shares(since: datetime) -> list[Finding]:
    """Events of which an unusual share was marked by hand. Calling a roll is by hand by its nature, and not counted."""
    rows = _rows(
        """
        SELECT a.event_id, count(*) FILTER (WHERE s.method IN ('student_id', 'user')), count(*),
               count(DISTINCT s.operator_id) FILTER (WHERE s.method IN ('student_id', 'user'))
          FROM attendance_attendance a JOIN attendance_scan s ON s.id = a.first_scan_id
         WHERE s.door <> 'roll_call' AND a.status NOT IN ('void', 'absent', 'excused')
           AND a.event_id IN (SELECT n.event_id FROM attendance_scan n JOIN events_event e ON e.id = n.event_id
                               WHERE n.received_at >= %(since)s AND n.outcome = 'recorded' AND n.door <> 'roll_call'
                                 AND n.method IN ('student_id', 'user') AND e.published_at IS NOT NULL)
         GROUP BY 1
        """,
        since=since,
    )
    return [
        Finding(
            kind=FlagKind.MANUAL_SHARE, subject=str(event_id), event_id=event_id,
            evidence={"manual": manual, "all": all_marks, "operators": operators},
        )
        for event_id, manual, all_marks, operators in rows
        if is_unusual_share(manual=manual, all_marks=all_marks)
    ]  # fmt: skip


def find_self_marked(since: datetime) -> list[Finding]:
    """People who recorded their own presence (``rules.is_self_marked``)."""
    rows = _rows(
        """
        SELECT s.session_id, s.user_id, u.person_id, s.event_id, array_agg(s.id::text ORDER BY s.received_at)
          FROM attendance_scan s
          JOIN accounts_user u ON u.id = s.user_id
          JOIN events_event e ON e.id = s.event_id AND e.published_at IS NOT NULL
         WHERE s.received_at >= %(since)s AND s.operator_id = s.user_id AND s.method <> 'venue_code'
           AND s.outcome = 'recorded'
         GROUP BY 1, 2, 3, 4
        """,
        since=since,
    )
    return [
        Finding(
            kind=FlagKind.SELF_MARKED, subject=f"{session_id}:{user_id}", event_id=event_id, session_id=session_id,
            person_id=person_id, is_whole=False, evidence={"scans": scans[:_MOST_IDS], "count": len(scans)},
        )
        for session_id, user_id, person_id, event_id, scans in rows
    ]  # fmt: skip


def find_staff_marked(since: datetime) -> list[Finding]:
    """Organizers and campus admins whom a colleague recorded by hand: a friend's favour looks like that."""
    rows = _rows(
        """
        SELECT s.session_id, s.user_id, u.person_id, s.event_id, array_agg(s.id::text ORDER BY s.received_at),
               array_agg(DISTINCT s.operator_id::text)
          FROM attendance_scan s
          JOIN accounts_user u ON u.id = s.user_id
          JOIN events_event e ON e.id = s.event_id AND e.published_at IS NOT NULL
         WHERE s.received_at >= %(since)s AND s.operator_id <> s.user_id AND s.method IN ('student_id', 'user')
           AND s.outcome = 'recorded' AND u.role = ANY(%(staff)s)
         GROUP BY 1, 2, 3, 4
        """,
        since=since, staff=list(STAFF_ROLES),
    )  # fmt: skip
    return [
        Finding(
            kind=FlagKind.STAFF_MARKED, subject=f"{session_id}:{user_id}", event_id=event_id, session_id=session_id,
            person_id=person_id, is_whole=False,
            evidence={"scans": scans[:_MOST_IDS], "count": len(scans), "operators": operators[:_MOST_IDS]},
        )
        for session_id, user_id, person_id, event_id, scans, operators in rows
    ]  # fmt: skip


def find_wrong_clocks(since: datetime) -> list[Finding]:
    """Devices whose clock was far off, or whose time had to be corrected, at an event. Skew in milliseconds."""
    rows = _rows(
        """
        SELECT s.event_id, coalesce(s.scanner_id, s.operator_id), (array_agg(s.id::text ORDER BY s.received_at))[:50],
               max(abs(s.skew)), count(*) FILTER (WHERE s.time_corrected), count(*)
          FROM attendance_scan s JOIN events_event e ON e.id = s.event_id AND e.published_at IS NOT NULL
         WHERE s.received_at >= %(since)s AND (s.time_corrected OR abs(s.skew) > %(worst)s)
         GROUP BY 1, 2
        """,
        since=since, worst=WORST_SKEW,
    )  # fmt: skip
    return [
        Finding(
            kind=FlagKind.WRONG_CLOCK, subject=f"{event_id}:{device}", event_id=event_id, is_whole=False,
            evidence={
                "device": str(device), "scans": scans, "skew": skew, "corrected": corrected, "count": count,
            },
        )
        for event_id, device, scans, skew, corrected, count in rows
    ]  # fmt: skip


def find_scanners(since: datetime) -> list[UUID]:
    """Return the enrolled devices whose scans came since then."""
    rows = _rows(
        "SELECT DISTINCT scanner_id FROM attendance_scan "
        "WHERE received_at >= %(since)s AND scanner_id IS NOT NULL AND sequence IS NOT NULL",
        since=since,
    )
    return [row[0] for row in rows]


def find_sequence_gaps(scanners: list[UUID], *, at: datetime) -> list[Finding]:
    """Stretches of numbers that a device gave to scans and that have not arrived, ``GAP_GRACE`` after what follows."""
    rows = _rows(
        """
        SELECT g.scanner_id, g.sequence + 1, g.next - 1, s.event_id, s.received_at, s.id
          FROM (SELECT scanner_id, sequence, lead(sequence) OVER w AS next, lead(id) OVER w AS next_id
                  FROM attendance_scan WHERE scanner_id = ANY(%(scanners)s) AND sequence IS NOT NULL
                WINDOW w AS (PARTITION BY scanner_id ORDER BY sequence, received_at, id)) g
          JOIN attendance_scan s ON s.id = g.next_id
          JOIN events_event e ON e.id = s.event_id AND e.published_at IS NOT NULL
         WHERE g.next > g.sequence + 1 AND s.received_at <= %(settled)s
        """,
        scanners=scanners, settled=at - GAP_GRACE,
    )  # fmt: skip
    return [
        Finding(
            kind=FlagKind.SEQUENCE_GAP, subject=f"{scanner_id}:{first}", event_id=event_id,
            evidence={
                "scanner": str(scanner_id), "first": first, "last": last, "count": last - first + 1,
                "noticed_at": received_at.isoformat(), "scans": [str(scan_id)],
            },
        )
        for scanner_id, first, last, event_id, received_at, scan_id in rows
    ]  # fmt: skip


def find_sequence_restarts(scanners: list[UUID]) -> list[Finding]:
    """Devices that gave one number to several scans."""
    rows = _rows(
        """
        SELECT scanner_id, count(*), min(sequence), max(sequence), (array_agg(first_two))[:10], min(event_id)
          FROM (SELECT scanner_id, sequence, (array_agg(s.id::text ORDER BY s.received_at))[:2] AS first_two,
                       min(s.event_id::text) AS event_id
                  FROM attendance_scan s JOIN events_event e ON e.id = s.event_id AND e.published_at IS NOT NULL
                 WHERE scanner_id = ANY(%(scanners)s) AND sequence IS NOT NULL
                 GROUP BY 1, 2 HAVING count(DISTINCT coalesce(s.scan_id, s.id)) > 1) twice
         GROUP BY 1
        """,
        scanners=scanners,
    )
    return [
        Finding(
            kind=FlagKind.SEQUENCE_RESTART, subject=str(scanner_id), event_id=UUID(event_id),
            evidence={
                "scanner": str(scanner_id), "first": first, "last": last, "count": count,
                "scans": [scan for pair in scans for scan in pair],
            },
        )
        for scanner_id, count, first, last, scans, event_id in rows
    ]  # fmt: skip


def list_open_gaps(scanners: list[UUID]) -> QuerySet[Flag]:
    """Return the open flags about scans of these devices that had not arrived."""
    named = Q(evidence__scanner__in=[str(one) for one in scanners])
    return Flag.objects.filter(named, kind=FlagKind.SEQUENCE_GAP, state=FlagState.OPEN)


def _as_stay(row: tuple[Any, ...]) -> Stay:
    _, _, host, event_id, venue, latitude, longitude, first_in_at, last_out_at, _ = row
    seen = (first_in_at, last_out_at) if last_out_at else (first_in_at,)
    return Stay(host=host, event_id=event_id, venue=venue, latitude=latitude, longitude=longitude, seen=seen)


def _as_presence(row: tuple[Any, ...]) -> dict[str, Any]:
    _, presence_id, host, event_id, _, _, _, first_in_at, last_out_at, _ = row
    return {
        "id": str(presence_id), "campus": host, "event": str(event_id), "first_in_at": first_in_at.isoformat(),
        "last_out_at": last_out_at.isoformat() if last_out_at else None,
    }  # fmt: skip


def _rows(statement: str, **values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()
