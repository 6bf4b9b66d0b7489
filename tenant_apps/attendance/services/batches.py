"""Recording many scans at once: what a device took without a network, a section whose names were called, a file.

The same decision and the same rule as for a single scan, over facts that are read for all of them together. What
decides is locked first, in one order; scans are then judged in the order of the times that count, each by what those
before it have left; and what came of them is written by one statement of each kind. Where something was written by
somebody else meanwhile nothing of it stays, and everything is looked at again.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import IntegrityError, OperationalError, connection, transaction

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from shared_apps.common.errors import DomainError
from shared_apps.common.ids import uuid7
from shared_apps.federation.rules import RegistrationState
from shared_apps.outbox.services import add_messages
from tenant_apps.attendance.errors import ScanIdReused
from tenant_apps.attendance.rules.decisions import Claim, Existing
from tenant_apps.attendance.rules.presence import Mark
from tenant_apps.attendance.rules.scans import Method
from tenant_apps.attendance.selectors.batches import BatchFacts, Named, find_batch_facts, find_people
from tenant_apps.attendance.selectors.scans import PersonFacts, ScanFacts, ScannerFacts, read_scanner, read_visitor
from tenant_apps.attendance.services.batch_statements import ATTEND, CONTACT, CREDIT_ALL, FIND_CREDIT, LOCK, STORE
from tenant_apps.attendance.services.recording import (
    confirm_scanner,
    event_of_operator,
    is_passing,
    judge,
    read_claim,
    record_scan,
    replay,
    status_of,
    time_of,
)
from tenant_apps.attendance.services.verdicts import NAME_VISITOR, Overtaken, ScanAnswer, ScanRequest, Verdict
from tenants.context import current_campus
from tenants.models import CampusState
from tenants.registry_types import CampusEntry

MOST_SCANS: Final = 500
# What of a scan's values an attendance is written with.
_WRITTEN: Final = (
    "event_id", "federated_event_id", "session_id", "attendance_id", "is_closed", "needs_place", "user_id", "guest_id",
    "status", "decided_status", "first_in_at", "last_out_at", "stayed",
)  # fmt: skip
_TRIES: Final = 5


def record_batch(
    *,
    by: User,
    at: datetime,
    scans: Sequence[ScanRequest],
    dry_run: bool = False,
    queue_depth: int | None = None,
    skew: int | None = None,
) -> list[ScanAnswer]:
    """Record many scans, in any order and any repetition; return the answer of each, in the order they were given.

    Each answer is what ``record_scan`` would have said, had the scans come one by one in the order of their times; what
    that raises is an answer too. One transaction, and a number of statements that does not depend on how many there
    are: at most 9, 7 where there are no visitors. ``queue_depth`` (scans that are left) and ``skew`` (milliseconds that
    its clock is ahead) are kept of a device. Stand in the campus, outside ``atomic()``.

    Locks: the device; then events and sessions, invitations, places, visitors and attendances of everybody concerned.
    Raises: ScannerNotValid.
    """
    campus = current_campus()
    items = [_read(position, scan, by=by, at=at, campus=campus) for position, scan in enumerate(scans)]
    elsewhere: set[tuple[UUID, UUID]] = set()
    for _ in range(_TRIES):
        batch = _Batch(by=by, at=at, campus=campus, elsewhere=elsewhere, dry_run=dry_run)
        try:
            with transaction.atomic():
                scanner = _keep_contact(by=by, at=at, queue_depth=queue_depth, skew=skew)
                answers = batch.record(items, scanner)
                if dry_run:
                    transaction.set_rollback(True)
            return answers
        except (IntegrityError, Overtaken):
            continue  # somebody was faster: look again
        except OperationalError as error:
            if not is_passing(error):
                raise
    return _record_singly(items, by=by, at=at, dry_run=dry_run)


@dataclass(slots=True, kw_only=True)
class _Item:
    """A scan with what it says by itself."""

    position: int
    scan: ScanRequest
    fingerprint: bytes
    claim: Claim
    value: str | UUID | bytes | None
    home: CampusEntry | None
    effective_at: datetime
    corrected: bool

    @property
    def named(self) -> Named | None:
        """How the person of this campus is named."""
        if self.home is not None or self.value is None:
            return None
        if self.scan.method == Method.GUEST:
            assert isinstance(self.value, bytes)  # a digest
            return Method.GUEST.value, self.value.hex(), self.scan.event_id
        if self.scan.method == Method.VENUE_CODE:
            return Method.USER.value, str(self.value), None
        return self.scan.method.value, str(self.value), None


def _read(position: int, scan: ScanRequest, *, by: User, at: datetime, campus: CampusEntry) -> _Item:
    effective_at, corrected = time_of(scan, at)
    claim, value, home = read_claim(scan, effective_at, campus)
    return _Item(
        position=position, scan=scan, fingerprint=scan.fingerprint(by.pk), claim=claim, value=value, home=home,
        effective_at=effective_at, corrected=corrected,
    )  # fmt: skip


def _keep_contact(*, by: User, at: datetime, queue_depth: int | None, skew: int | None) -> ScannerFacts | None:
    """Note that the device was heard of; return it, None where the operator is a person."""
    if by.role not in {Role.SCANNER, Role.KIOSK}:
        return None
    with connection.cursor() as cursor:
        cursor.execute(CONTACT, {"at": at, "queue_depth": queue_depth, "skew": skew, "user_id": by.pk})
        row = cursor.fetchone()
    scanner = read_scanner(row) if row else None
    confirm_scanner(scanner, at)
    return scanner


def _record_singly(items: Sequence[_Item], *, by: User, at: datetime, dry_run: bool) -> list[ScanAnswer]:
    """One by one, in the order of their times: for the batch that was overtaken again and again."""
    answers: dict[int, ScanAnswer] = {}
    for item in sorted(items, key=_order):
        try:
            answers[item.position] = record_scan(by=by, at=at, scan=item.scan, dry_run=dry_run)
        except DomainError as error:
            answers[item.position] = _answer_error(error)
    return [answers[position] for position in range(len(items))]


def _order(item: _Item) -> tuple[datetime, str, int]:
    """By the time that counts; whoever comes and goes in the same moment came first."""
    return item.effective_at, item.scan.direction.value, item.position


def _answer_error(error: DomainError) -> ScanAnswer:
    problem = {"code": error.code, "detail": error.message, "attr": error.attr}
    kind = "server_error" if error.status >= 500 else "client_error"
    return ScanAnswer(error.status, {"type": kind, "errors": [problem]})


@dataclass(slots=True, kw_only=True)
class _Row:
    """An attendance as it will be written."""

    values: dict[str, Any]
    verdict: Verdict
    is_new: bool
    begins: bool = False
    changes: bool = False


@dataclass(slots=True, kw_only=True)
class _Batch:
    """One try. ``elsewhere``: whom other campuses turned out to count, by federated event."""

    by: User
    at: datetime
    campus: CampusEntry
    elsewhere: set[tuple[UUID, UUID]]
    dry_run: bool
    people: dict[Named, PersonFacts] = field(default_factory=dict)
    existing: dict[tuple[UUID, UUID], list[Existing]] = field(default_factory=dict)
    rows: dict[UUID, _Row] = field(default_factory=dict)
    verdicts: list[tuple[Verdict, dict[str, Any]]] = field(default_factory=list)
    # Seats wanted by (federated event, home), and the places that go with them.
    seats: dict[tuple[UUID, str], int] = field(default_factory=dict)
    places: dict[tuple[UUID, UUID], str] = field(default_factory=dict)
    # Visitors who are met, and those whose name is to be asked for: their homes.
    met: dict[UUID, str] = field(default_factory=dict)
    nameless: dict[UUID, str] = field(default_factory=dict)

    def record(self, items: Sequence[_Item], scanner: ScannerFacts | None) -> list[ScanAnswer]:
        """Lock, read, judge and write; return the answers by position.

        Raises: Overtaken, IntegrityError, OperationalError where it has to be done again.
        """
        facts = self._find_facts(items)
        answers: dict[int, ScanAnswer] = {}
        first: dict[UUID, _Item] = {}
        for item in items:
            if item.scan.scan_id:
                first.setdefault(item.scan.scan_id, item)
        for item in sorted(items, key=_order):
            earlier = first.get(item.scan.scan_id, item) if item.scan.scan_id else item
            if earlier is item:
                try:
                    answers[item.position] = self._answer(item, facts, scanner)
                except DomainError as error:
                    answers[item.position] = _answer_error(error)
        for item in items:
            if item.position not in answers:
                earlier = first[item.scan.scan_id]  # type: ignore[index]
                same = item.fingerprint == earlier.fingerprint
                answers[item.position] = answers[earlier.position] if same else _answer_error(ScanIdReused())
        self._write()
        return [answers[position] for position in range(len(items))]

    def _find_facts(self, items: Sequence[_Item]) -> BatchFacts:
        """Find who is meant, lock whatever decides, and read it."""
        values: dict[str, set[Any]] = {method.value: set() for method in Method}
        for item in items:
            if item.named is not None:
                values[item.named[0]].add(item.value)
        self.people = find_people(
            passes=values["pass"], users=values["user"], student_ids=values["student_id"], guests=values["guest"]
        )
        events = {item.scan.event_id for item in items}
        visitors = {
            (item.scan.event_id, item.home.code, item.value)
            for item in items
            if item.home is not None and isinstance(item.value, UUID)
        }
        people = [person for person in self.people.values() if not person.is_guest]
        users = {person.known.id for person in people}
        guests = {person.known.id for person in self.people.values() if person.is_guest}
        asked: dict[str, Any] = {
            "events": list(events), "users": list(users), "guests": list(guests), "host": self.campus.code,
            "homes": list({home for _, home, _ in visitors}), "visitors": list({who for _, _, who in visitors}),
            "people": [*(person.person_id for person in people), *(who for _, _, who in visitors)],
        }  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(LOCK, asked)
            attendances = cursor.fetchone()[5] or []
        facts = find_batch_facts(
            events=events, scan_ids={item.scan.scan_id for item in items if item.scan.scan_id},
            attendances=attendances, users=users, guests=guests, visitors=visitors,
        )  # fmt: skip
        self.existing = {key: list(rows) for key, rows in facts.existing.items()}
        return facts

    def _answer(self, item: _Item, facts: BatchFacts, scanner: ScannerFacts | None) -> ScanAnswer:
        """Judge one scan by what those before it have left.

        Raises: EventNotFound, NotYourEvent, ScanIdReused.
        """
        prior = facts.priors.get(item.scan.scan_id) if item.scan.scan_id else None
        if prior is not None:
            return replay(prior, item.fingerprint)
        event_id = item.scan.event_id
        event = event_of_operator(facts.events.get(event_id), event_id, self.by, scanner)
        person = self.people.get(item.named) if item.named else None
        visitor = None
        subject = person_id = item.value if item.home is not None and isinstance(item.value, UUID) else None
        if item.home is not None and person_id is not None:
            visitor_id, name, *federated = facts.visitors[event_id, person_id]
            seats = (event.federated_event_id, item.home.code)
            federated[5] += self.seats.get(seats, 0)  # type: ignore[arg-type]
            if (event.federated_event_id, person_id) in self.places:
                federated[6] = RegistrationState.REGISTERED
            is_archived = item.home.state == CampusState.ARCHIVED
            visitor = read_visitor(visitor_id, name, federated, is_home_archived=is_archived)
        elif person is not None:
            person = replace(person, place=facts.places.get((event_id, person.known.id)))
            person_id, subject = person.person_id, person.person_id or person.known.id
        key = (event_id, subject) if subject else None
        goer = person.known.id if person else person_id
        goings = facts.goings.get((event_id, goer), []) if goer else []
        verdict = judge(
            scan=item.scan, by=self.by, at=self.at, effective_at=item.effective_at, corrected=item.corrected,
            fingerprint=item.fingerprint, claim=item.claim, event=event, home=item.home, person_id=person_id,
            facts=ScanFacts(
                event=event, person=person, existing=tuple(self.existing.get(key, ())) if key else (), prior=None,
                visitor=visitor, scanner=scanner, goings=tuple(goings),
            ),
            is_counted_elsewhere=(event.federated_event_id, person_id) in self.elsewhere, campus=self.campus,
        )  # fmt: skip
        values = verdict.scan_values()
        if verdict.presence is not None and key is not None:
            values |= verdict.attendance_values(verdict.presence)
            self._keep(verdict, values, key)
        answer = verdict.answer(values)
        self.verdicts.append((verdict, {**values, "answer": orjson.dumps(answer).decode()}))
        if self.dry_run:
            answer = self._dry(verdict, answer)
        return ScanAnswer(status_of(verdict.decision.code), answer)

    def _keep(self, verdict: Verdict, values: dict[str, Any], key: tuple[UUID, UUID]) -> None:
        """Remember what the attendance is after this scan, for those that follow and for what is written."""
        known, row_id = verdict.row, values["attendance_id"]
        mark = Mark(verdict.effective_at, verdict.scan.direction.value)
        begun = verdict.begins or known is None
        after = Existing(
            id=row_id, session_id=values["session_id"], status=values["status"],
            decided_status=values["decided_status"], first_in_at=values["first_in_at"],
            last_out_at=values["last_out_at"], stayed=values["stayed"],
            first_scan_id=verdict.id if begun or known is None else known.first_scan_id,
            method=verdict.scan.method.value if begun or known is None else known.method,
            operator_id=self.by.pk if begun or known is None else known.operator_id,
            is_account=verdict.user_id is not None if known is None else known.is_account,
            marks=(mark,) if begun or known is None else (*known.history, mark),
        )  # fmt: skip
        others = [row for row in self.existing.get(key, []) if row.id != row_id]
        self.existing[key] = [after, *others]
        row = self.rows.get(row_id)
        if row is None:
            row = self.rows[row_id] = _Row(values={}, verdict=verdict, is_new=known is None)
        row.begins = row.begins or verdict.begins
        row.changes = row.changes or verdict.is_in_ledger
        row.verdict = verdict
        window = verdict.decision.window
        assert window is not None  # what is kept has a session
        row.values = {
            "opens_at": window.opens_at, "closes_at": window.closes_at,
            **{name: values[name] for name in _WRITTEN}, "id": row_id, "is_new": row.is_new,
            "first_scan_id": after.first_scan_id, "method": after.method, "operator_id": after.operator_id,
            "person_id": verdict.person_id if verdict.home else None,
            "home": (verdict.home or self.campus).code,
        }  # fmt: skip
        if verdict.is_in_ledger and verdict.home and verdict.person_id:
            self._meet(verdict, verdict.home.code, verdict.person_id)

    def _meet(self, verdict: Verdict, home: str, person_id: UUID) -> None:
        """Remember what a visitor who is let in takes, and what is still to be asked of their home."""
        visitor, event_id = verdict.facts.visitor, verdict.event.federated_event_id
        if visitor is None or event_id is None:
            return
        if verdict.begins:
            self.met[person_id] = home
            if visitor.needs_place and not visitor.has_place:
                self.seats[event_id, home] = self.seats.get((event_id, home), 0) + 1
                self.places[event_id, person_id] = home
        if verdict.asks_for_name:
            self.nameless[person_id] = home

    def _dry(self, verdict: Verdict, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the answer without the ids that there will not be."""
        answer = verdict.dry_answer(answer)
        mine = {row_id for row_id, row in self.rows.items() if row.is_new}
        if answer["attendance"] and answer["attendance"]["id"] in mine:
            answer["attendance"] = {**answer["attendance"], "id": None}
        if answer["first"] and answer["first"]["scan"] in {earlier.id for earlier, _ in self.verdicts}:
            answer["first"] = {**answer["first"], "scan": None}
        return answer

    def _write(self) -> None:
        """Write what came of it: attendances, credit, scans and messages, a statement for each.

        Raises: Overtaken, IntegrityError.
        """
        if self.rows:
            visitors = [{"id": uuid7(), "home": home, "person_id": who} for who, home in sorted(self.met.items())]
            rows = [row.values for row in self.rows.values()]
            (written,) = _run(ATTEND, rows=rows, visitors=visitors, at=self.at)
            if written != len(rows):
                raise Overtaken
            self._credit([row for row in self.rows.values() if row.changes])
        if self.verdicts:
            with connection.cursor() as cursor:
                cursor.execute(STORE, {"rows": _json([values for _, values in self.verdicts])})
                if cursor.rowcount != len(self.verdicts):
                    raise Overtaken
        if self.nameless:
            payloads = [{"home": home, "person_id": str(who)} for who, home in sorted(self.nameless.items())]
            add_messages(kind=NAME_VISITOR, payloads=payloads, at=self.at)

    def _credit(self, rows: Sequence[_Row]) -> None:
        """Write the ledger, which decides between campuses.

        Raises: Overtaken, also where another campus counts somebody: whom, is known from then on.
        """
        if not rows:
            return
        wanted: dict[tuple[UUID, UUID], dict[str, Any]] = {}
        changes = []
        for row in rows:
            event_id, person_id = row.verdict.event.federated_event_id, row.verdict.person_id
            assert event_id is not None  # what is in the ledger is of a federated event and of somebody it knows
            assert person_id is not None
            values = {**row.values, "federated_event_id": event_id, "person_id": person_id, "visit_id": uuid7()}
            if row.begins:
                wanted.setdefault((event_id, person_id), values)
            else:
                changes.append(values)
        seats = [{"event_id": event, "campus": home, "wanted": number} for (event, home), number in self.seats.items()]
        places = [{"event_id": event, "person_id": who, "home": home} for (event, who), home in self.places.items()]
        taken, placed, visits, followed = _run(
            CREDIT_ALL, seats=seats, places=places, visits=list(wanted.values()), changes=changes, at=self.at,
            host=self.campus.code,
        )  # fmt: skip
        if taken != len(places) or placed != len(places):
            raise Overtaken
        asked = {*wanted, *((values["federated_event_id"], values["person_id"]) for values in changes)}
        missing = asked - _pairs(visits) - _pairs(followed)
        if not missing:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                FIND_CREDIT,
                {
                    "events": [event for event, _ in missing], "people": [who for _, who in missing],
                    "host": self.campus.code,
                },
            )  # fmt: skip
            missing -= set(cursor.fetchall())
        if missing:
            self.elsewhere |= missing
            raise Overtaken


def _run(statement: str, *, at: datetime, host: str = "", **rows: Sequence[dict[str, Any]]) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"at": at, "host": host, **{name: _json(given) for name, given in rows.items()}})
        row: tuple[Any, ...] = cursor.fetchone()
    return row


def _json(rows: Iterable[dict[str, Any]]) -> str:
    return orjson.dumps(list(rows), default=bytes.hex).decode()


def _pairs(text: str | None) -> set[tuple[UUID, UUID]]:
    return {(UUID(event), UUID(who)) for event, who in json.loads(text or "[]")}
