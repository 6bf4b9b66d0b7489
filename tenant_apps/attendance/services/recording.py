"""Recording presence: one operation, whatever the door.

PostgreSQL decides races. What is read first decides only where to look; the statement that writes checks the event and
the session again and meets the unique (session, person), and it stores attendance and scan together or neither. At a
federated event the same statement writes the ledger, whose unique (event, person) decides between campuses.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from shared_apps.common.errors import Unavailable
from shared_apps.common.ids import uuid7
from shared_apps.federation.passes import ForgedPass, NotAPass, read_pass
from shared_apps.outbox.services import add_message
from tenant_apps.attendance.errors import EventNotFound, NotYourEvent, ScanIdReused
from tenant_apps.attendance.rules import (
    STATUS_OF_CODE,
    Claim,
    Code,
    Decision,
    Direction,
    Method,
    Outcome,
    Presence,
    decide,
    derive_status,
    effective_time,
    presence_after,
)
from tenant_apps.attendance.selectors import (
    EventFacts,
    PriorScan,
    ScanFacts,
    find_scan_facts,
    find_visitor_scan_facts,
)
from tenants.context import current_campus
from tenants.models import CampusState
from tenants.registry import find_campus
from tenants.registry_types import CampusEntry

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


class _Overtaken(Exception):
    """The event, a seat or an attendance is not as it was when it was read; nothing was written."""


class _CountedElsewhere(Exception):
    """Another campus counts this person for the federated event; nothing was written."""


def record_scan(*, by: User, at: datetime, scan: ScanRequest) -> ScanAnswer:
    """Record presence, or store why not. A refused scan is no error: it is an outcome, kept as evidence.

    Two statements for a first scan, a duplicate or a refusal, one more where a visitor's name is still to be asked for;
    two more for whoever loses a race. Idempotent by ``scan.scan_id``, which is looked at before anything else. Stand in
    the campus, outside ``atomic()``.

    Raises: EventNotFound, NotYourEvent, ScanIdReused.
    """
    claim, value, home = _read_claim(scan)
    fingerprint = scan.fingerprint(by.pk)
    effective_at, corrected = effective_time(captured_at=scan.captured_at, received_at=at)
    seen_elsewhere = 0
    for _ in range(_TRIES):
        facts = _find_facts(scan, value, home)
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
            admission=facts.visitor.admission if facts.visitor else None,
        )
        if seen_elsewhere > 1 and decision.code == Code.RECORDED:
            # Once may be another door of this campus, which the next look sees; twice is another campus.
            decision = Decision(Code.ALREADY_COUNTED, decision.window)
        verdict = _Verdict(
            scan=scan, by=by, at=at, effective_at=effective_at, corrected=corrected, fingerprint=fingerprint,
            facts=facts, event=event, home=home, person_id=_person_id(facts, value, home), decision=decision,
        )  # fmt: skip
        try:
            return ScanAnswer(_status(decision.code), verdict.store())
        except IntegrityError:
            continue  # the same scan_id came twice at once: by now the other one is stored
        except _Overtaken:
            continue  # another door was faster, or the event has just been cancelled: look again
        except _CountedElsewhere:
            seen_elsewhere += 1
    raise Unavailable


def _find_facts(scan: ScanRequest, value: str | UUID | None, home: CampusEntry | None) -> ScanFacts:
    if home is None:
        return find_scan_facts(event_id=scan.event_id, method=scan.method, value=value, scan_id=scan.scan_id)
    assert isinstance(value, UUID)  # only a pass names another campus
    return find_visitor_scan_facts(
        event_id=scan.event_id,
        home=home.code,
        is_home_archived=home.state == CampusState.ARCHIVED,
        person_id=value,
        scan_id=scan.scan_id,
    )


def _read_claim(scan: ScanRequest) -> tuple[Claim, str | UUID | None, CampusEntry | None]:
    """Return what the pass claims, the value to find the person by, and the person's campus where it is another."""
    if scan.method != Method.PASS:
        return Claim(), scan.value, None
    try:
        content = read_pass(scan.value)
    except NotAPass:
        return Claim(refusal=Code.UNKNOWN_PASS), None, None
    except ForgedPass:
        return Claim(refusal=Code.PASS_FORGED), None, None
    home = find_campus(str(content.campus_id)) if content.campus_id != current_campus().id else None
    claim = Claim(serial=content.serial, expires_at=content.expires_at, home=home.code if home else "")
    return claim, content.person_id, home


def _person_id(facts: ScanFacts, value: str | UUID | None, home: CampusEntry | None) -> UUID | None:
    """Return who this is in the federation."""
    if home is not None:
        return value if isinstance(value, UUID) else None
    return facts.person.person_id if facts.person else None


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
    INSERT INTO attendance_scan (id, scan_id, fingerprint, event_id, session_id, user_id, home, person_id,
                                 attendance_id, operator_id, direction, method, outcome, code, reason, captured_at,
                                 received_at, effective_at, time_corrected, answer)
    SELECT %(id)s, %(scan_id)s, %(fingerprint)s, %(event_id)s, %(session_id)s, %(user_id)s, %(visitor_home)s,
           %(visitor_person_id)s, {attendance}, %(operator_id)s, %(direction)s, %(method)s, %(outcome)s, %(code)s,
           %(reason)s, %(captured_at)s, %(received_at)s, %(effective_at)s, %(time_corrected)s, {answer}
      {source}
    RETURNING answer::text
"""
_STORE_SCAN: Final = _SCAN.format(attendance="%(attendance_id)s::uuid", answer="%(answer)s::jsonb", source="")
_WITH_ATTENDANCE: Final = _SCAN.format(
    attendance="a.id",
    answer="jsonb_set(%(answer)s::jsonb, '{attendance,id}', to_jsonb(a.id::text))",
    source="FROM a",
)
_CHECK_IN: Final = """
    INSERT INTO attendance_attendance (id, event_id, session_id, {column}, status, first_in_at, first_scan_id, method,
                                       operator_id, created_at, updated_at)
    SELECT %(attendance_id)s, e.id, s.id, {person}, %(status)s, %(effective_at)s, %(id)s, %(method)s, %(operator_id)s,
           %(received_at)s, %(received_at)s
      FROM events_event e JOIN events_session s ON s.event_id = e.id {also}
     WHERE e.id = %(event_id)s AND e.status = 'published'
       AND s.id = %(session_id)s AND %(effective_at)s BETWEEN s.opens_at AND s.closes_at
    ON CONFLICT (session_id, {column}) DO UPDATE
       SET status = EXCLUDED.status, first_in_at = EXCLUDED.first_in_at, last_out_at = NULL,
           first_scan_id = EXCLUDED.first_scan_id, method = EXCLUDED.method, operator_id = EXCLUDED.operator_id,
           updated_at = EXCLUDED.updated_at
     WHERE attendance_attendance.status = 'void'
    RETURNING id
"""
_CHECK_IN_PERSON: Final = _CHECK_IN.format(column="user_id", person="%(user_id)s", also="")
_CHECK_IN_VISITOR: Final = _CHECK_IN.format(column="visitor_id", person="w.id", also="CROSS JOIN w")
_CHANGE: Final = """
    UPDATE attendance_attendance
       SET first_in_at = %(first_in_at)s, last_out_at = %(last_out_at)s, status = %(status)s,
           updated_at = %(received_at)s
     WHERE id = %(attendance_id)s AND status <> 'void'
       AND first_in_at = %(known_in_at)s AND last_out_at IS NOT DISTINCT FROM %(known_out_at)s
       AND EXISTS (SELECT 1 FROM events_event e WHERE e.id = event_id AND e.status = 'published')
    RETURNING id
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
_MEET_VISITOR: Final = """
    INSERT INTO attendance_visitor (id, home, person_id, created_at)
    SELECT %(visitor_id)s, %(home)s, %(person_id)s, %(received_at)s {source}
    ON CONFLICT (person_id) DO UPDATE SET home = EXCLUDED.home
    RETURNING id
"""
_CREDIT: Final = """
    INSERT INTO public.federation_visit (event_id, id, person_id, host, home, attendance_id, session_id, event_title,
                                         session_name, status, first_in_at, created_at, updated_at)
    SELECT %(federated_event_id)s, %(visit_id)s, %(person_id)s, %(host)s, %(home)s, a.id, s.id, e.title, s.name,
           %(status)s, %(effective_at)s, %(received_at)s, %(received_at)s
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
_IS_CREDITED: Final = """
    (SELECT answer FROM s),
    EXISTS (SELECT 1 FROM v) OR EXISTS (
        SELECT 1 FROM public.federation_visit
         WHERE event_id = %(federated_event_id)s AND person_id = %(person_id)s AND host = %(host)s AND status <> 'void')
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
    facts: ScanFacts
    event: EventFacts
    home: CampusEntry | None
    person_id: UUID | None
    decision: Decision
    id: UUID = field(default_factory=uuid7)

    def store(self) -> dict[str, Any]:
        """Write scan and attendance, at a federated event the visit too, in one statement; return the answer.

        Raises: IntegrityError when the scan_id has been stored meanwhile, _Overtaken when the facts have changed since,
        _CountedElsewhere. Each time nothing is written.
        """
        values = self._values()
        begins = self.decision.outcome == Outcome.RECORDED and not self._counts_already
        after = None if begins else self._presence_after()
        if begins:
            values |= self._first_presence()
            attend = _CHECK_IN_VISITOR if self.home else _CHECK_IN_PERSON
        elif after is not None:
            values |= self._changed_presence(after)
            attend = _CHANGE
        else:
            return self._run(_STORE_SCAN, values)
        values["answer"] = json.dumps(self._answer(values))
        if self.event.federated_event_id is None:
            return self._run(f"WITH a AS ({attend}) {_WITH_ATTENDANCE}", values)
        return self._run_federated(attend, values, begins=begins)

    @property
    def _counts_already(self) -> bool:
        return self.decision.existing is not None and self.decision.existing.counts

    def _run(self, statement: str, values: dict[str, Any]) -> dict[str, Any]:
        values.setdefault("answer", json.dumps(self._answer(values)))
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            row = cursor.fetchone()
        if row is None:
            raise _Overtaken
        return cast(dict[str, Any], json.loads(row[0]))

    def _run_federated(self, attend: str, values: dict[str, Any], *, begins: bool) -> dict[str, Any]:
        values |= {
            "federated_event_id": self.event.federated_event_id,
            "host": current_campus().code,
            "home": (self.home or current_campus()).code,
            "person_id": self.person_id,
            "visit_id": uuid7(),
            "visitor_id": uuid7(),
        }
        parts = [("a", attend), ("v", _CREDIT if begins else _FOLLOW_CREDIT), ("s", _WITH_ATTENDANCE)]
        visitor = self.facts.visitor
        if visitor and begins:
            seated = [] if visitor.has_place else [("seat", _TAKE_SEAT), ("place", _TAKE_PLACE)]
            meet = _MEET_VISITOR.format(source="" if visitor.has_place else "FROM seat")
            parts = [*seated, ("w", meet), *parts]
        statement = f"WITH {', '.join(f'{name} AS ({part})' for name, part in parts)} SELECT {_IS_CREDITED}"
        # The parts stand or fall together: a seat is not kept by somebody who was not let in.
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                answer, is_credited = cursor.fetchone()
            if answer is None:
                raise _Overtaken
            if not is_credited:
                raise _CountedElsewhere
            if visitor and visitor.display_name is None and self.home:
                add_message(
                    kind="tenant_apps.attendance.tasks.learn_visitor_name",
                    payload={"home": self.home.code, "person_id": str(self.person_id)},
                    at=self.at,
                )
        return cast(dict[str, Any], json.loads(answer))

    def _values(self) -> dict[str, Any]:
        """The columns of the scan."""
        decision, existing, person = self.decision, self.decision.existing, self.facts.person
        return {
            "id": self.id,
            "scan_id": self.scan.scan_id,
            "fingerprint": self.fingerprint,
            "event_id": self.scan.event_id,
            "session_id": decision.window.id if decision.window else None,
            "user_id": person.known.id if person else None,
            "visitor_home": self.home.code if self.home else "",
            "visitor_person_id": self.person_id if self.home else None,
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

    def _first_presence(self) -> dict[str, Any]:
        """The columns of an attendance that begins, or revives."""
        window, existing = self.decision.window, self.decision.existing
        assert window is not None  # a recorded scan has a session
        status = derive_status(window, first_in_at=self.effective_at, last_out_at=None)
        return {
            "attendance_id": existing.id if existing else uuid7(),
            "status": status.value,
            "first_in_at": self.effective_at,
            "last_out_at": None,
        }

    def _presence_after(self) -> Presence | None:
        """What the attendance that is there says after this scan; None where nothing changes."""
        window, existing = self.decision.window, self.decision.existing
        if self.decision.outcome == Outcome.REFUSED or window is None or existing is None:
            return None
        return presence_after(
            window,
            first_in_at=existing.first_in_at,
            last_out_at=existing.last_out_at,
            direction=self.scan.direction,
            at=self.effective_at,
            is_device_time=self.scan.captured_at is not None and not self.corrected,
        )

    def _changed_presence(self, after: Presence) -> dict[str, Any]:
        existing = self.decision.existing
        assert existing is not None  # what changes was there
        return {
            "first_in_at": after.first_in_at,
            "last_out_at": after.last_out_at,
            "status": after.status.value,
            "known_in_at": existing.first_in_at,
            "known_out_at": existing.last_out_at,
        }

    def _answer(self, values: dict[str, Any]) -> dict[str, Any]:
        campus = current_campus()
        code = self.decision.code
        answer: dict[str, Any] = {
            "outcome": values["outcome"],
            "code": code.value,
            "detail": code.label,
            "home_campus": self.home.code if self.home else campus.code if self.facts.person else None,
            "cross_campus_attendance": self.home is not None,
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
            "person": self._person_answer(),
            "attendance": self._attendance_answer(values),
            "first": self._first_answer(),
        }  # fmt: skip
        if self.decision.outcome == Outcome.REFUSED:
            # The one error shape, beside what only a scan has.
            answer |= {"type": "client_error", "errors": [{"code": code.value, "detail": code.label, "attr": None}]}
        return answer

    def _person_answer(self) -> dict[str, Any] | None:
        """Whom the operator sees: of a visitor the id in the federation, and the name once the home campus told it."""
        person, visitor = self.facts.person, self.facts.visitor
        if visitor is not None:
            return {"id": str(self.person_id), "display_name": visitor.display_name, "student_id": None}
        if person is None:
            return None
        return {
            "id": str(person.known.id), "display_name": person.display_name, "student_id": person.student_id,
        }  # fmt: skip

    def _attendance_answer(self, values: dict[str, Any]) -> dict[str, Any] | None:
        existing, window = self.decision.existing, self.decision.window
        if self.decision.outcome == Outcome.REFUSED or window is None:
            return None
        if "status" in values:
            status, first_in_at, last_out_at = (values[name] for name in ("status", "first_in_at", "last_out_at"))
        else:
            assert existing is not None  # a duplicate repeats what is there
            status, first_in_at, last_out_at = existing.status, existing.first_in_at, existing.last_out_at
        return {
            "id": str(values["attendance_id"]),
            "session": str(window.id),
            "status": status,
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
