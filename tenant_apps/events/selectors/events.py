"""Questions about events: who sees which."""

from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from tenant_apps.events.errors import EventNotFound
from tenant_apps.events.models import Event, Session
from tenant_apps.events.rules.events import EventStatus


def list_visible_events(user: User) -> QuerySet[Event]:
    """Return the events that ``user`` may see, latest start first.

    Everybody sees what was published, also after it was completed or cancelled; organizers their own drafts as well,
    campus admins everything.
    """
    events = (
        Event.objects.select_related("organizer")
        .prefetch_related(Prefetch("sessions", Session.objects.order_by("starts_at", "id")))
        .order_by("-starts_at", "-id")
    )
    if user.role == Role.CAMPUS_ADMIN:
        return events
    published = ~Q(status=EventStatus.DRAFT)
    return events.filter(published | Q(organizer_id=user.pk) if user.role == Role.ORGANIZER else published)


def find_visible_event(*, user: User, event_id: UUID) -> Event | None:
    """Return one event of this campus that ``user`` may see, None for all others."""
    return list_visible_events(user).filter(pk=event_id).first()


def get_visible_event(*, user: User, event_id: UUID) -> Event:
    """Return one event that ``user`` may see.

    Raises: EventNotFound, also for one that exists and is not theirs to see.
    """
    event = find_visible_event(user=user, event_id=event_id)
    if event is None:
        raise EventNotFound
    return event
