"""The verdict on a scan: decided from values alone, with the reasons in their order."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db import models

from shared_apps.federation.rules import Admission
from tenant_apps.attendance.rules.presence import Mark, Policy
from tenant_apps.attendance.rules.scans import (
    NOT_THERE,
    AttendanceStatus,
    Code,
    Direction,
    Outcome,
    Window,
    choose_session,
    refuse_event,
    refuse_place,
)
from tenant_apps.events.rules.registrations import RegistrationMode


class Rule(models.TextChoices):
    """What is looked at, in this order, with what it means that it holds. Stable for ever, as the codes are."""

    EVENT_OPEN = "event_open", "The event is published, and neither cancelled nor completed"
    PROOF_SHOWN = "proof_shown", "A pass was shown, where nobody stands by who knows people"
    PROOF_GENUINE = "proof_genuine", "What was shown is a pass, and its signature is genuine"
    PASS_OF_MOMENT = "pass_of_moment", "The pass was made for this moment, where it rotates or the event demands it"
    PERSON_KNOWN = "person_known", "Somebody is known by what was shown"
    PASS_UNEXPIRED = "pass_unexpired", "The pass has not expired"
    HOME_OPEN = "home_open", "The campus of the pass is not closed for good"
    PASS_CURRENT = "pass_current", "The pass was not replaced by a newer one"
    PERSON_ACTIVE = "person_active", "The person's account is active"
    INVITED = "invited", "The campus of the pass is invited"
    PLACE = "place", "The person has a place, where the event demands one"
    SESSION_OPEN = "session_open", "One session of the event is open at that time"
    CHECKED_IN = "checked_in", "Whoever goes out has come in"
    RE_ENTRY = "re_entry", "Whoever comes back may"
    SEAT = "seat", "A seat of the person's campus is free, or theirs"
    FIRST_TIME = "first_time", "The person was not there already"
    COUNTED_HERE = "counted_here", "No other campus has counted the person for this event"


class Looked(NamedTuple):
    """One rule that was looked at, and whether it held."""

    rule: Rule
    held: bool


@dataclass(frozen=True, slots=True)
class Known:
    """The person a scan is about, as the decision needs them."""

    id: UUID
    is_active: bool
    pass_serial: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """The attendance that this person has at a session already, with the scan that began it and all that count for it.

    ``version`` is another after each change of the row. ``is_account``: it is of an account of this campus, not of a
    visitor or a guest.
    """

    id: UUID
    session_id: UUID
    status: str
    first_in_at: datetime | None
    last_out_at: datetime | None = None
    stayed: int = 0
    decided_status: str = ""
    first_scan_id: UUID | None = None
    method: str = ""
    operator_id: UUID | None = None
    version: str = "0"
    is_account: bool = True
    marks: tuple[Mark, ...] = ()

    @property
    def is_begun(self) -> bool:
        """Whether somebody was there; otherwise a scan may make it so."""
        if self.first_in_at is None or self.status == AttendanceStatus.VOID:
            return False
        return self.status not in NOT_THERE or self.is_decided

    @property
    def is_decided(self) -> bool:
        """Whether staff said what it is, so that scans change times only."""
        return bool(self.decided_status) and self.status != AttendanceStatus.VOID

    @property
    def history(self) -> tuple[Mark, ...]:
        """What counts for it so far. A restored attendance has lost its scans: then what it says itself."""
        if not self.is_begun or self.first_in_at is None:
            return ()
        if any(mark.at <= self.first_in_at and mark.direction == Direction.IN for mark in self.marks):
            return self.marks
        came = Mark(self.first_in_at, Direction.IN)
        if self.marks or self.last_out_at is None:
            return (came, *self.marks)
        return came, Mark(self.last_out_at, Direction.OUT)

    def has_left(self, at: datetime) -> bool:
        """Return whether the last that was heard before ``at`` is that the person went."""
        came = left = False
        for mark in sorted(self.history):
            if mark.at >= at:
                break
            came = came or mark.direction == Direction.IN
            left = came and mark.direction == Direction.OUT
        return left


@dataclass(frozen=True, slots=True)
class Claim:
    """What the pass (or what was typed) says, before the campus's own records are asked.

    ``refusal`` is set when it says nothing usable; ``serial`` and ``expires_at`` only for a pass; ``unknown`` is what
    it means that nobody is found by it.
    """

    refusal: Code | None = None
    serial: int | None = None
    expires_at: datetime | None = None
    is_proof: bool = False
    # Of a rotating pass: whether it was of the scan's moment. None: it is no rotating pass.
    is_of_moment: bool | None = None
    unknown: Code = Code.UNKNOWN_PERSON


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict on a scan: the session it belongs to and the attendance found there, where it got that far, and the
    rules that were looked at, the one that decided last.
    """

    code: Code
    window: Window | None = None
    existing: Existing | None = None
    looked: tuple[Looked, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The kind of answer."""
        if self.code is Code.RECORDED:
            return Outcome.RECORDED
        return Outcome.DUPLICATE if self.code is Code.DUPLICATE else Outcome.REFUSED

    def counted_elsewhere(self) -> "Decision":
        """Return the same where another campus turns out to count the person."""
        looked = (*self.looked, Looked(Rule.COUNTED_HERE, held=False))
        return Decision(Code.ALREADY_COUNTED, self.window, looked=looked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Everything a verdict depends on. ``admission`` is given for the holder of another campus's pass, in place of
    ``person``; ``place`` is the state of a local's or guest's registration.
    """

    event_status: str
    windows: Sequence[Window]
    wanted_session: UUID | None
    claim: Claim
    person: Known | None
    existing: Sequence[Existing]
    direction: str
    at: datetime
    admission: Admission | None = None
    registration: str = RegistrationMode.NONE
    needs_rotating_pass: bool = False
    # A kiosk knows nobody: what is typed there anybody may have typed.
    needs_proof: bool = False
    place: str | None = None
    policies: Mapping[UUID, Policy] = field(default_factory=dict)


def decide(asked: Asked) -> Decision:
    """Return the verdict. The order of reasons is part of the contract: event, proof, person, place, session,
    repetition, seats.
    """
    looked: list[Looked] = []
    for rule, refusal in _before_session(asked):
        looked.append(Looked(rule, refusal is None))
        if refusal is not None:
            return Decision(refusal, looked=tuple(looked))
    window = choose_session(asked.windows, wanted=asked.wanted_session, at=asked.at)
    looked.append(Looked(Rule.SESSION_OPEN, isinstance(window, Window)))
    if isinstance(window, Code):
        return Decision(window, looked=tuple(looked))
    found = next((row for row in asked.existing if row.session_id == window.id), None)
    for rule, refusal in _in_session(asked, window, found):
        looked.append(Looked(rule, refusal is None))
        if refusal is not None:
            return Decision(refusal, window, found, tuple(looked))
    return Decision(Code.RECORDED, window, found, tuple(looked))


def refuse_moment(claim: Claim, *, needs_rotating: bool) -> Code | None:
    """Return why a pass is refused for the moment it was made: a picture of a rotating one, or one that does not rotate
    where one must. What was not shown as a pass has no moment.
    """
    if claim.serial is None or claim.is_of_moment:
        return None
    if claim.is_of_moment is None:
        return Code.ROTATING_PASS_REQUIRED if needs_rotating else None
    return Code.PASS_CODE_EXPIRED


def _before_session(asked: Asked) -> Iterator[tuple[Rule, Code | None]]:
    """Yield what is looked at whatever the session, and why it refuses."""
    claim, person, admission = asked.claim, asked.person, asked.admission
    yield Rule.EVENT_OPEN, refuse_event(asked.event_status)
    if asked.needs_proof:
        is_shown = claim.is_proof or claim.refusal is not None
        yield Rule.PROOF_SHOWN, None if is_shown else Code.PROOF_REQUIRED
    if claim.is_proof or claim.refusal:
        yield Rule.PROOF_GENUINE, claim.refusal
    if claim.serial is not None and (asked.needs_rotating_pass or claim.is_of_moment is not None):
        yield Rule.PASS_OF_MOMENT, refuse_moment(claim, needs_rotating=asked.needs_rotating_pass)
    if admission is None:
        yield Rule.PERSON_KNOWN, None if person else claim.unknown
    if claim.expires_at is not None:
        yield Rule.PASS_UNEXPIRED, Code.PASS_EXPIRED if claim.expires_at <= asked.at else None
    if admission is not None:
        # A suspended home does not void its passes.
        yield Rule.HOME_OPEN, Code.HOME_ARCHIVED if admission.home_archived else None
        is_revoked = claim.serial is not None and claim.serial <= admission.revoked_through
        yield Rule.PASS_CURRENT, Code.PASS_REVOKED if is_revoked else None
        yield Rule.INVITED, None if admission.invited else Code.CAMPUS_NOT_INVITED
    elif person is not None:
        if claim.serial is not None:
            yield Rule.PASS_CURRENT, Code.PASS_REVOKED if claim.serial != person.pass_serial else None
        yield Rule.PERSON_ACTIVE, None if person.is_active else Code.PERSON_INACTIVE
        # Places of visitors are seats; and nobody is kept in for want of one.
        if asked.registration != RegistrationMode.NONE and asked.direction == Direction.IN:
            yield Rule.PLACE, refuse_place(registration=asked.registration, place=asked.place)


def _in_session(asked: Asked, window: Window, found: Existing | None) -> Iterator[tuple[Rule, Code | None]]:
    """Yield what is looked at in the session of the scan, and why it refuses or repeats."""
    begun = found if found and found.is_begun else None
    if asked.direction == Direction.OUT:
        has_come = begun is not None and begun.first_in_at is not None and asked.at >= begun.first_in_at
        yield Rule.CHECKED_IN, None if has_come else Code.NOT_CHECKED_IN
    elif begun and begun.has_left(asked.at):
        allows = asked.policies.get(window.id, Policy()).allows_re_entry
        yield Rule.RE_ENTRY, None if allows else Code.RE_ENTRY_NOT_ALLOWED
    elif begun:
        yield Rule.FIRST_TIME, Code.DUPLICATE
    else:
        if asked.admission:
            yield Rule.SEAT, None if asked.admission.has_seat else Code.SEATS_TAKEN
        yield Rule.FIRST_TIME, None
