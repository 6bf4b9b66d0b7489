"""What an event may become, and when its sessions are open: decided from values alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import models

from shared_apps.accounts.roles import Role

OPENS_BEFORE: Final = timedelta(minutes=60)
LATE_AFTER: Final = timedelta(minutes=15)
LONGEST_SESSION: Final = timedelta(hours=48)
MOST_SESSIONS: Final = 50


class EventStatus(models.TextChoices):
    """``draft → published → completed``, or ``cancelled``. "Ongoing" is a question of time, not a state."""

    DRAFT = "draft"
    PUBLISHED = "published"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class MissingCheckOut(models.TextChoices):
    """What it means, where a check-out is required, that somebody was never scanned going out."""

    STAYED = "stayed", "They stayed until the end"
    LEFT = "left", "They left early"


TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    EventStatus.DRAFT: frozenset({EventStatus.PUBLISHED}),
    EventStatus.PUBLISHED: frozenset({EventStatus.COMPLETED, EventStatus.CANCELLED}),
    EventStatus.COMPLETED: frozenset(),
    EventStatus.CANCELLED: frozenset(),
}
"""From each status to which."""


@dataclass(frozen=True, slots=True)
class Instants:
    """The five instants of a session, aware, in order."""

    opens_at: datetime
    starts_at: datetime
    late_after: datetime
    ends_at: datetime
    closes_at: datetime

    @property
    def in_order(self) -> bool:
        """Whether opening, start, lateness, end and closing follow each other, and the session is not absurdly long."""
        return (
            self.opens_at <= self.starts_at <= self.late_after <= self.ends_at <= self.closes_at
            and self.starts_at < self.ends_at
            and self.closes_at - self.opens_at <= LONGEST_SESSION
        )


def fill_instants(
    *,
    starts_at: datetime,
    ends_at: datetime,
    opens_at: datetime | None = None,
    late_after: datetime | None = None,
    closes_at: datetime | None = None,
) -> Instants:
    """Return the session's instants: where nothing is said it opens an hour before its start, is late after a quarter
    of an hour (at its end, if that is sooner), and closes as it ends.
    """
    return Instants(
        opens_at=opens_at or starts_at - OPENS_BEFORE,
        starts_at=starts_at,
        late_after=late_after or min(starts_at + LATE_AFTER, ends_at),
        ends_at=ends_at,
        closes_at=closes_at or ends_at,
    )


def event_span(sessions: Sequence[Instants]) -> tuple[datetime, datetime]:
    """Return the first start and the last end."""
    return min(session.starts_at for session in sessions), max(session.ends_at for session in sessions)


def runs_event(*, role: str, user_id: UUID, organizer_id: UUID | None) -> bool:
    """Return whether somebody runs an event: its organizer, and every campus admin."""
    return role == Role.CAMPUS_ADMIN or organizer_id == user_id


def is_ongoing(*, status: str, starts_at: datetime, ends_at: datetime, at: datetime) -> bool:
    """Return whether the event is happening at that instant."""
    return status == EventStatus.PUBLISHED and starts_at <= at <= ends_at
