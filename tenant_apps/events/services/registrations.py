"""Places at a campus's own events.

Every verb locks the event first and counts places under that lock, so capacity and waiting list are exact under any
race. A door that records somebody locks no more than their place, so whoever takes a place away locks it too, and asks
only then whether its owner has come.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Q, QuerySet

from shared_apps.accounts.errors import UserNotFound
from shared_apps.accounts.models import User
from shared_apps.audit.services import Actor, record_action
from tenant_apps.events.errors import (
    AlreadyAttended,
    EventClosed,
    EventFull,
    NoRegistration,
    OwnRequest,
    RegistrationClosed,
    RegistrationDeclined,
    RegistrationNotFound,
    WalkInsNotAllowed,
    WrongEventStatus,
    WrongPlaceState,
)
from tenant_apps.events.models import Event, Registration
from tenant_apps.events.rules.events import EventStatus
from tenant_apps.events.rules.registrations import (
    LIVE,
    PlaceState,
    RegistrationMode,
    has_free_place,
    has_place_already,
    is_open,
)
from tenant_apps.events.selectors.registrations import count_taken, has_come, list_idle_places, list_lost_places
from tenant_apps.events.services.locking import find_locked_event, lock_event, lock_shown_event
from tenant_apps.notifications.services.notices import send_notices

_NEXT: Final = timedelta(microseconds=1)


@transaction.atomic
def register(*, by: User, at: datetime, event_id: UUID) -> tuple[Registration, bool]:
    """Take one's own place, a waiting place where all are taken, or ask for one; return (place, whether it is new).

    Said twice it changes nothing.

    Locks: the event.
    Raises: EventNotFound (drafts too), NoRegistration, RegistrationClosed, RegistrationDeclined.
    """
    event = lock_shown_event(event_id)
    found = Registration.objects.filter(event=event, user_id=by.pk).first()
    if found is not None and has_place_already(mode=event.registration, state=found.state):
        return found, False
    check_open(event, at=at)
    if found is not None and found.state == PlaceState.DECLINED:
        raise RegistrationDeclined
    place = found or Registration(event=event, user_id=by.pk)
    ask_for_place(place, event, at=at)
    _record(place, "requested" if place.state == PlaceState.REQUESTED else "registered", by=by, at=at)
    return place, True


@transaction.atomic
def withdraw(*, by: User, at: datetime, event_id: UUID) -> Registration:
    """Give one's own place back; the next who waits gets it in the same transaction.

    Locks: the event, then the place.
    Raises: EventNotFound (drafts too), RegistrationNotFound, AlreadyAttended.
    """
    event = lock_shown_event(event_id)
    place = lock_place(event, user_id=by.pk)
    if place.state in LIVE:
        give_back(place, event, state=PlaceState.WITHDRAWN, at=at)
        _record(place, "withdrawn", by=by, at=at)
    return place


@transaction.atomic
def approve_place(*, by: User, at: datetime, event_id: UUID, registration_id: UUID) -> Registration:
    """Let somebody come who asked, or whose request was declined; where all places are taken they wait.

    Said twice it changes nothing. Who asked is told.

    Locks: the event, then the place.
    Raises: EventNotFound, NotYourEvent, EventClosed, RegistrationNotFound, OwnRequest, WrongPlaceState.
    """
    event = lock_event(event_id, by=by)
    place = lock_place(event, pk=registration_id)
    _refuse_own(place, by)
    if event.status != EventStatus.PUBLISHED:
        raise EventClosed
    if place.state in {PlaceState.REGISTERED, PlaceState.WAITING}:
        return place
    if place.state not in {PlaceState.REQUESTED, PlaceState.DECLINED}:
        raise WrongPlaceState
    take_place(place, event, at=at, decided_at=at, decided_by_id=by.pk, reason="")
    _record(place, "approved", by=by, at=at)
    what = "you are on the waiting list" if place.state == PlaceState.WAITING else "you have a place"
    text = f"Your request for “{event.title}” was approved: {what}."
    _tell([place], event, kind="registration.approved", text=text, at=at)
    return place


@transaction.atomic
def decline_place(*, by: User, at: datetime, event_id: UUID, registration_id: UUID, reason: str) -> Registration:
    """Decline a request, or take a place or waiting place away; the next who waits gets the place.

    Said twice it changes nothing. Whose it was is told, with the reason.

    Locks: the event, then the place.
    Raises: EventNotFound, NotYourEvent, RegistrationNotFound, OwnRequest, AlreadyAttended, WrongPlaceState.
    """
    event = lock_event(event_id, by=by)
    place = lock_place(event, pk=registration_id)
    _refuse_own(place, by)
    if place.state == PlaceState.DECLINED:
        return place
    if place.state not in LIVE:
        raise WrongPlaceState
    give_back(place, event, state=PlaceState.DECLINED, at=at, decided_at=at, decided_by_id=by.pk, reason=reason)
    _record(place, "declined", by=by, at=at, reason=reason)
    text = f"You have no place at “{event.title}”: {reason}"
    _tell([place], event, kind="registration.declined", text=text, at=at)
    return place


@transaction.atomic
def register_walk_in(
    *, by: User, at: datetime, event_id: UUID, user_id: UUID | None = None, student_id: str | None = None
) -> Registration:
    """Give a place to somebody of this campus who stands at the door, however they asked before.

    Capacity is exact: nobody is squeezed in. Whoever has a place already keeps it. It is no presence: that is recorded
    afterwards.

    Locks: the event.
    Raises: EventNotFound, NotYourEvent, WrongEventStatus, WalkInsNotAllowed, UserNotFound, OwnRequest, EventFull.
    """
    event = lock_event_for_walk_ins(event_id, by=by)
    people = User.objects.filter(is_active=True)
    named = people.filter(pk=user_id) if user_id else people.filter(student_id__iexact=student_id)
    person = named.first()
    if person is None:
        attr = "user_id" if user_id else "student_id"
        raise UserNotFound("Nobody with an active account here is known by that.", attr=attr)
    if person.pk == by.pk:
        raise OwnRequest("Nobody lets themselves in: take your own place yourself.")
    place = Registration.objects.filter(event=event, user=person).first() or Registration(event=event, user=person)
    if place.state == PlaceState.REGISTERED:
        return place
    if not event.allows_walk_ins:
        raise WalkInsNotAllowed
    if not has_free_place(capacity=event.capacity, taken=count_taken(event)):
        raise EventFull
    take_place(place, event, at=at, is_walk_in=True, decided_at=at, decided_by_id=by.pk, reason="")
    _record(place, "walked_in", by=by, at=at)
    return place


def lock_event_for_walk_ins(event_id: UUID, *, by: User) -> Event:
    """Return the event, locked until the transaction ends, if ``by`` runs it and it takes place.

    Raises: EventNotFound, NotYourEvent, WrongEventStatus.
    """
    event = lock_event(event_id, by=by)
    if event.status != EventStatus.PUBLISHED:
        raise WrongEventStatus(f"The event is {event.status}.")
    return event


def check_open(event: Event, *, at: datetime) -> None:
    """Refuse where no places are to be taken now.

    Raises: NoRegistration, RegistrationClosed.
    """
    if event.registration == RegistrationMode.NONE:
        raise NoRegistration
    if not is_open(
        status=event.status, opens_at=event.registration_opens_at, closes_at=event.registration_closes_at,
        ends_at=event.ends_at, at=at,
    ):  # fmt: skip
        raise RegistrationClosed


def ask_for_place(place: Registration, event: Event, *, at: datetime) -> None:
    """Save ``place`` as what one gets by asking. Needs the event's lock."""
    if event.registration == RegistrationMode.APPROVAL:
        _save(place, PlaceState.REQUESTED, at=at, requested_at=at)
    else:
        take_place(place, event, at=at, requested_at=at)


def take_place(place: Registration, event: Event, *, at: datetime, **values: Any) -> None:
    """Save ``place`` as one that is taken, or as the last of the waiting list. Needs the event's lock."""
    values = {"requested_at": place.requested_at or at, **values}
    if has_free_place(capacity=event.capacity, taken=count_taken(event)):
        _save(place, PlaceState.REGISTERED, at=at, **values)
        return
    # In the order in which the event was locked, whatever the clocks of several servers say.
    last = Registration.objects.filter(event=event).aggregate(last=Max("waiting_since"))["last"]
    _save(place, PlaceState.WAITING, at=at, waiting_since=max(at, last + _NEXT) if last else at, **values)


def give_back(place: Registration, event: Event, *, state: PlaceState, at: datetime, **values: Any) -> None:
    """Save ``place`` as one that nobody has any more, and promote the next. Needs the locks of event and place.

    Raises: AlreadyAttended.
    """
    # A statement of its own, after the lock: a door that had the place locked has committed by now.
    if Registration.objects.filter(has_come(), pk=place.pk).exists():
        raise AlreadyAttended
    for name, value in {"state": state, "updated_at": at, **values}.items():
        setattr(place, name, value)
    place.save()
    promote_waiting(event, at=at)


def lock_place(event: Event, **which: Any) -> Registration:
    """Return one place of ``event``, locked with the one that follows it. Needs the event's lock.

    Raises: RegistrationNotFound.
    """
    pk = Registration.objects.filter(event=event, **which).values_list("pk", flat=True).first()
    if pk is None:
        raise RegistrationNotFound
    return _lock_with_next(event, [pk])[pk]


def promote_waiting(event: Event, *, at: datetime) -> list[Registration]:
    """Give free places to those who have waited longest, and tell them; return their places. Needs the event's lock.

    Whoever's account is closed is passed over. Nothing happens at an event that is over or does not take place.
    """
    if event.status != EventStatus.PUBLISHED or event.ends_at <= at:
        return []
    promoted = list(_lock(_next_waiting(event)))
    Registration.objects.filter(pk__in=[place.pk for place in promoted]).update(
        state=PlaceState.REGISTERED, promoted_at=at, updated_at=at
    )
    text = f"You have a place at “{event.title}” now: you were next on the waiting list."
    _tell(promoted, event, kind="registration.promoted", text=text, at=at)
    return promoted


@transaction.atomic
def release_seats(*, event_id: UUID, at: datetime) -> int:
    """Take the places of those who have not come by the event's hour of release, and give them to those who wait.

    Places that were got after that hour stay. Runs again freely; everybody is told once. Return how many were taken.

    Locks: the event, then the places.
    """
    event = find_locked_event(event_id)
    if event is None:
        return 0
    idle = _take_back(list_idle_places(at=at).filter(event=event), event, at=at)
    text = f"Your place at “{event.title}” is free for others: you had not come by the set time."
    _tell(idle, event, kind="registration.released", text=text, at=at)
    return len(idle)


@transaction.atomic
def give_up_places(*, event_id: UUID, at: datetime) -> int:
    """Take the places of those whose account was closed, by deactivation or a move; return how many.

    Locks: the event, then the places.
    """
    event = find_locked_event(event_id)
    return len(_take_back(list_lost_places(at=at).filter(event=event), event, at=at)) if event else 0


def tidy_places(*, at: datetime) -> int:
    """Release the seats of those who have not come and of closed accounts, event by event; return how many."""
    given_up = [give_up_places(event_id=event_id, at=at) for event_id in _events_of(list_lost_places(at=at))]
    released = [release_seats(event_id=event_id, at=at) for event_id in _events_of(list_idle_places(at=at))]
    return sum(given_up) + sum(released)


def _events_of(places: QuerySet[Registration]) -> list[UUID]:
    return list(places.order_by("event_id").values_list("event_id", flat=True).distinct())


def _take_back(places: QuerySet[Registration], event: Event, *, at: datetime) -> list[Registration]:
    ids = list(places.values_list("pk", flat=True))
    _lock_with_next(event, ids)
    # Asked again after the lock: a door that had a place locked has committed by now, and its owner has come.
    taken = list(Registration.objects.filter(~has_come(), pk__in=ids))
    if not taken:
        return []
    Registration.objects.filter(pk__in=[place.pk for place in taken]).update(state=PlaceState.RELEASED, updated_at=at)
    record_action(
        at=at, by=None, action="registration.released", target_type="event", target_id=event.pk,
        changes={"places": len(taken)},
    )  # fmt: skip
    promote_waiting(event, at=at)
    return taken


def _lock_with_next(event: Event, ids: Sequence[UUID]) -> dict[UUID, Registration]:
    """Lock the places ``ids`` together with those that get them when they come free."""
    return {place.pk: place for place in _lock([*ids, *_next_waiting(event, freed=len(ids))])}


def _lock(ids: Iterable[UUID]) -> QuerySet[Registration]:
    """Return these places, locked in the one order that doors with many scans keep to as well: by id."""
    return Registration.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=list(ids)).order_by("id")


def _next_waiting(event: Event, *, freed: int = 0) -> list[UUID]:
    """Return the ids of those who get the free places, ``freed`` more than there are now, in their order."""
    waiting = (
        Registration.objects.filter(Q(user__isnull=True) | Q(user__is_active=True), event=event)
        .filter(state=PlaceState.WAITING)
        .order_by("waiting_since", "id")
    )
    if event.capacity is not None:
        waiting = waiting[: max(0, event.capacity - count_taken(event) + freed)]
    return list(waiting.values_list("pk", flat=True))


def _refuse_own(place: Registration, by: User) -> None:
    if place.user_id == by.pk:
        raise OwnRequest


def _save(place: Registration, state: PlaceState, *, at: datetime, **values: Any) -> None:
    """Save ``place`` as if nothing had been before; ``values`` are what is known of it now."""
    fresh: dict[str, Any] = {
        "waiting_since": None, "promoted_at": None, "decided_at": None, "decided_by_id": None, "reason": "",
        "is_walk_in": False,
    }  # fmt: skip
    for name, value in {**fresh, **values, "state": state, "updated_at": at}.items():
        setattr(place, name, value)
    place.save()


def _tell(places: Iterable[Registration], event: Event, *, kind: str, text: str, at: datetime) -> None:
    people = [place.user_id for place in places if place.user_id is not None]
    send_notices(to=people, kind=kind, text=text[:500], at=at, event_id=event.pk)


def _record(place: Registration, what: str, *, by: Actor | None, at: datetime, reason: str = "") -> None:
    record_action(
        at=at, by=by, action=f"registration.{what}", target_type="registration", target_id=place.pk, reason=reason,
        changes={"event": str(place.event_id), "state": str(place.state)},
    )  # fmt: skip
