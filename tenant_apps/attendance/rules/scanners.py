"""Devices at the door: decided from values alone."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import models

ENROL_WITHIN: Final = timedelta(minutes=15)
LONGEST_ENROLMENT: Final = timedelta(days=180)
MOST_EVENTS: Final = 50
# A device that packs up after the last session may still have scans to send.
_AFTER_THE_LAST_EVENT: Final = timedelta(days=1)


class ScannerKind(models.TextChoices):
    """What an enrolled device may do: a kiosk records and lists nothing."""

    SCANNER = "scanner"
    KIOSK = "kiosk"


class ScannerState(models.TextChoices):
    """How far the life of a device is."""

    WAITING = "waiting", "Its code was not used yet"
    LAPSED = "lapsed", "Its code was not used in time: renew it"
    ENROLLED = "enrolled", "It may record"
    EXPIRED = "expired", "Its time is over"
    REVOKED = "revoked", "It was revoked"


def scanner_state(
    *,
    enrolled_at: datetime | None,
    enrolment_expires_at: datetime | None,
    expires_at: datetime,
    revoked_at: datetime | None,
    at: datetime,
) -> ScannerState:
    """Return how far a device is. A new code for one that is enrolled takes nothing from it until it is used."""
    if revoked_at is not None:
        return ScannerState.REVOKED
    if expires_at <= at:
        return ScannerState.EXPIRED
    if enrolled_at is not None:
        return ScannerState.ENROLLED
    if enrolment_expires_at is not None and enrolment_expires_at > at:
        return ScannerState.WAITING
    return ScannerState.LAPSED


def default_expiry(last_end: datetime, *, at: datetime) -> datetime:
    """Return until when a device may record if nobody says it: a day after its last event, within bounds."""
    return min(last_end + _AFTER_THE_LAST_EVENT, at + LONGEST_ENROLMENT)


def is_usable_expiry(expires_at: datetime, *, at: datetime) -> bool:
    """Return whether a device may record until then: in the future, and within 180 days."""
    return at < expires_at <= at + LONGEST_ENROLMENT


def may_manage(*, is_admin: bool, scanner_events: Sequence[UUID], own_events: Sequence[UUID]) -> bool:
    """Return whether somebody may change a device: campus admins any, organizers one that serves their events only."""
    return is_admin or set(scanner_events) <= set(own_events)


def clock_skew(*, device_now: datetime, at: datetime) -> int:
    """Return by how many milliseconds the device's clock is ahead."""
    return round((device_now - at) / timedelta(milliseconds=1))
