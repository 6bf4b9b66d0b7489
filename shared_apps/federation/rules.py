"""What campuses agree on: decided from values alone."""

from dataclasses import dataclass
from typing import Final

from django.db import models

MOST_INVITATIONS: Final = 400


class FederatedKind(models.TextChoices):
    """``hosted``: one campus's event, open to others. ``university``: one event held at several campuses."""

    HOSTED = "hosted"
    UNIVERSITY = "university"


class FederatedStatus(models.TextChoices):
    """``withdrawn``: no longer open to other campuses; what was counted stays counted."""

    PUBLISHED = "published"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"


class RegistrationState(models.TextChoices):
    """A visitor's place at an event. ``registered`` holds a seat, ``waiting`` the next that comes free."""

    REGISTERED = "registered"
    WAITING = "waiting"
    WITHDRAWN = "withdrawn"


class VisitStatus(models.TextChoices):
    """What the host's attendance amounts to; a void visit counts nowhere and may be made elsewhere."""

    PRESENT = "present"
    LATE = "late"
    LEFT_EARLY = "left_early"
    ABSENT = "absent"
    EXCUSED = "excused"
    VOID = "void"


class ReconciliationState(models.TextChoices):
    """How far a run is."""

    QUEUED = "queued"
    DONE = "done"


class DifferenceKind(models.TextChoices):
    """How the ledger and a host may disagree. The ledger wins for credit, the shared event for what the event is."""

    UNCREDITED = "uncredited", "Presence that the ledger does not have: it is credited."
    COUNTED_ELSEWHERE = "counted_elsewhere", "Presence of somebody whom another campus counts: it becomes void."
    MISSING_ATTENDANCE = "missing_attendance", "A visit whose attendance the host has lost: it is made again."
    STATUS = "status", "A visit and its attendance differ in status or times: the attendance follows."
    EVENT = "event", "The host's event is not what was shared, or gone: it follows."
    SEATS = "seats", "More or fewer seats are taken than places registered: they are counted again."


@dataclass(frozen=True, slots=True)
class Admission:
    """What a host knows about letting in the holder of another campus's pass."""

    home_archived: bool
    invited: bool
    revoked_through: int
    has_seat: bool
    """A place is registered, or one is free."""


def is_invited(*, kind: str, home_participates: bool, has_invitation: bool) -> bool:
    """Return whether people of the home campus may attend: by invitation, or because their campus takes part."""
    return home_participates if kind == FederatedKind.UNIVERSITY else has_invitation


def has_free_seat(*, seats: int | None, taken: int) -> bool:
    """Return whether one more may come; no number of seats means no limit."""
    return seats is None or taken < seats
