"""Who may see what of the reports."""

from dataclasses import replace
from uuid import UUID

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from tenant_apps.events.errors import EventNotFound, SessionNotFound
from tenant_apps.events.models import Event, Session
from tenant_apps.reports.rules import Scope


def confine(*, user: User, scope: Scope) -> Scope:
    """Return ``scope`` as far as ``user`` may see it: campus admins all of it, organizers the events they run.

    Raises: EventNotFound, SessionNotFound, also for those that exist and are not theirs to see.
    """
    confined = scope if user.role == Role.CAMPUS_ADMIN else replace(scope, organizer_id=user.pk)
    if scope.session_id is not None:
        session = Session.objects.filter(pk=scope.session_id).select_related("event").first()
        if session is None or not _runs(user, session.event):
            raise SessionNotFound
        if scope.event_id not in {None, session.event_id}:
            raise SessionNotFound
        return replace(confined, event_id=session.event_id)
    if scope.event_id is not None:
        get_reported_event(user=user, event_id=scope.event_id)
    return confined


def get_reported_event(*, user: User, event_id: UUID) -> Event:
    """Return an event of whose attendance ``user`` may read.

    Raises: EventNotFound, also for one that exists and is not theirs to see.
    """
    event = Event.objects.filter(pk=event_id).first()
    if event is None or not _runs(user, event):
        raise EventNotFound
    return event


def _runs(user: User, event: Event) -> bool:
    return user.role == Role.CAMPUS_ADMIN or event.organizer_id == user.pk
