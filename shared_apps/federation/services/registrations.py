"""A visitor's place at another campus's event. Stand in the home campus."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F

from shared_apps.accounts.models import User
from shared_apps.audit.services import record_action
from shared_apps.federation.errors import (
    AlreadyAttended,
    AlreadyRegistered,
    FederatedEventNotFound,
    RegistrationClosed,
    RegistrationNotFound,
)
from shared_apps.federation.models import FederatedEvent, FederatedRegistration, Invitation, Visit
from shared_apps.federation.rules import FederatedStatus, RegistrationState, VisitStatus, has_free_seat
from shared_apps.federation.services.hosting import promote_waiting
from tenants.context import current_campus


@transaction.atomic
def register(*, by: User, at: datetime, event_id: UUID) -> tuple[FederatedRegistration, bool]:
    """Take a place, or a waiting place where the campus's seats are taken; return (registration, whether it is new).

    Said twice it changes nothing.

    Locks: the campus's invitation, before anything is read: seats are exact under any race, with the host too.
    Raises: FederatedEventNotFound (also for events that the campus is not invited to), RegistrationClosed,
    AlreadyRegistered (at the door in this moment, or at an event that counted them before they moved here).
    """
    invitation = _lock_invitation(event_id)
    event = FederatedEvent.objects.filter(pk=event_id).first()
    if event is None or invitation.withdrawn_at is not None:
        raise FederatedEventNotFound
    found = FederatedRegistration.objects.filter(event_id=event_id, person_id=by.person_id).first()
    if found is not None and found.state != RegistrationState.WITHDRAWN:
        return found, False
    if event.status != FederatedStatus.PUBLISHED or event.ends_at <= at:
        raise RegistrationClosed
    is_free = has_free_seat(seats=invitation.seats, taken=invitation.taken)
    state = RegistrationState.REGISTERED if is_free else RegistrationState.WAITING
    if is_free:
        Invitation.objects.filter(event_id=event_id, campus=invitation.campus).update(taken=F("taken") + 1)
    values = {"state": state, "requested_at": at, "updated_at": at}
    if found is None:
        try:
            with transaction.atomic():
                found = FederatedRegistration.objects.create(
                    event_id=event_id, person_id=by.person_id, host=invitation.host, home=invitation.campus, **values
                )
        except IntegrityError:
            raise AlreadyRegistered from None
    else:
        FederatedRegistration.objects.filter(event_id=event_id, person_id=by.person_id).update(**values)
        found.refresh_from_db()
    record_action(
        at=at, by=by, action="federation.registered", target_type="federated_event", target_id=event_id,
        changes={"state": str(state)},
    )  # fmt: skip
    return found, True


@transaction.atomic
def withdraw(*, by: User, at: datetime, event_id: UUID) -> FederatedRegistration:
    """Give a place back; the next of the campus who waits gets it in the same transaction.

    Locks: the campus's invitation, then the place: a door that has just let the person in is waited for, and seen.
    Raises: RegistrationNotFound, AlreadyAttended.
    """
    try:
        invitation = _lock_invitation(event_id)
    except FederatedEventNotFound:
        raise RegistrationNotFound from None
    places = FederatedRegistration.objects.select_for_update(no_key=True)
    found = places.filter(event_id=event_id, person_id=by.person_id).first()
    if found is None:
        raise RegistrationNotFound
    if found.state == RegistrationState.WITHDRAWN:
        return found
    if _is_counted(event_id, by.person_id):
        raise AlreadyAttended
    had_seat = found.state == RegistrationState.REGISTERED
    FederatedRegistration.objects.filter(event_id=event_id, person_id=by.person_id).update(
        state=RegistrationState.WITHDRAWN, updated_at=at
    )
    if had_seat:
        Invitation.objects.filter(event_id=event_id, campus=invitation.campus).update(taken=F("taken") - 1)
        promote_waiting(event_id=event_id, campus=invitation.campus, at=at)
    record_action(at=at, by=by, action="federation.withdrew", target_type="federated_event", target_id=event_id)
    found.refresh_from_db()
    return found


def give_up_places(*, person_id: UUID, at: datetime) -> int:
    """Delete the places of somebody who leaves this campus, so that they can register anew; return how many.

    Seats go to those who wait. Kept are places that were used, and those of events that are over. Needs a transaction.

    Locks: for each event in their order, the campus's invitation, then the place: a scan that uses it in this moment
    has either counted the person already, or finds no place.
    """
    me = current_campus().code
    over = FederatedEvent.objects.filter(ends_at__lte=at)
    places = FederatedRegistration.objects.filter(person_id=person_id, home=me)
    given_up = 0
    event_ids = places.exclude(event_id__in=over.values("id")).order_by("event_id").values_list("event_id", flat=True)
    for event_id in list(event_ids):
        Invitation.objects.select_for_update(no_key=True).filter(event_id=event_id, campus=me).first()
        place = places.select_for_update(no_key=True).filter(event_id=event_id).first()
        if place is None or _is_counted(event_id, person_id):
            continue
        FederatedRegistration.objects.filter(event_id=event_id, person_id=person_id).delete()
        given_up += 1
        if place.state == RegistrationState.REGISTERED:
            Invitation.objects.filter(event_id=event_id, campus=me).update(taken=F("taken") - 1)
            promote_waiting(event_id=event_id, campus=me, at=at)
    return given_up


def _is_counted(event_id: UUID, person_id: UUID) -> bool:
    counted = Visit.objects.filter(event_id=event_id, person_id=person_id).exclude(status=VisitStatus.VOID)
    return counted.exists()


def _lock_invitation(event_id: UUID) -> Invitation:
    rows = Invitation.objects.select_for_update(no_key=True)
    invitation = rows.filter(event_id=event_id, campus=current_campus().code).first()
    if invitation is None:
        raise FederatedEventNotFound
    return invitation
