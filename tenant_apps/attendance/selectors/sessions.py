"""Which sessions are to be closed."""

from datetime import datetime
from uuid import UUID

from django.db.models import F, Q

from tenant_apps.attendance.rules.closing import CLOSING_GRACE
from tenant_apps.events.models import Session
from tenant_apps.events.rules.events import EventStatus


def list_sessions_to_close(*, at: datetime, event_id: UUID | None = None) -> list[UUID]:
    """Return the sessions that ``rules.closing.may_close`` lets be closed at that instant, oldest first."""
    published = Q(event__status=EventStatus.PUBLISHED, closes_at__lte=at - CLOSING_GRACE)
    was_held = Q(event__completed_at__isnull=True) | Q(starts_at__lte=F("event__completed_at"))
    completed = Q(event__status=EventStatus.COMPLETED, ends_at__lte=at) & was_held
    rows = Session.objects.filter(published | completed, closed_at__isnull=True)
    if event_id is not None:
        rows = rows.filter(event_id=event_id)
    return list(rows.order_by("closes_at", "id").values_list("pk", flat=True))
