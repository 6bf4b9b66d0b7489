"""The venue's code: shown by the server, entered by whoever is there. See docs/explanation/venue-code.md."""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection

from shared_apps.accounts.models import User
from shared_apps.audit.services import record_action
from shared_apps.common.ids import uuid7
from tenant_apps.attendance.errors import (
    DisplayKeyInvalid,
    SessionNotOpen,
    TooManyCodeTries,
    VenueCodeAmbiguous,
    VenueCodeOff,
    VenueCodeWrong,
)
from tenant_apps.attendance.models import CodeTry, DeviceUse
from tenant_apps.attendance.rules.scans import Code, Direction, Door, Method
from tenant_apps.attendance.rules.venue_codes import (
    FORGET_WRONG_AFTER,
    Judgement,
    VenueState,
    begin_of,
    digits_of,
    judge_digits,
    judge_mac,
    read_text,
    step_of,
    text_of,
    venue_state,
    waits_after_wrong,
)
from tenant_apps.attendance.selectors.venue_codes import (
    find_device_holders,
    get_published_session,
    get_run_session,
    get_session,
    list_sessions_taking_codes,
)
from tenant_apps.attendance.services.recording import record_scan
from tenant_apps.attendance.services.verdicts import ScanAnswer, ScanRequest
from tenant_apps.events.models import Session
from tenants.context import current_campus
from tenants.keys import derive_key

# So that the projector can still say that it is over.
_SHOWS_THE_END: Final = timedelta(minutes=10)
# One statement counts, whoever else counts at once, and no row comes back where it is too early. How long to wait is
# the rule's to say: it comes as a list.
_COUNT: Final = f"""
    INSERT INTO {CodeTry._meta.db_table} AS t (user_id, failures, blocked_until, last_failed_at)
    VALUES (%(user)s, 1, %(at)s + NULLIF((%(waits)s::int[])[1], 0) * interval '1 second', %(at)s)
    ON CONFLICT (user_id) DO UPDATE
       SET failures = CASE WHEN t.last_failed_at < %(old)s THEN 1 ELSE t.failures + 1 END,
           blocked_until = %(at)s + NULLIF(
               (%(waits)s::int[])[CASE WHEN t.last_failed_at < %(old)s THEN 1
                                       ELSE LEAST(t.failures + 1, cardinality(%(waits)s::int[])) END], 0)
               * interval '1 second',
           last_failed_at = GREATEST(t.last_failed_at, %(at)s)
     WHERE t.blocked_until IS NULL OR t.blocked_until <= %(at)s
    RETURNING blocked_until
"""
# Only its own wait is lifted: a guess at the same moment keeps the one it earned.
_TAKE_BACK: Final = f"""
    UPDATE {CodeTry._meta.db_table}
       SET failures = GREATEST(failures - 1, 0),
           blocked_until = CASE WHEN blocked_until IS NOT DISTINCT FROM %(own)s THEN NULL ELSE blocked_until END
     WHERE user_id = %(user)s
"""
_BIND: Final = f"""
    INSERT INTO {DeviceUse._meta.db_table} (id, session_id, device, user_id, used_at)
    VALUES (%(id)s, %(session)s, %(device)s, %(user)s, %(at)s)
    ON CONFLICT DO NOTHING
    RETURNING id
"""


@dataclass(frozen=True, slots=True)
class ShownCode:
    """One code, and when it is on show."""

    digits: str
    text: str
    valid_from: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True)
class VenueCodes:
    """What a projector shows at an instant; no codes while the session is not open."""

    session: Session
    at: datetime
    state: VenueState
    current: ShownCode | None = None
    next: ShownCode | None = None


@dataclass(frozen=True, slots=True)
class DisplayLink:
    """A key with which a projector may fetch the codes of one session, and nothing else."""

    key: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeEntry:
    """What somebody entered: ``digits`` (with the session, if they know it) or the ``text`` of the QR code."""

    device: bytes
    digits: str = ""
    text: str = ""
    session_id: UUID | None = None
    direction: Direction = Direction.IN
    scan_id: UUID | None = None


def show_codes(*, by: User, at: datetime, event_id: UUID, session_id: UUID) -> VenueCodes:
    """Return the code of this moment and the next, for whoever runs the event.

    Raises: EventNotFound, NotYourEvent, SessionNotFound.
    """
    return _codes(get_run_session(user=by, event_id=event_id, session_id=session_id), at=at)


def show_codes_on_display(*, key: str, at: datetime, event_id: UUID, session_id: UUID) -> VenueCodes:
    """The same for a projector with its key.

    Raises: DisplayKeyInvalid (also for sessions of nowhere).
    """
    expiry, _, mac = key.partition(".")
    if not (expiry.isascii() and expiry.isdigit() and len(expiry) <= 12 and mac.isascii()):
        raise DisplayKeyInvalid
    if not hmac.compare_digest(_display_mac(session_id, int(expiry)), mac) or int(expiry) <= at.timestamp():
        raise DisplayKeyInvalid
    return _codes(get_session(event_id=event_id, session_id=session_id), at=at)


def make_display_link(*, by: User, at: datetime, event_id: UUID, session_id: UUID) -> DisplayLink:
    """Return a key for a projector: good for this session, until it has closed. Nothing is stored but the audit.

    Raises: EventNotFound, NotYourEvent, SessionNotFound, VenueCodeOff, SessionNotOpen when it is over.
    """
    session = get_run_session(user=by, event_id=event_id, session_id=session_id)
    state = _state(session, at)
    if state == VenueState.OFF:
        raise VenueCodeOff
    if state == VenueState.OVER:
        raise SessionNotOpen
    expires_at = session.closes_at + _SHOWS_THE_END
    expiry = int(expires_at.timestamp())
    record_action(at=at, by=by, action="venue_code.display_opened", target_type="session", target_id=session.pk)
    return DisplayLink(f"{expiry}.{_display_mac(session.pk, expiry)}", expires_at)


def enter_venue_code(*, by: User, at: datetime, entry: CodeEntry) -> ScanAnswer:
    """Record the presence of ``by`` with the venue's code, or store why not. Stand outside ``atomic()``.

    Digits can be guessed: a try is counted before they are looked at, and taken back if they were right. The text of a
    QR code cannot: only wrong ones are counted. The device is bound to its person before the scan is stored: a death in
    between leaves a device that the next try finds bound to the same person, never a presence without a device.

    Five statements for a QR code, seven for digits.

    Raises: TooManyCodeTries, SessionNotFound, VenueCodeWrong and VenueCodeAmbiguous where no session can be named,
    NotYourEvent never, ScanIdReused.
    """
    own_wait = _count_try(by, at=at, is_digits=True) if entry.digits else None
    session, judgement = _judge_entry(entry, by=by, at=at)
    if entry.digits and judgement == Judgement.RIGHT:
        _take_back(by, own_wait)
    refusal, reason = _REFUSALS[judgement], ""
    if not session.event.takes_venue_code:
        refusal = Code.VENUE_CODE_OFF
    elif refusal is None and _state(session, at) == VenueState.OPEN:
        refusal, reason = _bind_device(by, at=at, session=session, device=entry.device)
    answer = record_scan(
        by=by,
        at=at,
        scan=ScanRequest(
            event_id=session.event_id,
            session_id=session.pk,
            method=Method.VENUE_CODE,
            value=str(by.pk),
            direction=entry.direction,
            scan_id=entry.scan_id,
            reason=reason,
            door=Door.VENUE_CODE,
            refusal=refusal,
        ),
    )
    if answer.status < 400 and entry.digits and judgement != Judgement.RIGHT:
        _take_back(by, own_wait)  # sent again: its first answer, which was for a right code
    return answer


_REFUSALS: Final = {Judgement.RIGHT: None, Judgement.EXPIRED: Code.CODE_EXPIRED, Judgement.WRONG: Code.CODE_WRONG}


def _judge_entry(entry: CodeEntry, *, by: User, at: datetime) -> tuple[Session, Judgement]:
    """Return the session a code is for, and what it is worth there. Wrong texts are counted here."""
    if entry.text:
        said = read_text(entry.text)
        judgement = judge_mac(venue_key(said[0]), said[1], at=at) if said else Judgement.WRONG
        if judgement == Judgement.WRONG:
            _count_try(by, at=at, is_digits=False)
        if said is None:
            raise VenueCodeWrong
        return get_published_session(said[0]), judgement
    if entry.session_id is not None:
        session = get_published_session(entry.session_id)
        return session, judge_digits(venue_key(session.pk), entry.digits, at=at)
    sessions = list_sessions_taking_codes(at)
    judged = [(session, judge_digits(venue_key(session.pk), entry.digits, at=at)) for session in sessions]
    for wanted in (Judgement.RIGHT, Judgement.EXPIRED):
        fitting = [pair for pair in judged if pair[1] == wanted]
        if len(fitting) > 1:
            raise VenueCodeAmbiguous
        if fitting:
            return fitting[0]
    if len(judged) != 1:
        raise VenueCodeWrong  # of which session nobody can say
    return judged[0]


def _bind_device(by: User, *, at: datetime, session: Session, device: bytes) -> tuple[Code | None, str]:
    """Bind device and person for this session; return why that is refused, and for staff whose device it is.

    Two that come at once meet the unique constraints; whoever is second reads who was first.
    """
    hashed = hashlib.sha256(device).digest()
    values: dict[str, Any] = {"id": uuid7(), "session": session.pk, "device": hashed, "user": by.pk, "at": at}
    with connection.cursor() as cursor:
        cursor.execute(_BIND, values)
        is_new = cursor.fetchone() is not None
    if is_new:
        return None, ""
    holders = find_device_holders(session_id=session.pk, user_id=by.pk, device=hashed)
    if holders.user_id not in {None, by.pk}:
        return Code.DEVICE_USED, f"Used before by {holders.user_id}"
    if holders.device != hashed:
        return Code.DEVICE_CHANGED, ""
    return None, ""


def _count_try(by: User, *, at: datetime, is_digits: bool) -> datetime | None:
    """Count a try and return the wait it begins, None for none yet.

    Raises: TooManyCodeTries.
    """
    values: dict[str, Any] = {
        "user": by.pk, "at": at, "old": at - FORGET_WRONG_AFTER, "waits": waits_after_wrong(is_digits=is_digits),
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, values)
        row = cursor.fetchone()
    if row is None:
        until = CodeTry.objects.filter(pk=by.pk).values_list("blocked_until", flat=True).first() or at
        raise TooManyCodeTries(wait=max(int((until - at).total_seconds()) + 1, 1))
    wait: datetime | None = row[0]
    return wait


def _take_back(by: User, own_wait: datetime | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_BACK, {"user": by.pk, "own": own_wait})


def _codes(session: Session, *, at: datetime) -> VenueCodes:
    state = _state(session, at)
    if state != VenueState.OPEN:
        return VenueCodes(session, at, state)
    key, step = venue_key(session.pk), step_of(at)
    current, after = (
        ShownCode(digits_of(key, each), text_of(key, session.pk, each), begin_of(each), begin_of(each + 1))
        for each in (step, step + 1)
    )
    return VenueCodes(session, at, state, current, after)


def _state(session: Session, at: datetime) -> VenueState:
    return venue_state(
        event_status=session.event.status,
        takes_venue_code=session.event.takes_venue_code,
        opens_at=session.opens_at,
        closes_at=session.closes_at,
        at=at,
    )


def venue_key(session_id: UUID) -> bytes:
    """Return the key that the codes of a session of this campus are made with."""
    return derive_key(settings.MASTER_KEY, "venue", str(current_campus().id), str(session_id))


def _display_mac(session_id: UUID, expiry: int) -> str:
    key = derive_key(settings.MASTER_KEY, "display", str(current_campus().id), str(session_id))
    return base64.urlsafe_b64encode(hmac.digest(key, str(expiry).encode(), "sha256")).rstrip(b"=").decode()
