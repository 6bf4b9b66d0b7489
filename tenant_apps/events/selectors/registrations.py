"""Questions about places at events."""

from datetime import datetime
from uuid import UUID

from django.db.models import Case, Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce

from shared_apps.accounts.models import User
from tenant_apps.events.errors import NotYourEvent
from tenant_apps.events.models import Event, Guest, Registration
from tenant_apps.events.rules.events import EventStatus, runs_event
from tenant_apps.events.rules.registrations import CAME, LIVE, PlaceState
from tenant_apps.events.selectors.events import get_visible_event


def get_run_event(*, user: User, event_id: UUID) -> Event:
    """Return an event that ``user`` runs.

    Raises: EventNotFound, NotYourEvent.
    """
    event = get_visible_event(user=user, event_id=event_id)
    if not runs_event(role=user.role, user_id=user.pk, organizer_id=event.organizer_id):
        raise NotYourEvent
    return event


def count_taken(event: Event) -> int:
    """Return how many places of an event are taken, guests' included. Exact under the event's lock."""
    return Registration.objects.filter(event=event, state=PlaceState.REGISTERED).count()


def list_places(event: Event) -> QuerySet[Registration]:
    """Return the places, waiting places and requests at an event, oldest request first, with ``position``."""
    rows = Registration.objects.filter(event=event).select_related("user", "guest")
    return _with_position(rows).order_by("requested_at", "id")


def list_guests(event: Event) -> QuerySet[Registration]:
    """Return the places of an event's guests, by name, with ``position``."""
    rows = Registration.objects.filter(event=event, guest__isnull=False).select_related("guest")
    return _with_position(rows).order_by("guest__name", "id")


def list_own_places(user: User) -> QuerySet[Registration]:
    """Return one's own places, newest request first, with ``position``."""
    rows = Registration.objects.filter(user_id=user.pk).select_related("event")
    return _with_position(rows).order_by("-requested_at", "-id")


def list_idle_places(*, at: datetime) -> QuerySet[Registration]:
    """Return the places that are to be released: of nobody who has come by the hour that their event has set for it.

    An hour before the event's start is one from before the event was moved, and means nothing.
    """
    held_since = Coalesce("promoted_at", "decided_at", "requested_at")
    due = Q(event__releases_seats_at__lte=at, event__releases_seats_at__gte=F("event__starts_at"))
    rows = _of_events_to_come(at).filter(due, state=PlaceState.REGISTERED).annotate(held_since=held_since)
    return rows.filter(~has_come(), held_since__lt=F("event__releases_seats_at"))


def list_lost_places(*, at: datetime) -> QuerySet[Registration]:
    """Return the places of closed accounts at events that are not over."""
    return _of_events_to_come(at).filter(~has_come(), user__is_active=False, state__in=LIVE)


def has_come() -> Q:
    """Return the condition on a place that its owner was recorded at the event."""
    # The app above keeps attendance; its rows are asked for by the name they give this relation.
    came = {"attendances__event_id": OuterRef("event_id"), "attendances__status__in": CAME}
    user = User.objects.filter(pk=OuterRef("user_id"), **came)
    guest = Guest.objects.filter(pk=OuterRef("guest_id"), **came)
    return Q(Exists(user)) | Q(Exists(guest))


def _of_events_to_come(at: datetime) -> QuerySet[Registration]:
    return Registration.objects.filter(event__status=EventStatus.PUBLISHED, event__ends_at__gt=at)


def _with_position(places: QuerySet[Registration]) -> QuerySet[Registration]:
    """Add ``position`` on the waiting list, from 1; None for whoever does not wait."""
    ahead = (
        Registration.objects.filter(
            event_id=OuterRef("event_id"), state=PlaceState.WAITING, waiting_since__lte=OuterRef("waiting_since")
        )
        .values("event_id")
        .annotate(count=Count("id"))
        .values("count")
    )
    return places.annotate(
        position=Case(When(state=PlaceState.WAITING, then=Subquery(ahead, output_field=IntegerField())), default=None)
    )
