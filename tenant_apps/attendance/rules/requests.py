"""Corrections and excuses: decided from values alone."""

from datetime import datetime, timedelta
from typing import Final

from django.db import models

# How long after a session, or the whole event, one may still ask; and by when staff decide.
ASK_WITHIN: Final = timedelta(days=7)
DECIDE_WITHIN: Final = timedelta(days=5)


class RequestKind(models.TextChoices):
    """What is asked for: an absence excused (also before the event), or a record corrected."""

    EXCUSE = "excuse"
    CORRECTION = "correction"


class WantedStatus(models.TextChoices):
    """What one may ask to be recorded as; an excuse asks for ``excused``."""

    PRESENT = "present"
    LATE = "late"
    EXCUSED = "excused"


class RequestState(models.TextChoices):
    """How far a request is."""

    OPEN = "open"
    APPROVED = "approved"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class ExcuseCategory(models.TextChoices):
    """Why somebody cannot come."""

    REPRESENTING = "representing_school", "Representing the school"
    MEDICAL = "medical", "Medical"
    FAMILY = "family", "Family"
    OTHER = "other", "Other"


class Untimely(models.TextChoices):
    """Why it is not the time to ask."""

    TOO_LATE = "asked_too_late", "The time to ask is over: 7 days after the session's end."
    TOO_EARLY = "asked_too_early", "The session has not begun: there is nothing to correct yet."


def refuse_time(kind: str, *, starts_at: datetime, ends_at: datetime, at: datetime) -> Untimely | None:
    """Return why one may not ask at that instant, None where one may. The times are the session's, or the event's.

    | kind | from | until |
    | --- | --- | --- |
    | excuse | any time before | ``ASK_WITHIN`` after the end |
    | correction | the start | ``ASK_WITHIN`` after the end |
    """
    if at > ends_at + ASK_WITHIN:
        return Untimely.TOO_LATE
    return Untimely.TOO_EARLY if kind == RequestKind.CORRECTION and at < starts_at else None


def is_overdue(state: str, *, decide_by: datetime, at: datetime) -> bool:
    """Return whether staff should have decided by now."""
    return state == RequestState.OPEN and at > decide_by
