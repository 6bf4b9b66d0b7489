"""What scans amount to: decided from values alone. Words first, then the decisions that use them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import models

from shared_apps.federation.rules import Admission

# A device's clock is believed within these bounds; outside, the server's counts and the scan is flagged.
MOST_FUTURE: Final = timedelta(minutes=2)
MOST_PAST: Final = timedelta(hours=12)


class AttendanceStatus(models.TextChoices):
    """What a person's presence at a session amounts to; derived from the scans by ``rules.derive_status``."""

    PRESENT = "present"
    LATE = "late"
    LEFT_EARLY = "left_early"
    ABSENT = "absent"
    EXCUSED = "excused"
    VOID = "void"


NOT_THERE: Final = frozenset({AttendanceStatus.ABSENT, AttendanceStatus.EXCUSED, AttendanceStatus.VOID})
"""What a scan turns into presence: nobody came, or what was recorded is void."""


class Direction(models.TextChoices):
    """Which way the person went."""

    IN = "in"
    OUT = "out"


class Method(models.TextChoices):
    """How the person was identified."""

    PASS = "pass"
    STUDENT_ID = "student_id"
    USER = "user"
    GUEST = "guest"
    VENUE_CODE = "venue_code"
    NONE = "none"


class Door(models.TextChoices):
    """Which way a scan came."""

    COUNTER = "counter", "One call for one person"
    SCANNER = "scanner", "An enrolled scanner, online"
    KIOSK = "kiosk", "An enrolled kiosk"
    OFFLINE = "offline", "A batch of what a scanner took without a network"
    VENUE_CODE = "venue_code", "The student read the code at the venue"
    ROLL_CALL = "roll_call", "Staff called the names"
    FILE = "file", "A file of scans"


class Outcome(models.TextChoices):
    """What a scan came to."""

    RECORDED = "recorded"
    DUPLICATE = "duplicate"
    REFUSED = "refused"


class Code(models.TextChoices):
    """Every answer of recording presence, with the sentence for the operator. Stable for ever."""

    RECORDED = "recorded", "Recorded."
    DUPLICATE = "duplicate", "Recorded already."
    EVENT_NOT_PUBLISHED = "event_not_published", "The event is not published yet."
    EVENT_CANCELLED = "event_cancelled", "The event is cancelled."
    EVENT_COMPLETED = "event_completed", "The event is completed; presence can no longer be recorded."
    SESSION_CLOSED = "session_closed", "No session of this event is open now."
    SESSION_REQUIRED = "session_required", "Several sessions are open now: say which."
    UNKNOWN_SESSION = "unknown_session", "The event has no such session."
    UNKNOWN_PASS = "unknown_pass", "This is not a pass."
    UNKNOWN_PERSON = "unknown_person", "Nobody of this campus is known by that."
    PASS_FORGED = "pass_forged", "The signature of this pass is not genuine."
    PASS_EXPIRED = "pass_expired", "This pass has expired."
    PASS_REVOKED = "pass_revoked", "This pass was replaced by a newer one."
    CAMPUS_NOT_INVITED = "campus_not_invited", "This pass is of a campus that is not invited."
    HOME_ARCHIVED = "home_archived", "This pass is of a campus that is closed for good."
    SEATS_TAKEN = "seats_taken", "All seats of this person's campus are taken."
    ALREADY_COUNTED = "already_counted_elsewhere", "This person was counted for this event already."
    PERSON_INACTIVE = "person_inactive", "This person's account is not active."
    NOT_CHECKED_IN = "not_checked_in", "This person has not come in, so cannot go out."


STATUS_OF_CODE: Final[dict[str, int]] = {
    Code.RECORDED: 201,
    Code.DUPLICATE: 200,
    Code.UNKNOWN_SESSION: 404,
    Code.UNKNOWN_PASS: 404,
    Code.UNKNOWN_PERSON: 404,
    Code.CAMPUS_NOT_INVITED: 403,
}
"""HTTP status of each code; every other refusal is 422."""


@dataclass(frozen=True, slots=True)
class Window:
    """A session as decisions need it: instants, aware, in order ``opens ≤ starts ≤ late_after ≤ ends ≤ closes``."""

    id: UUID
    opens_at: datetime
    starts_at: datetime
    late_after: datetime
    ends_at: datetime
    closes_at: datetime

    def is_open(self, at: datetime) -> bool:
        """Return whether presence is taken at that instant; the closing instant is included."""
        return self.opens_at <= at <= self.closes_at


def refuse_event(status: str) -> Code | None:
    """Return why presence cannot be recorded at an event in that status, None where it can."""
    return {
        "draft": Code.EVENT_NOT_PUBLISHED,
        "cancelled": Code.EVENT_CANCELLED,
        "completed": Code.EVENT_COMPLETED,
    }.get(status)


def choose_session(windows: Sequence[Window], *, wanted: UUID | None, at: datetime) -> Window | Code:
    """Return the session a scan belongs to, or why there is none.

    The guide's client names only the event: the one open session is taken.
    """
    if wanted is not None:
        chosen = next((window for window in windows if window.id == wanted), None)
        if chosen is None:
            return Code.UNKNOWN_SESSION
        return chosen if chosen.is_open(at) else Code.SESSION_CLOSED
    running = [window for window in windows if window.is_open(at)]
    if not running:
        return Code.SESSION_CLOSED
    return running[0] if len(running) == 1 else Code.SESSION_REQUIRED


def effective_time(*, captured_at: datetime | None, received_at: datetime) -> tuple[datetime, bool]:
    """Return (the instant that counts, whether the device's had to be corrected).

    A scan is never dropped for a wrong clock. Source: design 5, three times of a scan.
    """
    if captured_at is None:
        return received_at, False
    if received_at - MOST_PAST <= captured_at <= received_at:
        return captured_at, False
    if received_at < captured_at <= received_at + MOST_FUTURE:
        return received_at, False  # a clock slightly ahead is no news
    return received_at, True


def derive_status(window: Window, *, first_in_at: datetime, last_out_at: datetime | None) -> AttendanceStatus:
    """Return what somebody's coming and going amounts to.

    | came | went | status |
    | --- | --- | --- |
    | any time | before the end | left early |
    | after ``late_after`` | not, or at the end | late |
    | until ``late_after`` | not, or at the end | present |
    """
    if last_out_at is not None and last_out_at < window.ends_at:
        return AttendanceStatus.LEFT_EARLY
    return AttendanceStatus.LATE if first_in_at > window.late_after else AttendanceStatus.PRESENT


@dataclass(frozen=True, slots=True)
class Presence:
    """What an attendance says: when somebody came first, when they went last (None: they are there), the status."""

    first_in_at: datetime
    last_out_at: datetime | None
    status: AttendanceStatus


def presence_after(
    window: Window,
    *,
    first_in_at: datetime,
    last_out_at: datetime | None,
    direction: str,
    at: datetime,
    is_device_time: bool,
) -> Presence | None:
    """Return what an attendance that counts says after one more scan; None where that changes nothing.

    | scan | changes |
    | --- | --- |
    | out | the last going |
    | in, after the last going | they are back: no going any more |
    | in, captured by a device before the first coming | the first coming: an earlier scan has arrived later |
    | any other in | nothing |
    """
    if direction == Direction.OUT:
        last_out_at = max(last_out_at or at, at)
    elif last_out_at is not None and at > last_out_at:
        last_out_at = None
    elif is_device_time and at < first_in_at:
        first_in_at = at
    else:
        return None
    status = derive_status(window, first_in_at=first_in_at, last_out_at=last_out_at)
    return Presence(first_in_at, last_out_at, status)


@dataclass(frozen=True, slots=True)
class Known:
    """The person a scan is about, as the decision needs them."""

    id: UUID
    is_active: bool
    pass_serial: int


@dataclass(frozen=True, slots=True)
class Existing:
    """The attendance that this person has at a session already, with the scan that began it."""

    id: UUID
    session_id: UUID
    status: str
    first_in_at: datetime
    last_out_at: datetime | None
    first_scan_id: UUID
    method: str
    operator_id: UUID | None

    @property
    def counts(self) -> bool:
        """Whether somebody was there; otherwise a scan may make it so."""
        return self.status not in NOT_THERE


@dataclass(frozen=True, slots=True)
class Claim:
    """What the pass (or what was typed) says, before the campus's own records are asked.

    ``refusal`` is set when it says nothing usable; ``serial`` and ``expires_at`` only for a pass.
    """

    refusal: Code | None = None
    serial: int | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict on a scan: the session it belongs to and the attendance found there, where it got that far."""

    code: Code
    window: Window | None = None
    existing: Existing | None = None

    @property
    def outcome(self) -> Outcome:
        """The kind of answer."""
        return {Code.RECORDED: Outcome.RECORDED, Code.DUPLICATE: Outcome.DUPLICATE}.get(self.code, Outcome.REFUSED)


def decide(
    *,
    event_status: str,
    windows: Sequence[Window],
    wanted_session: UUID | None,
    claim: Claim,
    person: Known | None,
    existing: Sequence[Existing],
    direction: str,
    at: datetime,
    admission: Admission | None = None,
) -> Decision:
    """Return the verdict. The order of reasons is part of the contract: event, proof, person, session, repetition,
    seats. ``admission`` is given for the holder of another campus's pass, in place of ``person``.
    """
    refusal = refuse_event(event_status) or claim.refusal
    if refusal is None and claim.expires_at is not None and claim.expires_at <= at and (person or admission):
        refusal = Code.PASS_EXPIRED
    if refusal is None:
        refusal = _refuse_visitor(claim, admission) if admission else _refuse_person(claim, person)
    if refusal is not None:
        return Decision(refusal)
    window = choose_session(windows, wanted=wanted_session, at=at)
    if isinstance(window, Code):
        return Decision(window)
    found = next((row for row in existing if row.session_id == window.id), None)
    if direction == Direction.IN:
        if found and found.counts:
            came_back = found.last_out_at is not None and at > found.last_out_at
            return Decision(Code.RECORDED if came_back else Code.DUPLICATE, window, found)
        if admission and not admission.has_seat:
            return Decision(Code.SEATS_TAKEN, window, found)
        return Decision(Code.RECORDED, window, found)
    if found is None or not found.counts or at < found.first_in_at:
        return Decision(Code.NOT_CHECKED_IN, window, found)
    return Decision(Code.RECORDED, window, found)


def _refuse_person(claim: Claim, person: Known | None) -> Code | None:
    """Return why somebody of this campus is refused."""
    if person is None:
        return Code.UNKNOWN_PERSON
    if claim.serial is not None and claim.serial != person.pass_serial:
        return Code.PASS_REVOKED
    return None if person.is_active else Code.PERSON_INACTIVE


def _refuse_visitor(claim: Claim, admission: Admission) -> Code | None:
    """Return why the holder of another campus's pass is refused. A suspended home does not void its passes."""
    if admission.home_archived:
        return Code.HOME_ARCHIVED
    if claim.serial is not None and claim.serial <= admission.revoked_through:
        return Code.PASS_REVOKED
    return None if admission.invited else Code.CAMPUS_NOT_INVITED
