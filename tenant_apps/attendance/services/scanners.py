"""Devices at the door: enrolled with a code that works once, limited to events and a time, revoked at once."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from shared_apps.accounts.services.device_accounts import (
    change_device_account,
    close_device_account,
    issue_device_token,
    open_device_account,
)
from shared_apps.accounts.services.tokens import SignIn
from shared_apps.accounts.services.tries import count_try, forget_tries, try_key
from shared_apps.audit.services import record_action
from tenant_apps.attendance.errors import (
    EnrolmentCodeInvalid,
    NotADevice,
    NotYourScanner,
    ScannerEnded,
    ScannerNotFound,
    TooManyCodeTries,
    UnknownEvents,
    UnusableExpiry,
)
from tenant_apps.attendance.models import Scanner
from tenant_apps.attendance.rules.scanners import (
    ENROL_WITHIN,
    ScannerKind,
    clock_skew,
    default_expiry,
    is_usable_expiry,
    may_manage,
)
from tenant_apps.attendance.selectors.scanners import find_run_events, list_own_event_ids, list_scanners
from tenant_apps.events.models import Event
from tenant_apps.events.rules.events import EventStatus
from tenants.context import site_code
from tenants.keys import digest

_NOTABLE_SKEW: Final = 60_000  # milliseconds


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A device that waits for its code; ``code`` is shown this once and stored nowhere."""

    scanner: Scanner
    code: str


@dataclass(frozen=True, slots=True)
class EnrolledDevice:
    """A device that has used its code, and its token."""

    scanner: Scanner
    signed_in: SignIn


@transaction.atomic
def create_scanner(
    *, by: User, at: datetime, name: str, kind: ScannerKind, event_ids: Sequence[UUID], expires_at: datetime | None
) -> Enrolment:
    """Prepare a device of that kind and return the code with which it enrols within 15 minutes.

    Raises: UnknownEvents, UnusableExpiry.
    """
    events = _get_events(event_ids, by=by)
    expires_at = expires_at or default_expiry(max(event.ends_at for event in events), at=at)
    if not is_usable_expiry(expires_at, at=at):
        raise UnusableExpiry(attr="expires_at")
    code = _make_code()
    scanner = Scanner.objects.create(
        user=open_device_account(name=name, role=Role(kind.value)),
        name=name,
        kind=kind,
        event_ids=[event.pk for event in events],
        expires_at=expires_at,
        enrolment_digest=_digest(code),
        enrolment_expires_at=at + ENROL_WITHIN,
        created_by_id=by.pk,
        created_at=at,
    )
    _record(scanner, "scanner.created", by=by, at=at, kind=kind.value, events=_texts(scanner.event_ids))
    return Enrolment(scanner, code)


@transaction.atomic
def renew_code(*, by: User, at: datetime, scanner_id: UUID) -> Enrolment:
    """Return a new enrolment code: the first one lapsed, or the device has lost its token. An unused one is void.

    A device that is enrolled goes on recording until the new code is used; then its token ends.

    Locks: the scanner's row. Raises: ScannerNotFound, NotYourScanner, ScannerEnded.
    """
    scanner = _lock_scanner(scanner_id, by=by)
    _refuse_ended(scanner, at=at)
    code = _make_code()
    scanner.enrolment_digest, scanner.enrolment_expires_at = _digest(code), at + ENROL_WITHIN
    scanner.save(update_fields=["enrolment_digest", "enrolment_expires_at"])
    _record(scanner, "scanner.code_renewed", by=by, at=at)
    return Enrolment(scanner, code)


def enrol_scanner(*, code: str, hardware: str, software: str, address: str, at: datetime) -> EnrolledDevice:
    """Use a code up and return the device with its token, shown this once.

    Tries are counted by address before the code is looked at, and loosely: a whole campus sits behind one address, and
    128 random bits need no more. Of two devices with one code PostgreSQL lets one through.

    Locks: the scanner's row. Raises: TooManyCodeTries, EnrolmentCodeInvalid (one answer for every cause).
    """
    key = try_key("enrolment", address)
    if wait := count_try(key=key, at=at, anywhere=True):
        raise TooManyCodeTries(wait=wait)
    with transaction.atomic():
        # Whoever waited here for another with the same code finds it gone: the filter is asked again after the wait.
        scanner = (
            Scanner.objects.select_for_update(no_key=True, of=("self",))
            .select_related("user")
            .filter(
                enrolment_digest=_digest(code), enrolment_expires_at__gt=at, revoked_at=None, expires_at__gt=at
            )
            .first()
        )  # fmt: skip
        if scanner is None:
            raise EnrolmentCodeInvalid
        scanner.enrolment_digest, scanner.enrolment_expires_at = None, None
        scanner.enrolled_at, scanner.last_contact_at = at, at
        scanner.hardware, scanner.software = hardware, software
        scanner.save()
        signed_in = issue_device_token(user=scanner.user, label=scanner.name, at=at, expires_at=scanner.expires_at)
        _record(scanner, "scanner.enrolled", by=scanner.user, at=at)
        forget_tries(key)
    return EnrolledDevice(scanner, signed_in)


@transaction.atomic
def update_scanner(*, by: User, at: datetime, scanner_id: UUID, changes: dict[str, Any]) -> Scanner:
    """Change name, events or end of a device; its token ends when the device does.

    Locks: the scanner's row, then its account's.
    Raises: ScannerNotFound, NotYourScanner, ScannerEnded, UnknownEvents, UnusableExpiry.
    """
    scanner = _lock_scanner(scanner_id, by=by)
    if scanner.revoked_at is not None:
        raise ScannerEnded
    if "event_ids" in changes:
        changes = {**changes, "event_ids": [event.pk for event in _get_events(changes["event_ids"], by=by)]}
    if "expires_at" in changes and not is_usable_expiry(changes["expires_at"], at=at):
        raise UnusableExpiry(attr="expires_at")
    changed = {name: value for name, value in changes.items() if getattr(scanner, name) != value}
    for name, value in changed.items():
        setattr(scanner, name, value)
    if changed:
        scanner.save(update_fields=list(changed))
        change_device_account(user_id=scanner.user_id, name=scanner.name, expires_at=scanner.expires_at)
        more: dict[str, Any] = {"events": _texts(scanner.event_ids)} if "event_ids" in changed else {}
        _record(scanner, "scanner.changed", by=by, at=at, fields=sorted(changed), **more)
    return scanner


@transaction.atomic
def revoke_scanner(*, by: User, at: datetime, scanner_id: UUID, reason: str) -> Scanner:
    """Refuse a device from its very next request on, in every process, for good. Once more changes nothing.

    Locks: the scanner's row, then its account's. Raises: ScannerNotFound, NotYourScanner.
    """
    scanner = _lock_scanner(scanner_id, by=by)
    if scanner.revoked_at is not None:
        return scanner
    scanner.revoked_at = at
    scanner.enrolment_digest, scanner.enrolment_expires_at = None, None
    scanner.save(update_fields=["revoked_at", "enrolment_digest", "enrolment_expires_at"])
    ended = close_device_account(user_id=scanner.user_id)
    _record(scanner, "scanner.revoked", by=by, at=at, reason=reason, tokens=ended)
    return scanner


@transaction.atomic
def record_contact(
    *, by: User, at: datetime, device_now: datetime, queue_depth: int, software: str | None
) -> Scanner:  # fmt: skip
    """Note that a device is there, how many scans it still has to send and how far its clock is ahead.

    Locks: the scanner's row. Raises: NotADevice.
    """
    scanner = Scanner.objects.select_for_update(no_key=True).filter(user_id=by.pk, revoked_at=None).first()
    if scanner is None:
        raise NotADevice
    was_skewed, scanner.skew = scanner.skew, clock_skew(device_now=device_now, at=at)
    scanner.last_contact_at, scanner.queue_depth = at, queue_depth
    renewed = software is not None and software != scanner.software
    if software is not None:
        scanner.software = software
    scanner.save(update_fields=["last_contact_at", "queue_depth", "skew", "software"])
    # Every minute of every device would fill the audit: what is in the row is enough, but for what explains scans.
    if renewed or was_skewed is None or abs(was_skewed - scanner.skew) > _NOTABLE_SKEW:
        _record(scanner, "scanner.contact", by=by, at=at, skew=scanner.skew, software=scanner.software)
    return scanner


def _get_events(event_ids: Sequence[UUID], *, by: User) -> list[Event]:
    events = find_run_events(user=by, event_ids=event_ids)
    open_ = [event for event in events if event.status in {EventStatus.DRAFT, EventStatus.PUBLISHED}]
    if len(open_) != len(set(event_ids)):
        raise UnknownEvents(attr="event_ids")
    return sorted(open_, key=lambda event: event.pk)


def _lock_scanner(scanner_id: UUID, *, by: User) -> Scanner:
    scanner = list_scanners(by).select_for_update(no_key=True).filter(pk=scanner_id).first()
    if scanner is None:
        raise ScannerNotFound
    is_admin = by.role == Role.CAMPUS_ADMIN
    own_events = [] if is_admin else list_own_event_ids(by)
    if not may_manage(is_admin=is_admin, scanner_events=scanner.event_ids, own_events=own_events):
        raise NotYourScanner
    return scanner


def _refuse_ended(scanner: Scanner, *, at: datetime) -> None:
    if scanner.revoked_at is not None or scanner.expires_at <= at:
        raise ScannerEnded


def _make_code() -> str:
    return secrets.token_urlsafe(16)


def _digest(code: str) -> bytes:
    # The campus is in it: a row copied to another campus enrols nothing there.
    return digest(f"enrolment/{site_code()}/{code}")


def _texts(event_ids: Sequence[UUID]) -> list[str]:
    return [str(event_id) for event_id in event_ids]


def _record(scanner: Scanner, action: str, *, by: User, at: datetime, reason: str = "", **changes: Any) -> None:
    record_action(
        at=at, by=by, action=action, target_type="scanner", target_id=scanner.pk, reason=reason, changes=changes
    )  # fmt: skip
