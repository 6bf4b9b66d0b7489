"""What campuses agree on: decided from values alone."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Self

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


class RollUpKind(models.TextChoices):
    """What a roll-up is of. ``year``: the twelve months that end with this one, as far as they are told."""

    MONTH = "month"
    YEAR = "year"


class DifferenceKind(models.TextChoices):
    """How the ledger and a host may disagree. The ledger wins for credit, the shared event for what the event is."""

    UNCREDITED = "uncredited", "Presence that the ledger does not have: it is credited."
    COUNTED_ELSEWHERE = "counted_elsewhere", "Presence of somebody whom another campus counts: it becomes void."
    MISSING_ATTENDANCE = "missing_attendance", "A visit whose attendance the host has lost: it is made again."
    STATUS = "status", "A visit and its attendance differ in status or times: the attendance follows."
    EVENT = "event", "The host's event is not what was shared, or gone: it follows."
    TRANSFER = "transfer", "A move that the campus has forgotten: the account is closed, or entered, again."
    SEATS = "seats", "More or fewer seats are taken than places registered: they are counted again."


class TransferState(models.TextChoices):
    """``accepted``: the person has an account at the destination; ``closed``: and no longer one at the origin."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class TransferDirection(models.TextChoices):
    """As one of the two campuses sees a transfer."""

    INCOMING = "incoming"
    OUTGOING = "outgoing"


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptEntry:
    """One presence of a person before they moved: ``home`` was credited with it then, and still is."""

    event_title: str
    session_name: str
    host: str
    home: str
    status: str
    first_in_at: datetime
    last_out_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """Return what is stored, instants as ISO 8601."""
        instants = {name: value.isoformat() for name, value in asdict(self).items() if isinstance(value, datetime)}
        return {**asdict(self), **instants}

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Self:
        """Return what was stored."""
        instants = {
            name: value and datetime.fromisoformat(value) for name, value in row.items() if name.endswith("_at")
        }
        return cls(**{**row, **instants})


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


def whole_transcript(
    *, received: Iterable[TranscriptEntry], own: Iterable[TranscriptEntry], destination: str
) -> list[TranscriptEntry]:
    """Return a person's whole history outside ``destination``, oldest first: what they brought along, and their own.

    So the last transcript somebody came with is all of it, and nothing that the destination has itself is in it twice.
    """
    entries = [entry for entry in (*received, *own) if entry.home != destination]
    return sorted(entries, key=lambda entry: entry.first_in_at)


def has_free_seat(*, seats: int | None, taken: int) -> bool:
    """Return whether one more may come; no number of seats means no limit."""
    return seats is None or taken < seats
