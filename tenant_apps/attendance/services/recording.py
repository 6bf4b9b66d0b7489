"""Recording presence: one operation, whatever the door.

PostgreSQL decides races. What is read first decides only where to look; the statement that writes checks the event and
the session again and meets the unique (session, person), and it stores attendance and scan together or neither. At a
federated event the same statement writes the ledger, whose unique (event, person) decides between campuses.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, OperationalError, connection, transaction
from psycopg2.errors import DeadlockDetected, SerializationFailure

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from shared_apps.common.errors import Unavailable
from shared_apps.federation.passes import ForgedPass, NotAPass, is_of_moment, read_pass
from shared_apps.federation.selectors import has_credit
from tenant_apps.attendance.errors import EventNotFound, NotYourEvent, ScanIdReused, ScannerNotValid
from tenant_apps.attendance.rules.decisions import Asked, Claim, Decision, decide
from tenant_apps.attendance.rules.scans import STATUS_OF_CODE, Code, Door, Method, effective_time
from tenant_apps.attendance.selectors.scans import (
    EventFacts,
    PriorScan,
    ScanFacts,
    ScannerFacts,
    find_scan_facts,
    find_visitor_scan_facts,
)
from tenant_apps.attendance.services.statements import LOCK_ATTENDANCE, LOCK_VISITORS
from tenant_apps.attendance.services.verdicts import CountedElsewhere, Overtaken, ScanAnswer, ScanRequest, Verdict
from tenant_apps.events.rules.registrations import is_guest_pass
from tenants.context import current_campus
from tenants.keys import digest
from tenants.models import CampusState
from tenants.registry import find_campus
from tenants.registry_types import CampusEntry

_TRIES: Final = 6
# From this try on the attendance is locked before it is looked at again.
_PATIENT: Final = 2


def record_scan(*, by: User, at: datetime, scan: ScanRequest, dry_run: bool = False) -> ScanAnswer:
    """Record presence, or store why not. A refused scan is no error: it is an outcome, kept as evidence.

    Two statements for a first scan, a duplicate or a refusal, one more where a visitor's name is still to be asked for;
    two more for whoever loses a race, and a third where it was lost in the ledger. Idempotent by ``scan.scan_id``,
    which is looked at before anything else. With ``dry_run`` it answers the same and leaves nothing behind. Stand in
    the campus, outside ``atomic()``.

    Locks: the attendance, its event and session; for whoever loses twice, the attendance before it is read.
    Raises: EventNotFound, NotYourEvent, ScanIdReused, ScannerNotValid.
    """
    fingerprint = scan.fingerprint(by.pk)
    effective_at, corrected = time_of(scan, at)
    campus = current_campus()
    claim, value, home = read_claim(scan, effective_at, campus)
    is_counted_elsewhere = False
    known: tuple[UUID, ...] = ()
    for turn in range(_TRIES):
        try:
            visitor = value if isinstance(value, UUID) and home else None
            with _turn(locked=known if turn >= _PATIENT else (), visitor=visitor, dry_run=dry_run):
                facts = _find_facts(scan, value, home, by)
                known = tuple(row.id for row in facts.existing)
                confirm_scanner(facts.scanner, at)
                if facts.prior is not None:
                    return replay(facts.prior, fingerprint)
                is_own = scan.method == Method.VENUE_CODE
                event = event_of_operator(facts.event, scan.event_id, by, facts.scanner, is_own=is_own)
                person_id = person_in_federation(facts, value, home)
                verdict = judge(
                    scan=scan, by=by, at=at, effective_at=effective_at, corrected=corrected, fingerprint=fingerprint,
                    claim=claim, facts=facts, event=event, home=home, person_id=person_id,
                    is_counted_elsewhere=is_counted_elsewhere, campus=campus,
                )  # fmt: skip
                body = verdict.store()
                return ScanAnswer(
                    status_of(verdict.decision.code), verdict.dry_answer(body) if dry_run else body
                )  # fmt: skip
        except IntegrityError:
            continue  # the same scan_id came twice at once: by now the other one is stored
        except OperationalError as error:
            if not is_passing(error):
                raise
        except Overtaken:
            continue  # another door was faster, or the event has just been cancelled: look again
        except CountedElsewhere:
            # Where this campus counts them, an undo or a door of its own came in between, and the next look sees it.
            # An attendance that changes beside the ledger would differ from its visit.
            shared_id = event.federated_event_id
            assert shared_id  # the ledger has refused just that
            assert person_id
            is_counted_elsewhere = not has_credit(event_id=shared_id, person_id=person_id)
    raise Unavailable


def is_passing(error: OperationalError) -> bool:
    """Return whether PostgreSQL chose this transaction to give way: tried again, it will do."""
    return isinstance(error.__cause__, DeadlockDetected | SerializationFailure)


@contextmanager
def _turn(*, locked: tuple[UUID, ...], visitor: UUID | None, dry_run: bool) -> Iterator[None]:
    """One try: in a transaction where something is locked first, or where nothing may stay."""
    if not locked and not dry_run:
        yield
        return
    with transaction.atomic():
        if locked:
            with connection.cursor() as cursor:
                if visitor is not None:
                    cursor.execute(LOCK_VISITORS, [[visitor]])
                cursor.execute(LOCK_ATTENDANCE, [list(locked)])
        yield
        if dry_run:
            transaction.set_rollback(True)


def judge(
    *,
    scan: ScanRequest,
    by: User,
    at: datetime,
    effective_at: datetime,
    corrected: bool,
    fingerprint: bytes,
    claim: Claim,
    facts: ScanFacts,
    event: EventFacts,
    home: CampusEntry | None,
    person_id: UUID | None,
    is_counted_elsewhere: bool,
    campus: CampusEntry,
) -> Verdict:
    """Return what becomes of a scan, given everything that is known."""
    decision: Decision = decide(
        Asked(
            event_status=event.status,
            windows=event.windows,
            wanted_session=scan.session_id,
            claim=claim,
            person=facts.person.known if facts.person else None,
            existing=facts.existing,
            direction=scan.direction,
            at=effective_at,
            admission=facts.visitor.admission if facts.visitor else None,
            registration=event.registration,
            needs_rotating_pass=event.needs_rotating_pass,
            needs_proof=by.role == Role.KIOSK,
            place=facts.person.place if facts.person else None,
            policies=event.policies,
        )
    )
    if is_counted_elsewhere and decision.code == Code.RECORDED:
        decision = decision.counted_elsewhere()
    return Verdict(
        scan=scan, by=by, at=at, effective_at=effective_at, corrected=corrected, fingerprint=fingerprint, facts=facts,
        event=event, home=home, person_id=person_id, decision=decision, is_counted_elsewhere=is_counted_elsewhere,
        campus=campus,
    )  # fmt: skip


def time_of(scan: ScanRequest, at: datetime) -> tuple[datetime, bool]:
    """Return (the instant that counts, whether the device's had to be corrected)."""
    skew = None if scan.skew is None else timedelta(milliseconds=scan.skew)
    is_told = scan.door == Door.FILE
    return effective_time(captured_at=scan.captured_at, received_at=at, skew=skew, is_told=is_told)


def _find_facts(
    scan: ScanRequest, value: str | UUID | bytes | None, home: CampusEntry | None, by: User
) -> ScanFacts:  # fmt: skip
    if home is None:
        return find_scan_facts(
            event_id=scan.event_id, method=scan.method, value=value, scan_id=scan.scan_id, operator_id=by.pk
        )
    assert isinstance(value, UUID)  # only a pass names another campus
    return find_visitor_scan_facts(
        event_id=scan.event_id,
        home=home.code,
        is_home_archived=home.state == CampusState.ARCHIVED,
        person_id=value,
        scan_id=scan.scan_id,
        operator_id=by.pk,
    )


def read_claim(
    scan: ScanRequest, at: datetime, campus: CampusEntry
) -> tuple[Claim, str | UUID | bytes | None, CampusEntry | None]:
    """Return what the pass claims, the value to find the person by, and the person's campus where it is another."""
    if scan.method == Method.GUEST:
        if not is_guest_pass(scan.value):
            return Claim(refusal=Code.UNKNOWN_PASS), None, None
        return Claim(is_proof=True, unknown=Code.UNKNOWN_PASS), digest(scan.value), None
    if scan.method != Method.PASS:
        return Claim(refusal=scan.refusal), scan.value, None
    try:
        content = read_pass(scan.value)
    except NotAPass:
        return Claim(refusal=Code.UNKNOWN_PASS), None, None
    except ForgedPass:
        return Claim(refusal=Code.PASS_FORGED), None, None
    home = find_campus(str(content.campus_id)) if content.campus_id != campus.id else None
    moment = None if content.step is None else is_of_moment(content.step, at=at)
    claim = Claim(serial=content.serial, expires_at=content.expires_at, is_proof=True, is_of_moment=moment)
    return claim, content.person_id, home


def person_in_federation(
    facts: ScanFacts, value: str | UUID | bytes | None, home: CampusEntry | None
) -> UUID | None:  # fmt: skip
    """Return who this is in the federation; nobody, if a guest."""
    if home is not None:
        return value if isinstance(value, UUID) else None
    return facts.person.person_id if facts.person else None


def confirm_scanner(scanner: ScannerFacts | None, at: datetime) -> None:
    """Raise ScannerNotValid where the operator is a device that may record no more."""
    if scanner is not None and not scanner.is_valid(at):
        raise ScannerNotValid


def event_of_operator(
    event: EventFacts | None, event_id: UUID, by: User, scanner: ScannerFacts | None, *, is_own: bool = False
) -> EventFacts:
    """Return the event if ``by`` records at it: organizers at those they run, enrolled devices at those they are
    enrolled for, other scanners at any that was published, and everybody their own presence (``is_own``).

    Raises: EventNotFound, NotYourEvent.
    """
    if event is None or (scanner is not None and event_id not in scanner.event_ids):
        raise EventNotFound
    runs_it = by.role == Role.CAMPUS_ADMIN or event.organizer_id == by.pk
    if event.status == "draft" and not runs_it:
        raise EventNotFound
    if by.role == Role.ORGANIZER and not runs_it and not is_own:
        raise NotYourEvent
    return event


def replay(prior: PriorScan, fingerprint: bytes) -> ScanAnswer:
    """Return the first answer again.

    Raises: ScanIdReused.
    """
    if prior.fingerprint != fingerprint:
        raise ScanIdReused
    return ScanAnswer(status_of(prior.code), prior.answer)


def status_of(code: str) -> int:
    """Return the HTTP status of an answer."""
    return STATUS_OF_CODE.get(code, 422)
