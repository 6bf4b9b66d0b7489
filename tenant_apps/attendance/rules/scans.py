"""What a scan is: the words, and what is decided of event, place, session and time from values alone. The verdict is in
``rules.decisions``, what scans amount to in ``rules.presence``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import models

from tenant_apps.events.rules.registrations import PlaceState, RegistrationMode

# A device's clock is believed within these bounds; outside, the server's counts and the scan is flagged.
MOST_FUTURE: Final = timedelta(minutes=2)
MOST_PAST: Final = timedelta(hours=12)
# Where it is known by how much the clock is off: a device may have been away for a long weekend.
MOST_PAST_OF_KNOWN_CLOCK: Final = timedelta(hours=72)


class AttendanceStatus(models.TextChoices):
    """What a person's presence at a session amounts to; derived from the scans by ``presence.evaluate``."""

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
    SESSION_CLOSED = "session_closed", "No session of this event is open at the time of the scan."
    SESSION_REQUIRED = "session_required", "Several sessions are open now: say which."
    UNKNOWN_SESSION = "unknown_session", "The event has no such session."
    PROOF_REQUIRED = "proof_required", "This door takes passes only."
    UNKNOWN_PASS = "unknown_pass", "This is not a pass."
    UNKNOWN_PERSON = "unknown_person", "Nobody of this campus is known by that."
    PASS_FORGED = "pass_forged", "The signature of this pass is not genuine."
    PASS_EXPIRED = "pass_expired", "This pass has expired."
    ROTATING_PASS_REQUIRED = "rotating_pass_required", "This event takes the rotating pass on the phone only."
    PASS_CODE_EXPIRED = "pass_code_expired", "This is a picture of a pass, or the phone's clock is wrong."
    PASS_REVOKED = "pass_revoked", "This pass was replaced by a newer one."
    CAMPUS_NOT_INVITED = "campus_not_invited", "This pass is of a campus that is not invited."
    HOME_ARCHIVED = "home_archived", "This pass is of a campus that is closed for good."
    SEATS_TAKEN = "seats_taken", "All seats of this person's campus are taken."
    ALREADY_COUNTED = "already_counted_elsewhere", "This person was counted for this event already."
    PERSON_INACTIVE = "person_inactive", "This person's account is not active."
    NOT_CHECKED_IN = "not_checked_in", "This person is not known to have come in: the going counts once that arrives."
    RE_ENTRY_NOT_ALLOWED = "re_entry_not_allowed", "This person has left, and this session does not let people back in."
    NOT_REGISTERED = "not_registered", "This person has no place at this event."
    PLACE_WAITING = "place_waiting", "This person is on the waiting list."
    PLACE_NOT_APPROVED = "place_not_approved", "This person's place has been asked for and is not approved yet."
    VENUE_CODE_OFF = "venue_code_off", "This event takes no venue code."
    CODE_WRONG = "code_wrong", "This is not the code of the venue."
    CODE_EXPIRED = "code_expired", "This code has changed since: enter the one that is shown now."
    DEVICE_USED = "device_used", "Somebody else has entered the code of this session with this device."
    DEVICE_CHANGED = "device_changed", "You have entered the code of this session with another device: go to the desk."


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


def refuse_place(*, registration: str, place: str | None) -> Code | None:
    """Return why somebody whose place at the event is ``place`` (None: none) is not let in, None where they are."""
    if registration not in {RegistrationMode.REQUIRED, RegistrationMode.APPROVAL} or place == PlaceState.REGISTERED:
        return None
    waits = {PlaceState.WAITING: Code.PLACE_WAITING, PlaceState.REQUESTED: Code.PLACE_NOT_APPROVED}
    return waits.get(PlaceState(place), Code.NOT_REGISTERED) if place else Code.NOT_REGISTERED


def effective_time(
    *, captured_at: datetime | None, received_at: datetime, skew: timedelta | None = None, is_told: bool = False
) -> tuple[datetime, bool]:
    """Return (the instant that counts, whether the device's had to be corrected).

    ``skew`` is by how much the device's clock was ahead when it sent the scan, None where that is not known.
    ``is_told``: no clock said it but staff, in a file that may be sent days later.

    | the device's clock | what counts |
    | --- | --- |
    | known to be right within 2 minutes | its time, from 72 hours ago until now |
    | known to be further off | its time less the skew, within the same bounds; flagged |
    | not known | its time, from 12 hours ago until now |
    | there was none: told by staff | the time they told, however long ago |
    | up to 2 minutes ahead of now | now |
    | outside the bounds | now; flagged |

    A scan is never dropped for a wrong clock. Source: design 5, three times of a scan.
    """
    if captured_at is None:
        return received_at, False
    is_wrong = skew is not None and abs(skew) > MOST_FUTURE
    moment = captured_at.astimezone(UTC)
    moment = moment - skew if is_wrong and skew is not None else moment
    most_past = MOST_PAST if skew is None else MOST_PAST_OF_KNOWN_CLOCK
    if moment <= received_at and (is_told or received_at - most_past <= moment):
        return moment, is_wrong
    if received_at < moment <= received_at + MOST_FUTURE:
        return received_at, is_wrong  # a clock slightly ahead is no news
    return received_at, True
