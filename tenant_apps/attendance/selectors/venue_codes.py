"""Questions about venue codes: whose session it is, which sessions take one now, whose device that was."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from shared_apps.accounts.models import User
from shared_apps.accounts.roles import Role
from tenant_apps.attendance.errors import NotYourEvent
from tenant_apps.attendance.models import DeviceUse
from tenant_apps.events.errors import SessionNotFound
from tenant_apps.events.models import Session
from tenant_apps.events.rules.events import EventStatus
from tenant_apps.events.selectors.events import get_visible_event


@dataclass(frozen=True, slots=True)
class DeviceHolders:
    """Who entered a code of a session with a device, and with which device somebody did; None for nobody and none."""

    user_id: UUID | None
    device: bytes | None


def get_run_session(*, user: User, event_id: UUID, session_id: UUID) -> Session:
    """Return a session of an event that ``user`` runs.

    Raises: EventNotFound, NotYourEvent, SessionNotFound.
    """
    event = get_visible_event(user=user, event_id=event_id)
    if user.role != Role.CAMPUS_ADMIN and event.organizer_id != user.pk:
        raise NotYourEvent
    return get_session(event_id=event.pk, session_id=session_id)


def get_session(*, event_id: UUID, session_id: UUID) -> Session:
    """Return a session with its event, whoever asks.

    Raises: SessionNotFound.
    """
    found = Session.objects.select_related("event").filter(pk=session_id, event_id=event_id).first()
    if found is None:
        raise SessionNotFound
    return found


def get_published_session(session_id: UUID) -> Session:
    """Return a session with its event, once that was published.

    Raises: SessionNotFound.
    """
    sessions = Session.objects.select_related("event").exclude(event__status=EventStatus.DRAFT)
    found = sessions.filter(pk=session_id).first()
    if found is None:
        raise SessionNotFound
    return found


def list_sessions_taking_codes(at: datetime) -> list[Session]:
    """Return the sessions in which a venue code is shown at that instant, with their events."""
    return list(
        Session.objects.select_related("event")
        .filter(
            event__status=EventStatus.PUBLISHED, event__takes_venue_code=True, opens_at__lte=at, closes_at__gte=at
        )
        .order_by("starts_at", "id")[:50]
    )  # fmt: skip


def find_device_holders(*, session_id: UUID, user_id: UUID, device: bytes) -> DeviceHolders:
    """Return whose the device is at that session, and which one that person has there: one statement."""
    uses = DeviceUse.objects.filter(Q(device=device) | Q(user_id=user_id), session_id=session_id)
    holder = own = None
    for use in uses:
        if bytes(use.device) == device:
            holder = use.user_id
        if use.user_id == user_id:
            own = bytes(use.device)
    return DeviceHolders(holder, own)
