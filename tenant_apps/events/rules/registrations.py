"""Who has a place at an event: decided from values alone."""

import base64
import binascii
from datetime import datetime
from typing import Final

from django.db import models

from tenant_apps.events.rules.events import EventStatus

MOST_PLACES: Final = 1_000_000
GUEST_PASS_BYTES: Final = 16
_GUEST_PASS: Final = "EASG1."


class RegistrationMode(models.TextChoices):
    """How one comes by a place at an event."""

    NONE = "none", "There are no places to take: whoever comes, comes"
    OPEN = "open", "One may register; whoever has not is let in all the same"
    REQUIRED = "required", "Only those who have a place are let in"
    APPROVAL = "approval", "Only those are let in whose request was approved"


class PlaceState(models.TextChoices):
    """What a registration amounts to. None of them counts as presence."""

    REQUESTED = "requested"
    REGISTERED = "registered"
    WAITING = "waiting"
    WITHDRAWN = "withdrawn"
    DECLINED = "declined"
    RELEASED = "released"


LIVE: Final = (PlaceState.REQUESTED, PlaceState.REGISTERED, PlaceState.WAITING)
"""What can be given back, taken away or decided on."""
CAME: Final = ("present", "late", "left_early")
"""What the app above calls an attendance of somebody who was there."""


def is_open(
    *, status: str, opens_at: datetime | None, closes_at: datetime | None, ends_at: datetime, at: datetime
) -> bool:
    """Return whether one may register at that instant: between opening and closing, and never after the event's end."""
    until = min(closes_at or ends_at, ends_at)
    return status == EventStatus.PUBLISHED and (opens_at is None or opens_at <= at) and at < until


def has_free_place(*, capacity: int | None, taken: int) -> bool:
    """Return whether one more may come; no capacity means no limit."""
    return capacity is None or taken < capacity


def has_place_already(*, mode: str, state: str) -> bool:
    """Return whether asking once more changes nothing. A request that nobody has to approve any more is none."""
    return state in {PlaceState.REGISTERED, PlaceState.WAITING} or (
        state == PlaceState.REQUESTED and mode == RegistrationMode.APPROVAL
    )


def are_instants_sensible(
    *,
    opens_at: datetime | None,
    closes_at: datetime | None,
    releases_at: datetime | None,
    starts_at: datetime,
    ends_at: datetime,
) -> bool:
    """Return whether registration opens before it closes, both before the event's end, and seats are released while the
    event lasts: before its start nobody can have come.
    """
    until = closes_at or ends_at
    return (
        until <= ends_at
        and (opens_at is None or opens_at < until)
        and (releases_at is None or starts_at <= releases_at < ends_at)
    )


def write_guest_pass(secret: bytes) -> str:
    """Return the text of a guest's pass: it says nothing, and is known by its digest."""
    return _GUEST_PASS + base64.urlsafe_b64encode(secret).rstrip(b"=").decode()


def is_guest_pass(text: str) -> bool:
    """Return whether ``text`` has the form of a guest's pass."""
    body = text.removeprefix(_GUEST_PASS)
    if body == text or len(body) != 22 or not body.isascii():
        return False
    try:
        return write_guest_pass(base64.urlsafe_b64decode(f"{body}==")) == text
    except (binascii.Error, ValueError):
        return False
