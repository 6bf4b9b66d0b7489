"""A scan that was decided on: as it is stored, and as it is answered."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.db import connection, transaction

from shared_apps.accounts.models import User
from shared_apps.common.ids import uuid7
from shared_apps.outbox.services import add_message
from tenant_apps.attendance.rules.scans import (
    Decision,
    Direction,
    Method,
    Outcome,
    Presence,
    derive_status,
    presence_after,
)
from tenant_apps.attendance.selectors.scans import EventFacts, ScanFacts
from tenant_apps.attendance.services.statements import (
    CHANGE,
    CHECK_IN_PERSON,
    CHECK_IN_VISITOR,
    CREDIT,
    FOLLOW_CREDIT,
    IS_BEGUN,
    IS_FOLLOWED,
    KEEP_PLACE,
    MEET_VISITOR,
    STORE_SCAN,
    TAKE_PLACE,
    TAKE_SEAT,
    WITH_ATTENDANCE,
)
from tenants.context import current_campus
from tenants.registry_types import CampusEntry


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


class Overtaken(Exception):
    """The event, a seat or an attendance is not as it was when it was read; nothing was written."""


class CountedElsewhere(Exception):
    """Another campus counts this person for the federated event; nothing was written."""


@dataclass(slots=True, kw_only=True)
class Verdict:
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

        Raises: IntegrityError when the scan_id has been stored meanwhile, Overtaken when the facts have changed since,
        CountedElsewhere. Each time nothing is written.
        """
        values = self._values()
        begins = self.decision.outcome == Outcome.RECORDED and not self._counts_already
        after = None if begins else self._presence_after()
        if begins:
            values |= self._first_presence()
            attend = CHECK_IN_VISITOR if self.home else CHECK_IN_PERSON
        elif after is not None:
            values |= self._changed_presence(after)
            attend = CHANGE
        else:
            return self._run(STORE_SCAN, values)
        values["answer"] = json.dumps(self._answer(values))
        if self.event.federated_event_id is None:
            return self._run(f"WITH a AS ({attend}) {WITH_ATTENDANCE}", values)
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
            raise Overtaken
        return cast(dict[str, Any], json.loads(row[0]))

    def _run_federated(self, attend: str, values: dict[str, Any], *, begins: bool) -> dict[str, Any]:
        values |= {
            "host": current_campus().code,
            "home": (self.home or current_campus()).code,
            "person_id": self.person_id,
            "visit_id": uuid7(),
            "visitor_id": uuid7(),
        }
        parts = [("a", attend), ("v", CREDIT if begins else FOLLOW_CREDIT), ("s", WITH_ATTENDANCE)]
        visitor = self.facts.visitor
        if visitor and begins:
            placed = [("place", KEEP_PLACE)] if visitor.has_place else [("seat", TAKE_SEAT), ("place", TAKE_PLACE)]
            meet = MEET_VISITOR.format(source="FROM place" if visitor.needs_place else "")
            parts = [*(placed if visitor.needs_place else []), ("w", meet), *parts]
        is_credited = IS_BEGUN if begins else IS_FOLLOWED
        statement = f"WITH {', '.join(f'{name} AS ({part})' for name, part in parts)} SELECT {is_credited}"
        # The parts stand or fall together: a seat is not kept by somebody who was not let in.
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                answer, counts_here = cursor.fetchone()
            if answer is None:
                raise Overtaken
            if not counts_here:
                raise CountedElsewhere
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
            "federated_event_id": self.event.federated_event_id,
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
        window = self.decision.window
        assert window is not None  # a recorded scan has a session
        status = derive_status(window, first_in_at=self.effective_at, last_out_at=None)
        return {
            "attendance_id": uuid7(),  # one that revives keeps its own
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
