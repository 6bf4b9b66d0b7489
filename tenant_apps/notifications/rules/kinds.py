"""What people are told about, and by which channel where they have not said otherwise."""

from typing import Final

from django.db import models


class NoticeKind(models.TextChoices):
    """Kinds are stable, for clients. The label is the subject of the e-mail."""

    APPROVED = "registration.approved", "Your request for a place was approved"
    DECLINED = "registration.declined", "You have no place"
    PROMOTED = "registration.promoted", "You have a place now"
    RELEASED = "registration.released", "Your place was released"
    REMINDER = "session.reminder", "It starts soon"
    CHANGED = "event.changed", "An event has changed"
    CANCELLED = "event.cancelled", "An event was cancelled"
    DECIDED = "request.decided", "Your request was decided"
    ABSENT = "attendance.absent", "You were marked absent"
    CERTIFIED = "certificate.issued", "You have a certificate"
    REVOKED = "certificate.revoked", "A certificate of yours was revoked"
    OVERDUE = "request.overdue", "A request waits for a decision"
    DIGEST = "digest.organizer", "Your events today"


# The digest has what is overdue; in the inbox it would say again what is there already.
ONLY_IN_APP: Final = frozenset({NoticeKind.OVERDUE})
ONLY_BY_EMAIL: Final = frozenset({NoticeKind.DIGEST})


def default_channels(kind: str) -> tuple[bool, bool]:
    """Return whether something of ``kind`` is told in the app, and by e-mail, to those who have not chosen.

    A kind that nobody can choose about is told in the app.
    """
    if kind not in NoticeKind.values:
        return True, False
    return kind not in ONLY_BY_EMAIL, kind not in ONLY_IN_APP


def subject_of(kind: str) -> str:
    """Return what the e-mail of a kind is called."""
    return str(NoticeKind(kind).label) if kind in NoticeKind.values else "A notice for you"
