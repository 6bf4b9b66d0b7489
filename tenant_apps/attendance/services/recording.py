"""Recording presence: one operation, whatever the door.

PostgreSQL decides races. What is read first decides only where to look; the statement that writes checks the event and
the session again and meets the unique (session, person), and it stores attendance and scan together or neither. At a
federated event the same statement writes the ledger, whose unique (event, person) decides between campuses.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import IntegrityError

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from shared_apps.common.errors import Unavailable
from shared_apps.federation.passes import ForgedPass, NotAPass, read_pass
from tenant_apps.attendance.errors import EventNotFound, NotYourEvent, ScanIdReused
from tenant_apps.attendance.rules.scans import (
    STATUS_OF_CODE,
    Claim,
    Code,
    Decision,
    Method,
    decide,
    effective_time,
)
from tenant_apps.attendance.selectors.scans import (
    EventFacts,
    PriorScan,
    ScanFacts,
    find_scan_facts,
    find_visitor_scan_facts,
)
from tenant_apps.attendance.services.verdicts import CountedElsewhere, Overtaken, ScanAnswer, ScanRequest, Verdict
from tenants.context import current_campus
from tenants.models import CampusState
from tenants.registry import find_campus
from tenants.registry_types import CampusEntry

_TRIES: Final = 4


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
        verdict = Verdict(
            scan=scan, by=by, at=at, effective_at=effective_at, corrected=corrected, fingerprint=fingerprint,
            facts=facts, event=event, home=home, person_id=_person_id(facts, value, home), decision=decision,
        )  # fmt: skip
        try:
            return ScanAnswer(_status(decision.code), verdict.store())
        except IntegrityError:
            continue  # the same scan_id came twice at once: by now the other one is stored
        except Overtaken:
            continue  # another door was faster, or the event has just been cancelled: look again
        except CountedElsewhere:
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
    return Claim(serial=content.serial, expires_at=content.expires_at), content.person_id, home


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
