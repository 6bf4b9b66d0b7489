"""People without an account, at one event: entered by staff, or by themselves where the event allows it."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from shared_apps.accounts.models import User
from shared_apps.accounts.services.tries import count_try, forget_tries, try_key
from shared_apps.audit.services import Actor, record_action
from tenant_apps.events.errors import (
    EventFull,
    EventNotFound,
    GuestNotFound,
    RegistrationNotFound,
    ScanIdReused,
    TooManyGuests,
    TooManyPassTries,
    WalkInsNotAllowed,
)
from tenant_apps.events.models import Event, Guest, Registration
from tenant_apps.events.rules.registrations import (
    GUEST_PASS_BYTES,
    LIVE,
    PlaceState,
    has_free_place,
    is_guest_pass,
    write_guest_pass,
)
from tenant_apps.events.selectors.registrations import count_taken
from tenant_apps.events.services.locking import lock_event, lock_shown_event
from tenant_apps.events.services.registrations import (
    ask_for_place,
    check_open,
    give_back,
    lock_event_for_walk_ins,
    lock_place,
    take_place,
)
from tenants.context import site_code
from tenants.keys import derive_key, digest


@dataclass(frozen=True, slots=True)
class GuestPlace:
    """A guest's place. ``guest_pass`` is shown this once and stored nowhere."""

    registration: Registration
    guest_pass: str


@transaction.atomic
def invite_guest(*, by: User, at: datetime, event_id: UUID, guest: dict[str, Any]) -> GuestPlace:
    """Enter a guest, with a place, or a waiting place where all are taken. ``guest`` holds fields of ``Guest``.

    Locks: the event.
    Raises: EventNotFound, NotYourEvent, WrongEventStatus.
    """
    event = lock_event_for_walk_ins(event_id, by=by)
    text = write_guest_pass(secrets.token_bytes(GUEST_PASS_BYTES))
    place = Registration(event=event, guest=_meet(event, guest, text=text, at=at, by=by))
    take_place(place, event, at=at, decided_at=at, decided_by_id=by.pk)
    _record(place, "invited", by=by, at=at)
    return GuestPlace(place, text)


def register_guest(*, at: datetime, event_id: UUID, address: str, guest: dict[str, Any]) -> GuestPlace:
    """Let somebody who is not signed in register themselves, as any person of the campus does.

    Tries are counted by address before anything is looked at. An event that is not open to guests answers as one that
    does not exist.

    Locks: the event.
    Raises: TooManyGuests, EventNotFound, NoRegistration, RegistrationClosed.
    """
    if wait := count_try(key=try_key("guest", address), at=at):
        raise TooManyGuests(wait=wait)
    with transaction.atomic():
        event = lock_shown_event(event_id)
        if not event.allows_guests:
            raise EventNotFound
        check_open(event, at=at)
        text = write_guest_pass(secrets.token_bytes(GUEST_PASS_BYTES))
        place = Registration(event=event, guest=_meet(event, guest, text=text, at=at, by=None))
        ask_for_place(place, event, at=at)
        _record(place, "registered", by=None, at=at)
        return GuestPlace(place, text)


@transaction.atomic
def register_guest_walk_in(
    *, by: User, at: datetime, event_id: UUID, guest: dict[str, Any], scan_id: UUID | None = None
) -> GuestPlace:
    """Enter a guest who stands at the door, with a place. Capacity is exact: nobody is squeezed in.

    Their pass follows from ``scan_id`` where there is one: sent again it is the same guest, the same pass and the same
    scan, and nothing secret has to be kept for that.

    Locks: the event.
    Raises: EventNotFound, NotYourEvent, WrongEventStatus, ScanIdReused, WalkInsNotAllowed, EventFull.
    """
    event = lock_event_for_walk_ins(event_id, by=by)
    text = write_guest_pass(_secret(scan_id))
    known = Registration.objects.filter(guest__pass_digest=digest(text)).select_related("guest").first()
    if known is not None and (known.event_id != event.pk or _differs(known.guest, guest)):
        raise ScanIdReused
    if known is not None and known.state == PlaceState.REGISTERED:
        return GuestPlace(known, text)
    if not event.allows_walk_ins:
        raise WalkInsNotAllowed
    if not has_free_place(capacity=event.capacity, taken=count_taken(event)):
        raise EventFull
    place = known or Registration(event=event, guest=_meet(event, guest, text=text, at=at, by=by))
    take_place(place, event, at=at, is_walk_in=True, decided_at=at, decided_by_id=by.pk)
    _record(place, "walked_in", by=by, at=at)
    return GuestPlace(place, text)


@transaction.atomic
def withdraw_guest(*, by: User, at: datetime, event_id: UUID, guest_id: UUID) -> Registration:
    """Take a guest's place away; the next who waits gets it.

    Locks: the event, then the place. Raises: EventNotFound, NotYourEvent, GuestNotFound, AlreadyAttended.
    """
    event = lock_event(event_id, by=by)
    return _withdraw(event, by=by, at=at, guest_id=guest_id)


def withdraw_own_place(*, at: datetime, guest_pass: str, address: str) -> Registration:
    """Give a guest's place back, by whoever has their pass. Tries are counted by address until a pass is known.

    Locks: the event, then the place. Raises: TooManyPassTries, GuestNotFound, AlreadyAttended.
    """
    key = try_key("guest pass", address)
    if wait := count_try(key=key, at=at):
        raise TooManyPassTries(wait=wait)
    guest = Guest.objects.filter(pass_digest=digest(guest_pass)).first() if is_guest_pass(guest_pass) else None
    if guest is None:
        raise GuestNotFound
    with transaction.atomic():
        forget_tries(key)
        return _withdraw(lock_shown_event(guest.event_id), by=None, at=at, guest_id=guest.pk)


def _withdraw(event: Event, *, by: User | None, at: datetime, guest_id: UUID) -> Registration:
    try:
        place = lock_place(event, guest_id=guest_id)
    except RegistrationNotFound:
        raise GuestNotFound from None
    if place.state in LIVE:
        give_back(place, event, state=PlaceState.WITHDRAWN, at=at)
        _record(place, "withdrawn", by=by, at=at)
    return place


def _meet(event: Event, guest: dict[str, Any], *, text: str, at: datetime, by: Actor | None) -> Guest:
    return Guest.objects.create(
        event=event, pass_digest=digest(text), invited_by_id=by.pk if by else None, created_at=at, **guest
    )


def _differs(guest: Guest | None, said: dict[str, Any]) -> bool:
    return any(getattr(guest, name) != value for name, value in said.items())


def _secret(scan_id: UUID | None) -> bytes:
    if scan_id is None:
        return secrets.token_bytes(GUEST_PASS_BYTES)
    return derive_key(settings.MASTER_KEY, "guest", site_code(), str(scan_id), length=GUEST_PASS_BYTES)


def _record(place: Registration, what: str, *, by: Actor | None, at: datetime) -> None:
    record_action(
        at=at, by=by, action=f"guest.{what}", target_type="guest", target_id=place.guest_id,
        changes={"event": str(place.event_id), "state": str(place.state)},
    )  # fmt: skip
