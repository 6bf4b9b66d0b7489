"""What is suspicious: decided from values alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import asin, cos, radians, sin, sqrt
from typing import Final
from uuid import UUID

from django.db import models

from tenant_apps.attendance.rules.scans import Method

# Nobody is faster from one place to another; below the distance the coordinates are not worth a question.
FASTEST_KM_PER_HOUR: Final = 100.0
NEAR_KM: Final = 1.0
# Where only the names of the venues are known, or only the campuses.
BETWEEN_VENUES: Final = timedelta(minutes=5)
BETWEEN_CAMPUSES: Final = timedelta(minutes=30)
# A share of an event marked by hand, and how many marks that must be.
MANUAL_SHARE: Final = 0.3
MANUAL_LEAST: Final = 10
# How far off a device's clock may be, in milliseconds.
WORST_SKEW: Final = 5 * 60 * 1000
# How long a number may be missing: batches arrive in any order.
GAP_GRACE: Final = timedelta(minutes=10)
_EARTH_KM: Final = 6371.0


class FlagKind(models.TextChoices):
    """What was found."""

    TWO_DOORS = "two_doors", "Two devices admitted the same pass without knowing of each other"
    SHARED_DEVICE = "shared_device", "One device served many people"
    TOO_FAR = "too_far", "Present at two places too far apart for the time between"
    MANUAL_SHARE = "manual_share", "An unusual share of an event was marked by hand"
    SELF_MARKED = "self_marked", "An organizer marked themselves"
    STAFF_MARKED = "staff_marked", "An organizer was marked by hand by somebody else"
    WRONG_CLOCK = "wrong_clock", "A device's clock was far off"
    SEQUENCE_GAP = "sequence_gap", "Scans of a device have not arrived"
    SEQUENCE_RESTART = "sequence_restart", "A device counted its scans anew"


class FlagState(models.TextChoices):
    """What came of looking at it."""

    OPEN = "open"
    DISMISSED = "dismissed"
    CONFIRMED = "confirmed"


def is_self_marked(*, method: str, user_id: UUID | None, operator_id: UUID | None) -> bool:
    """Return whether somebody recorded their own presence otherwise than with the code of the venue."""
    return user_id is not None and user_id == operator_id and method != Method.VENUE_CODE


@dataclass(frozen=True, slots=True)
class Admission:
    """One scan that let somebody in (or found them in): by which device, when it was taken, when the server had it."""

    device: UUID
    at: datetime
    received_at: datetime


def find_blind_admissions(admissions: Iterable[Admission]) -> list[tuple[Admission, Admission]]:
    """Return the pairs of neighbours in time, of one person at one session, of which the second device could not know
    of the first: it admitted before the server had the first one's scan.
    """
    in_order = sorted(admissions, key=lambda one: (one.at, one.received_at))
    return [
        (first, second)
        for first, second in pairwise(in_order)
        if first.device != second.device and second.at < first.received_at
    ]


@dataclass(frozen=True, slots=True)
class Stay:
    """Somebody's presence: at which campus and event, where that is, and the instants at which they were seen there."""

    host: str
    event_id: UUID
    venue: str
    latitude: float | None
    longitude: float | None
    seen: tuple[datetime, ...]


def distance_km(first: Stay, second: Stay) -> float | None:
    """Return how far apart two places are along the earth's surface; None where one of them is not known."""
    if first.latitude is None or first.longitude is None or second.latitude is None or second.longitude is None:
        return None
    here, there = radians(first.latitude), radians(second.latitude)
    half = (
        sin((there - here) / 2) ** 2
        + cos(here) * cos(there) * sin(radians(second.longitude - first.longitude) / 2) ** 2
    )
    return 2 * _EARTH_KM * asin(sqrt(min(half, 1.0)))


def are_too_far(first: Stay, second: Stay) -> bool:
    """Return whether nobody can have been at both.

    | known | too far when seen at both within |
    | --- | --- |
    | coordinates of both, over ``NEAR_KM`` apart | the time that ``FASTEST_KM_PER_HOUR`` needs |
    | two campuses | ``BETWEEN_CAMPUSES`` |
    | two venues by different names | ``BETWEEN_VENUES`` |
    | anything else | never |
    """
    if (first.host, first.event_id) == (second.host, second.event_id):
        return False
    between = min(abs(one - other) for one in first.seen for other in second.seen)
    distance = distance_km(first, second)
    if distance is not None:
        return distance > NEAR_KM and between < timedelta(hours=distance / FASTEST_KM_PER_HOUR)
    if first.host != second.host:
        return between < BETWEEN_CAMPUSES
    names = {first.venue.strip().casefold(), second.venue.strip().casefold()}
    return "" not in names and len(names) == 2 and between < BETWEEN_VENUES


def is_unusual_share(*, manual: int, all_marks: int) -> bool:
    """Return whether so many marks by hand deserve a look."""
    return manual >= MANUAL_LEAST and manual > MANUAL_SHARE * all_marks
