"""Locking an event: the first lock of whatever changes it, its sessions or the places at it."""

from uuid import UUID

from shared_apps.accounts.models import User
from tenant_apps.events.errors import EventNotFound, NotYourEvent
from tenant_apps.events.models import Event
from tenant_apps.events.rules.events import EventStatus, runs_event


def lock_event(event_id: UUID, *, by: User) -> Event:
    """Return the event, locked until the transaction ends, if ``by`` runs it.

    Raises: EventNotFound (also for drafts of others), NotYourEvent.
    """
    event = find_locked_event(event_id)
    runs_it = event is not None and runs_event(role=by.role, user_id=by.pk, organizer_id=event.organizer_id)
    if event is None or (event.status == EventStatus.DRAFT and not runs_it):
        raise EventNotFound
    if not runs_it:
        raise NotYourEvent
    return event


def lock_shown_event(event_id: UUID) -> Event:
    """Return an event that was published, locked until the transaction ends, whoever asks.

    Raises: EventNotFound, also for every draft.
    """
    event = find_locked_event(event_id)
    if event is None or event.status == EventStatus.DRAFT:
        raise EventNotFound
    return event


def find_locked_event(event_id: UUID) -> Event | None:
    """Return the event, locked until the transaction ends. Doors go on recording meanwhile."""
    return Event.objects.select_for_update(no_key=True, of=("self",)).filter(pk=event_id).first()
