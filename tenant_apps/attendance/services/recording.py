"""Recording presence: one operation, whatever the door.

PostgreSQL decides races. What is read first decides only where to look; the statement that writes checks the event and
the session again and meets the unique (session, person), and it stores attendance and scan together or neither.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, connection

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from shared_apps.common.errors import Unavailable
from shared_apps.common.ids import uuid7
from shared_apps.federation.passes import ForgedPass, NotAPass, read_pass
from tenant_apps.attendance.errors import EventNotFound, NotYourEvent, ScanIdReused
from tenant_apps.attendance.rules import (
    STATUS_OF_CODE,
    AttendanceStatus,
    Claim,
    Code,
    Decision,
    Direction,
    Method,
    Outcome,
    decide,
    derive_status,
    effective_time,
)
from tenant_apps.attendance.selectors import EventFacts, PersonFacts, PriorScan, find_scan_facts
from tenants.context import current_campus

_TRIES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRequest:
    """One attempt to record presence. ``value`` is the text of a pass, a student id or a user id, by ``method``."""

    event_id: UUID
    method: Method
    value: str
    session_id: UUID | None = None
    direction: Direction = Direction.IN
    scan_id: UUID | None = None
    captured_at: datetime | None = None
    reason: str = ""

    def fingerprint(self, operator_id: UUID) -> bytes:
        """Return a digest of everything that was asked: a retry has the same one, another request another."""
        content = (
            operator_id, self.event_id, self.session_id, self.method, self.value, self.direction, self.captured_at,
            self.reason,
        )  # fmt: skip
        return hashlib.sha256(repr([str(part) for part in content]).encode()).digest()


@dataclass(frozen=True, slots=True)
class ScanAnswer:
    """What is answered, and stored for a retry: an HTTP status and a JSON-ready body."""

    status: int
    body: dict[str, Any]


def record_scan(*, by: User, at: datetime, scan: ScanRequest) -> ScanAnswer:
    """Record presence, or store why not. A refused scan is no error: it is an outcome, kept as evidence.

    Two statements for a first scan, a duplicate or a refusal; two more for whoever loses a race. Idempotent by
    ``scan.scan_id``, which is looked at before anything else. Stand in the campus, outside ``atomic()``.

    Raises: EventNotFound, NotYourEvent, ScanIdReused.
    """
    claim, value = _read_claim(scan)
    fingerprint = scan.fingerprint(by.pk)
    effective_at, corrected = effective_time(captured_at=scan.captured_at, received_at=at)
    for _ in range(_TRIES):
        facts = find_scan_facts(event_id=scan.event_id, method=scan.method, value=value, scan_id=scan.scan_id)
        if facts.prior is not None:
            return _replay(facts.prior, fingerprint)
        event = _event_of_operator(facts.event, by)
        decision = decide(
            event_status=event.status,
            windows=event.windows,
            wanted_session=scan.session_id,
            claim=claim,
            person=facts.person.known if facts.person else None,
            existing=facts.existing,
            direction=scan.direction,
            at=effective_at,
        )
        verdict = _Verdict(
            scan=scan, by=by, at=at, effective_at=effective_at, corrected=corrected, fingerprint=fingerprint,
            person=facts.person, decision=decision,
        )  # fmt: skip
        try:
            body = verdict.store()
        except IntegrityError:
            continue  # the same scan_id came twice at once: by now the other one is stored
        if body is not None:
            return ScanAnswer(_status(decision.code), body)
        # Another door was faster, or the event has just been cancelled: look again.
    raise Unavailable


def _read_claim(scan: ScanRequest) -> tuple[Claim, str | UUID | None]:
    """Return what the pass claims, and the value to find the person by."""
    if scan.method != Method.PASS:
        return Claim(), scan.value
    try:
        content = read_pass(scan.value)
    except NotAPass:
        return Claim(refusal=Code.UNKNOWN_PASS), None
    except ForgedPass:
        return Claim(refusal=Code.PASS_FORGED), None
    if content.campus_id != current_campus().id:
        return Claim(refusal=Code.CAMPUS_NOT_INVITED), None
    return Claim(serial=content.serial, expires_at=content.expires_at), content.person_id


def _event_of_operator(event: EventFacts | None, by: User) -> EventFacts:
    """Return the event if ``by`` records at it: organizers at those they run, scanners at any that was published."""
    if event is None:
        raise EventNotFound
    runs_it = by.role == Role.CAMPUS_ADMIN or event.organizer_id == by.pk
    if event.status == "draft" and not runs_it:
        raise EventNotFound
    if by.role == Role.ORGANIZER and not runs_it:
        raise NotYourEvent
    return event


def _replay(prior: PriorScan, fingerprint: bytes) -> ScanAnswer:
    if prior.fingerprint != fingerprint:
        raise ScanIdReused
    return ScanAnswer(_status(prior.code), prior.answer)


def _status(code: str) -> int:
    return STATUS_OF_CODE.get(code, 422)


# The scan's row; ``{attendance}`` and ``{source}`` differ by what is written beside it. The answer learns the id of the
# attendance from the database, for a void one that revives keeps its own.
_SCAN: Final = """
    INSERT INTO attendance_scan (id, scan_id, fingerprint, event_id, session_id, user_id, attendance_id, operator_id,
                                 direction, method, outcome, code, reason, captured_at, received_at, effective_at,
                                 time_corrected, answer)
    SELECT %(id)s, %(scan_id)s, %(fingerprint)s, %(event_id)s, %(session_id)s, %(user_id)s, {attendance},
           %(operator_id)s, %(direction)s, %(method)s, %(outcome)s, %(code)s, %(reason)s, %(captured_at)s,
           %(received_at)s, %(effective_at)s, %(time_corrected)s, {answer}
      {source}
    RETURNING answer::text
"""
_STORE_SCAN: Final = _SCAN.format(attendance="%(attendance_id)s::uuid", answer="%(answer)s::jsonb", source="")
_WITH_ATTENDANCE: Final = _SCAN.format(
    attendance="a.id",
    answer="jsonb_set(%(answer)s::jsonb, '{attendance,id}', to_jsonb(a.id::text))",
    source="FROM a",
)
_CHECK_IN: Final = f"""
    WITH a AS (
        INSERT INTO attendance_attendance (id, event_id, session_id, user_id, status, first_in_at, first_scan_id,
                                           method, operator_id, created_at, updated_at)
        SELECT %(attendance_id)s, e.id, s.id, %(user_id)s, %(status)s, %(effective_at)s, %(id)s, %(method)s,
               %(operator_id)s, %(received_at)s, %(received_at)s
          FROM events_event e JOIN events_session s ON s.event_id = e.id
         WHERE e.id = %(event_id)s AND e.status = 'published'
           AND s.id = %(session_id)s AND %(effective_at)s BETWEEN s.opens_at AND s.closes_at
        ON CONFLICT (session_id, user_id) DO UPDATE
           SET status = EXCLUDED.status, first_in_at = EXCLUDED.first_in_at, last_out_at = NULL,
               first_scan_id = EXCLUDED.first_scan_id, method = EXCLUDED.method,
               operator_id = EXCLUDED.operator_id, updated_at = EXCLUDED.updated_at
         WHERE attendance_attendance.status = 'void'
        RETURNING id
    ) {_WITH_ATTENDANCE}
"""
_CHECK_OUT: Final = f"""
    WITH a AS (
        UPDATE attendance_attendance
           SET last_out_at = %(last_out_at)s, status = %(status)s, updated_at = %(received_at)s
         WHERE id = %(attendance_id)s AND status <> 'void' AND last_out_at IS NOT DISTINCT FROM %(known_out_at)s
           AND EXISTS (SELECT 1 FROM events_event e WHERE e.id = event_id AND e.status = 'published')
        RETURNING id
    ) {_WITH_ATTENDANCE}
"""


@dataclass(slots=True, kw_only=True)
class _Verdict:
    """A scan that was decided on, as it will be stored and answered."""

    scan: ScanRequest
    by: User
    at: datetime
    effective_at: datetime
    corrected: bool
    fingerprint: bytes
    person: PersonFacts | None
    decision: Decision
    id: UUID = field(default_factory=uuid7)

    def store(self) -> dict[str, Any] | None:
        """Write scan and attendance in one statement and return the answer; None when the facts have changed since.

        Raises: IntegrityError when the scan_id has been stored meanwhile.
        """
        decision, existing = self.decision, self.decision.existing
        values: dict[str, Any] = {
            "id": self.id,
            "scan_id": self.scan.scan_id,
            "fingerprint": self.fingerprint,
            "event_id": self.scan.event_id,
            "session_id": decision.window.id if decision.window else None,
            "user_id": self.person.known.id if self.person else None,
            "attendance_id": existing.id if existing else None,
            "operator_id": self.by.pk,
            "direction": self.scan.direction.value,
            "method": self.scan.method.value,
            "outcome": decision.outcome.value,
            "code": decision.code.value,
            "reason": self.scan.reason,
            "captured_at": self.scan.captured_at,
            "received_at": self.at,
            "effective_at": self.effective_at,
            "time_corrected": self.corrected,
        }
        statement = _STORE_SCAN
        if decision.outcome == Outcome.RECORDED:
            statement = _CHECK_IN if self.scan.direction == Direction.IN else _CHECK_OUT
            values |= self._attendance_values()
        values["answer"] = json.dumps(self._answer(values))
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            row = cursor.fetchone()
        return json.loads(row[0]) if row else None

    def _attendance_values(self) -> dict[str, Any]:
        window, existing = self.decision.window, self.decision.existing
        assert window is not None  # a recorded scan has a session
        if self.scan.direction == Direction.IN:
            status = derive_status(window, first_in_at=self.effective_at, last_out_at=None)
            return {"attendance_id": existing.id if existing else uuid7(), "status": status.value}
        assert existing is not None  # decide() refused going out without having come in
        last_out_at = max(existing.last_out_at or self.effective_at, self.effective_at)
        status = derive_status(window, first_in_at=existing.first_in_at, last_out_at=last_out_at)
        return {
            "attendance_id": existing.id,
            "status": status.value,
            "last_out_at": last_out_at,
            "known_out_at": existing.last_out_at,
        }

    def _answer(self, values: dict[str, Any]) -> dict[str, Any]:
        campus = current_campus()
        code = self.decision.code
        answer: dict[str, Any] = {
            "outcome": values["outcome"],
            "code": code.value,
            "detail": code.label,
            "home_campus": campus.code if self.person else None,
            "cross_campus_attendance": False,
            "scan": {
                "id": str(self.id),
                "scan_id": str(self.scan.scan_id) if self.scan.scan_id else None,
                "event": str(self.scan.event_id),
                "direction": self.scan.direction.value,
                "method": self.scan.method.value,
                "captured_at": self._local(self.scan.captured_at),
                "received_at": self._local(self.at),
                "effective_at": self._local(self.effective_at),
                "time_corrected": self.corrected,
            },
            "person": {
                "id": str(self.person.known.id),
                "display_name": self.person.display_name,
                "student_id": self.person.student_id,
            } if self.person else None,
            "attendance": self._attendance_answer(values),
            "first": self._first_answer(),
        }  # fmt: skip
        if self.decision.outcome == Outcome.REFUSED:
            # The one error shape, beside what only a scan has.
            answer |= {"type": "client_error", "errors": [{"code": code.value, "detail": code.label, "attr": None}]}
        return answer

    def _attendance_answer(self, values: dict[str, Any]) -> dict[str, Any] | None:
        existing, window = self.decision.existing, self.decision.window
        if self.decision.outcome == Outcome.REFUSED or window is None:
            return None
        came_in_now = self.decision.outcome == Outcome.RECORDED and self.scan.direction == Direction.IN
        if came_in_now or existing is None:
            first_in_at, last_out_at = self.effective_at, None
        else:
            first_in_at, last_out_at = existing.first_in_at, values.get("last_out_at", existing.last_out_at)
        return {
            "id": str(values["attendance_id"]),
            "session": str(window.id),
            "status": values.get("status") or (existing.status if existing else AttendanceStatus.PRESENT.value),
            "first_in_at": self._local(first_in_at),
            "last_out_at": self._local(last_out_at),
        }

    def _first_answer(self) -> dict[str, Any] | None:
        """The record that was there already: when, how and by whom."""
        existing = self.decision.existing
        if self.decision.outcome != Outcome.DUPLICATE or existing is None:
            return None
        return {
            "scan": str(existing.first_scan_id),
            "at": self._local(existing.first_in_at),
            "method": existing.method,
            "operator": str(existing.operator_id) if existing.operator_id else None,
        }

    def _local(self, moment: datetime | None) -> str | None:
        return moment.astimezone(current_campus().zone).isoformat() if moment else None
