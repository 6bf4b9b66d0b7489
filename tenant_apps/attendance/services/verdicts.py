"""A scan that was decided on: as it is stored, and as it is answered."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import Any, Final, cast
from uuid import UUID

import orjson
from django.db import transaction

from shared_apps.accounts.models import User
from shared_apps.common.ids import uuid7
from shared_apps.outbox.services import add_message
from tenant_apps.attendance.rules.decisions import Decision, Existing
from tenant_apps.attendance.rules.imports import RowOutcome
from tenant_apps.attendance.rules.presence import Mark, Policy, Presence, evaluate
from tenant_apps.attendance.rules.scanners import ScannerKind, clock_skew
from tenant_apps.attendance.rules.scans import Code, Direction, Door, Method, Outcome
from tenant_apps.attendance.selectors.scans import EventFacts, ScanFacts
from tenant_apps.attendance.services.statements import ATTEND, STORE_SCAN, attend_federated
from tenants.postgresql.prepared import Statement
from tenants.registry_types import CampusEntry

NAME_VISITOR: Final = "tenant_apps.attendance.tasks.learn_visitor_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRequest:
    """One attempt to record presence. ``value`` is the text of a pass or of a guest's pass, a student id or a user id,
    by ``method``.

    ``skew``: by how many milliseconds the device's clock was ahead of the server's when it sent this. ``door`` is told
    by the caller where it is not a counter's single call; ``scanner_id`` follows from the operator. How a scan came is
    no part of what was asked: the same scan may come again another way.
    """

    event_id: UUID
    method: Method
    value: str
    session_id: UUID | None = None
    direction: Direction = Direction.IN
    scan_id: UUID | None = None
    captured_at: datetime | None = None
    reason: str = ""
    door: Door = Door.COUNTER
    scanner_id: UUID | None = None
    sequence: int | None = None
    skew: int | None = None
    # What the door found out already: the scan is stored as refused by it, once the event is known to take scans.
    refusal: Code | None = None

    def fingerprint(self, operator_id: UUID) -> bytes:
        """Return a digest of everything that was asked: a retry has the same one, another request another."""
        captured = self.captured_at and self.captured_at.astimezone(UTC)
        content = (
            operator_id, self.event_id, self.session_id, self.method, self.value, self.direction, captured, self.reason,
        )  # fmt: skip
        return hashlib.sha256(repr([_spell(part) for part in content]).encode()).digest()


@lru_cache(maxsize=4096)
def _spell_id(value: UUID) -> str:
    return str(value)


def _spell(part: object) -> str:
    """Return the text of a part; the ids of events and operators come again and again."""
    return _spell_id(part) if type(part) is UUID else str(part)


@dataclass(frozen=True, slots=True)
class ScanAnswer:
    """What is answered, and stored for a retry: an HTTP status and a body that orjson can write (ids are UUIDs where it
    was made just now, texts where it was stored).
    """

    status: int
    body: dict[str, Any]

    @property
    def result(self) -> tuple[RowOutcome, str, str]:
        """What it came to, the code, and the sentence for the operator."""
        if "outcome" in self.body:
            return RowOutcome(self.body["outcome"]), self.body["code"], self.body["detail"]
        error = self.body["errors"][0]
        return RowOutcome.FAILED, error["code"], error["detail"]


def measure_skew(*, device_now: datetime | None, at: datetime) -> int | None:
    """Return by how many milliseconds the device's clock is ahead; None where it did not say its time."""
    return None if device_now is None else clock_skew(device_now=device_now, at=at)


class Overtaken(Exception):
    """The event, a seat or an attendance is not as it was when it was read; nothing was written."""


class CountedElsewhere(Exception):
    """Another campus counts this person for the federated event; nothing was written."""


@dataclass(kw_only=True)
class Verdict:
    """A scan that was decided on, as it will be stored and answered. ``is_counted_elsewhere``: the ledger has nothing
    of this presence, for another campus counts the person.
    """

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
    campus: CampusEntry
    is_counted_elsewhere: bool = False
    id: UUID = field(default_factory=uuid7)

    def store(self) -> dict[str, Any]:
        """Write scan and attendance, at a federated event the visit too, in one statement; return the answer.

        Raises: IntegrityError when the scan_id has been stored meanwhile, Overtaken when the facts have changed since,
        CountedElsewhere. Each time nothing is written.
        """
        values = self.scan_values()
        presence = self.presence
        if presence is None:
            return self._run(STORE_SCAN, values)
        values |= self.attendance_values(presence)
        kind = "change"
        if self.begins:
            kind = "visitor" if self.home else "guest" if self.guest_id else "person"
        values["answer"] = orjson.dumps(self.answer(values)).decode()
        if not self.is_in_ledger:
            return self._run(ATTEND[kind], values)
        return self._run_federated(kind, values)

    @cached_property
    def begins(self) -> bool:
        """Whether an attendance begins by it, or revives."""
        existing = self.decision.existing
        return self.decision.outcome == Outcome.RECORDED and not (existing and existing.is_begun)

    @cached_property
    def guest_id(self) -> UUID | None:
        """The guest whom it is about."""
        person = self.facts.person
        return person.known.id if person and person.is_guest else None

    @cached_property
    def user_id(self) -> UUID | None:
        """The person of this campus whom it is about."""
        person = self.facts.person
        return person.known.id if person and not person.is_guest else None

    @property
    def scanner_id(self) -> UUID | None:
        """The enrolled device that scanned."""
        return self.facts.scanner.id if self.facts.scanner else self.scan.scanner_id

    @cached_property
    def door(self) -> Door:
        """Which way it came."""
        if self.facts.scanner is None or self.scan.door != Door.COUNTER:
            return self.scan.door
        return Door.KIOSK if self.facts.scanner.kind == ScannerKind.KIOSK else Door.SCANNER

    @cached_property
    def row(self) -> Existing | None:
        """The attendance that is written: what begins revives the row of this very person, void or not."""
        if not self.begins:
            return self.decision.existing
        window = self.decision.window
        is_account = self.user_id is not None
        return next(
            (row for row in self.facts.existing if window and row.session_id == window.id
             and row.is_account == is_account),
            None,
        )  # fmt: skip

    @cached_property
    def presence(self) -> Presence | None:
        """What the attendance says after this scan; None where the scan does not count."""
        window, existing = self.decision.window, self.decision.existing
        if self.decision.outcome == Outcome.REFUSED or window is None:
            return None
        history = (*(existing.history if existing else ()), *self.facts.goings_from(window.id))
        mark = Mark(self.effective_at, self.scan.direction.value)
        policy = self.event.policies.get(window.id, Policy())
        return evaluate(window, policy, (*history, mark), is_over=window.id in self.event.closed)

    @cached_property
    def is_in_ledger(self) -> bool:
        """Whether the ledger follows: at federated events, of everybody but guests, where something changes."""
        if self.event.federated_event_id is None or self.person_id is None or self.is_counted_elsewhere:
            return False
        row, presence = self.row, self.presence
        if self.begins or row is None or presence is None:
            return self.begins
        known = (row.first_in_at, row.last_out_at, row.status)
        return known != (presence.first_in_at, presence.last_out_at, self.status_after(presence))

    def status_after(self, presence: Presence) -> str:
        """Return the status of the attendance: what staff decided stands."""
        row = self.row
        return row.status if row and row.is_decided else presence.status.value

    def _run(self, statement: Statement, values: dict[str, Any]) -> dict[str, Any]:
        values.setdefault("answer", orjson.dumps(self.answer(values)).decode())
        row = statement.run(values)
        if row is None:
            raise Overtaken
        return cast(dict[str, Any], orjson.loads(row[0]))

    def _run_federated(self, kind: str, values: dict[str, Any]) -> dict[str, Any]:
        values |= {
            "host": self.campus.code,
            "home": (self.home or self.campus).code,
            "person_id": self.person_id,
            "visit_id": uuid7(),
            "visitor_id": uuid7(),
        }
        visitor = self.facts.visitor
        place = ""
        if visitor and self.begins and visitor.needs_place:
            place = "kept" if visitor.has_place else "taken"
        statement = attend_federated(kind, place)
        # The parts stand or fall together: a seat is not kept by somebody who was not let in.
        with transaction.atomic():
            answer, counts_here = statement.run(values)
            if answer is None:
                raise Overtaken
            if not counts_here:
                raise CountedElsewhere
            if self.asks_for_name:
                add_message(kind=NAME_VISITOR, payload=self.name_payload, at=self.at)
        return cast(dict[str, Any], orjson.loads(answer))

    @property
    def asks_for_name(self) -> bool:
        """Whether the home campus is to be asked what the visitor is called."""
        return self.facts.visitor is not None and self.facts.visitor.display_name is None and self.home is not None

    @property
    def name_payload(self) -> dict[str, str]:
        """The message that asks for it."""
        return {"home": self.home.code if self.home else "", "person_id": str(self.person_id)}

    def scan_values(self) -> dict[str, Any]:
        """Return the columns of the scan, and what the statements need beside them."""
        decision, existing, window = self.decision, self.decision.existing, self.decision.window
        return {
            "id": self.id,
            "scan_id": self.scan.scan_id,
            "fingerprint": self.fingerprint,
            "event_id": self.scan.event_id,
            "federated_event_id": self.event.federated_event_id,
            # A door that refused on its own has looked at the session.
            "session_id": window.id if window else self.scan.session_id if self.scan.refusal else None,
            "user_id": self.user_id,
            "guest_id": self.guest_id,
            "visitor_home": self.home.code if self.home else "",
            "visitor_person_id": self.person_id if self.home else None,
            "attendance_id": existing.id if existing else None,
            "operator_id": self.by.pk,
            "door": self.door.value,
            "scanner_id": self.scanner_id,
            "sequence": self.scan.sequence,
            "direction": self.scan.direction.value,
            "method": self.scan.method.value,
            "outcome": decision.outcome.value,
            "code": decision.code.value,
            "reason": self.scan.reason,
            "captured_at": self.scan.captured_at,
            "received_at": self.at,
            "effective_at": self.effective_at,
            "time_corrected": self.corrected,
            "skew": self.scan.skew,
            "needs_place": self.event.needs_place,
            "is_closed": window is not None and window.id in self.event.closed,
        }

    def attendance_values(self, presence: Presence) -> dict[str, Any]:
        """Return the columns of the attendance after this scan."""
        row = self.row
        return {
            # One that revives keeps its own.
            "attendance_id": row.id if row else uuid7(),
            "status": self.status_after(presence),
            "decided_status": row.decided_status if row and row.is_decided else "",
            "first_in_at": presence.first_in_at,
            "last_out_at": presence.last_out_at,
            "stayed": int(presence.stayed.total_seconds()),
            "version": row.version if row else "0",
        }

    def answer(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the body of the answer; ids and times as they are, JSON spells them."""
        code = self.decision.code
        answer: dict[str, Any] = {
            "outcome": values["outcome"],
            "code": code.value,
            "detail": code.label,
            "rules": [{"rule": looked.rule.value, "held": looked.held} for looked in self.decision.looked],
            "dry_run": False,
            "home_campus": self.home.code if self.home else self.campus.code if self.user_id else None,
            "cross_campus_attendance": self.home is not None,
            "scan": {
                "id": self.id,
                "scan_id": self.scan.scan_id,
                "event": self.scan.event_id,
                "direction": self.scan.direction.value,
                "method": self.scan.method.value,
                "door": values["door"],
                "captured_at": self._local(self.scan.captured_at),
                "received_at": self._local(self.at),
                "effective_at": self._local(self.effective_at),
                "time_corrected": self.corrected,
                "skew": self.scan.skew,
            },
            "person": self._person_answer(),
            "attendance": self._attendance_answer(values),
            "first": self._first_answer(),
        }  # fmt: skip
        if self.decision.outcome == Outcome.REFUSED:
            # The one error shape, beside what only a scan has.
            answer |= {"type": "client_error", "errors": [{"code": code.value, "detail": code.label, "attr": None}]}
        return answer

    def dry_answer(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the answer of a scan that was only tried."""
        answer = {**answer, "dry_run": True, "scan": {**answer["scan"], "id": None}}
        if answer["attendance"] and self.row is None:
            answer["attendance"] = {**answer["attendance"], "id": None}
        return answer

    def _person_answer(self) -> dict[str, Any] | None:
        """Whom the operator sees: of a visitor the id in the federation, and the name once the home campus told it."""
        person, visitor = self.facts.person, self.facts.visitor
        if visitor is not None:
            return {"id": self.person_id, "display_name": visitor.display_name, "student_id": None}
        if person is None:
            return None
        return {
            "id": person.known.id, "display_name": person.display_name, "student_id": person.student_id,
        }  # fmt: skip

    def _attendance_answer(self, values: dict[str, Any]) -> dict[str, Any] | None:
        window = self.decision.window
        if self.presence is None or window is None:
            return None
        return {
            "id": values["attendance_id"],
            "session": window.id,
            "status": values["status"],
            "first_in_at": self._local(values["first_in_at"]),
            "last_out_at": self._local(values["last_out_at"]),
            "stayed": values["stayed"],
        }

    def _first_answer(self) -> dict[str, Any] | None:
        """The record that was there already: when, how and by whom."""
        existing = self.decision.existing
        if self.decision.outcome != Outcome.DUPLICATE or existing is None:
            return None
        return {
            "scan": existing.first_scan_id,
            "at": self._local(existing.first_in_at),
            "method": existing.method,
            "operator": existing.operator_id,
        }

    def _local(self, moment: datetime | None) -> str | None:
        return moment.astimezone(self.campus.zone).isoformat() if moment else None
